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
from botocore.parsers import ResponseParserError

from blocks.tls_roots import kind_of
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
    """EC2's name of the error; empty: its answer has none."""
    return str(_error_of(error).get("Code", ""))


def _error_of(error: ClientError) -> dict[str, object]:
    """botocore gives what stands in the answer; a proxy's page has no such element, or another in its place."""
    shown: object = error.response.get("Error")
    return shown if isinstance(shown, dict) else {}


@contextmanager
def ours(who: str, wanted: str) -> Iterator[None]:
    """Turn botocore's errors into ours.

    Only calls of botocore stand within: its parser trusts the form of the XML; where it is another it fails in any way.
    """
    try:
        yield
    except ClientError as error:
        raise _from_answer(who, wanted, error) from None
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound, TokenRetrievalError, NoRegionError) as error:
        todo = "Put an access key, its secret and a region into the AWS credentials block."
        raise Refused(who, wanted=wanted, seen=str(error), todo=todo) from None
    except (HTTPClientError, NoConnection) as error:  # no connection, timeouts, TLS, proxy
        raise Transient(who, wanted=wanted, seen=_words(error), todo="It is tried again.") from None
    except (ResponseParserError, AttributeError, TypeError, LookupError) as error:
        raise damaged(who, wanted, f"an answer that is not EC2's ({type(error).__name__})") from None
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint that is no URL
        raise Blocked(who, wanted=wanted, seen=str(error), todo="Mend what it names in the block.") from None


def damaged(who: str, wanted: str, seen: str) -> Transient:
    """An answer that lacks what EC2's answers have."""
    return Transient(who, wanted=wanted, seen=seen, todo="It is tried again; if it stays, look for a proxy in between.")


def _from_answer(who: str, wanted: str, error: ClientError) -> MailmoveError:
    code = code_of(error)
    words = f"{code}: {_error_of(error).get('Message', '')}"
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


def _words(error: Exception) -> str:
    """botocore's words, without those of the HTTP client inside: they quote a header that cannot be sent, token too."""
    return kind_of(error) if type(error) is HTTPClientError else str(error)
