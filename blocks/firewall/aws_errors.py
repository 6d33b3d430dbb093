"""What EC2's errors mean for us. Codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnection

from mailmove.errors import Blocked, MailmoveError, Refused, Throttled, Transient

_REFUSED = {
    "UnauthorizedOperation",
    "AuthFailure",
    "AccessDenied",
    "AccessDeniedException",
    "InvalidClientTokenId",
    "ExpiredToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "OptInRequired",
    "Blocked",
    "PendingVerification",
}
_THROTTLED = {
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "EC2ThrottledException",
    "BandwidthLimitExceeded",
}
_TRANSIENT = {"InternalError", "InternalFailure", "ServiceUnavailable", "Unavailable", "RequestTimeout"}


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def ours(who: str, wanted: str) -> Iterator[None]:
    """Turn botocore's errors into ours."""
    try:
        yield
    except ClientError as error:
        raise _from_answer(who, wanted, error) from error
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound, TokenRetrievalError, NoRegionError) as error:
        todo = "Put an access key, its secret and a region into the AWS credentials block."
        raise Refused(who, wanted=wanted, seen=str(error), todo=todo) from error
    except (HTTPClientError, NoConnection) as error:  # no connection, timeouts, TLS, proxy
        raise Transient(who, wanted=wanted, seen=str(error), todo="It is tried again.") from error
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise Blocked(who, wanted=wanted, seen=str(error), todo="Mend what it names in the block.") from error


def _from_answer(who: str, wanted: str, error: ClientError) -> MailmoveError:
    code = code_of(error)
    words = f"{code}: {error.response.get('Error', {}).get('Message', '')}"
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _REFUSED:
        return Refused(
            who, wanted=wanted, seen=words, todo="Give the access key this right, or use another key.", code=code
        )
    if code in _THROTTLED:
        return Throttled(who, wanted=wanted, seen=words, todo="It is tried again.", retry_after=10.0, code=code)
    if code in _TRANSIENT or status >= 500:
        return Transient(who, wanted=wanted, seen=words, todo="It is tried again.", code=code)
    todo = (
        "Check group_id and region." if code.startswith("InvalidGroup") else "Read EC2's words and mend what it names."
    )
    return Blocked(who, wanted=wanted, seen=words, todo=todo, code=code)
