"""The health check of the container image: `python -m deployments.server.healthy`. Exit status 0: it answers.

It imports nothing but the standard library, because it is started every half minute.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

WORKER = "http://127.0.0.1:8080/health"
"""Where `prefect worker start --with-healthcheck` answers."""
_SECONDS = 8.0


def trouble_at(address: str) -> str | None:
    """Why it is not healthy; None: it answered with 200. Proxies are not asked: it is this container's own."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(address, timeout=_SECONDS) as answer:
            return None if answer.status == 200 else f"{address} answered {answer.status}"
    except urllib.error.HTTPError as error:
        return f"{address} answered {error.code}"
    except (OSError, ValueError) as error:
        return f"{address}: {error}"


if __name__ == "__main__":
    if trouble := trouble_at(os.environ.get("MAILMOVE_HEALTH_URL", WORKER)):
        sys.exit(trouble)
