"""Run Prefect's API and UI with `Guard` before them: `python -m deployments.server.api_server`.

The box, compose and Kubernetes start it instead of `prefect server start`. It does not start without
PREFECT_SERVER_API_AUTH_STRING. Two settings are on unless they were chosen otherwise: protection against CSRF, and
no CORS. MAILMOVE_ALLOWED_HOSTS: names under which it is asked besides loopback's, by commas.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from deployments.server.guard import SHORTEST_STRING, Guard

ALLOWED_HOSTS = "MAILMOVE_ALLOWED_HOSTS"
"""Name of the environment variable with the host names of the server, by commas."""


def guarded_app(*, webserver_only: bool) -> ASGIApp:
    """Prefect's application behind the guard. `webserver_only`: its services run elsewhere."""
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    from deployments.server.sqlite_begin_immediate import begin_immediately

    begin_immediately()
    api = get_current_settings().server.api
    names = [name.strip() for name in os.environ.get(ALLOWED_HOSTS, "").split(",") if name.strip()]
    string = api.auth_string.get_secret_value() if api.auth_string else ""
    return Guard(create_app(final=True, webserver_only=webserver_only), string, names, api.base_path or "/api")


def main() -> int:
    """Serve until TERM. Exit status 2: there is no string, or it is too short."""
    parser = argparse.ArgumentParser(description="Prefect's API and UI, closed")
    parser.add_argument("--host", default="127.0.0.1", help="Address to listen at")
    parser.add_argument("--port", type=int, default=4200, help="Port to listen at")
    parser.add_argument("--fd", type=int, help="Descriptor of a socket that is bound already, instead of host and port")
    parser.add_argument("--no-services", action="store_true", help="Only API and UI; the services run elsewhere")
    options = parser.parse_args()
    if len(os.environ.get("PREFECT_SERVER_API_AUTH_STRING", "")) < SHORTEST_STRING:
        sys.stderr.write(
            f"PREFECT_SERVER_API_AUTH_STRING needs {SHORTEST_STRING} characters or more, as user:password. "
            "Without it whoever reaches this port reads every credential.\n"
        )
        return 2
    _close_by_default(options.port)
    import uvicorn
    from prefect.settings import get_current_settings

    from deployments.engine import collect_garbage_seldom

    collect_garbage_seldom()
    server = get_current_settings().server
    config = uvicorn.Config(
        guarded_app(webserver_only=options.no_services),
        host=options.host,
        port=options.port,
        timeout_keep_alive=server.api.keepalive_timeout,
        log_level=server.logging_level.lower(),
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    bound = [socket.socket(fileno=options.fd)] if options.fd is not None else None
    uvicorn.Server(config).run(sockets=bound)
    return 0


def _close_by_default(port: int) -> None:
    """Settings of Prefect that close it; before Prefect is imported, which reads them then."""
    own = os.environ.get("PREFECT_API_URL", "")
    origin = f"{urlsplit(own).scheme}://{urlsplit(own).netloc}" if own else f"http://127.0.0.1:{port}"
    for name, value in {
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": origin,
        "PREFECT_SERVER_UI_API_URL": "/api",  # of its own origin, whatever name or tunnel led to it
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }.items():
        os.environ.setdefault(name, value)


if __name__ == "__main__":
    sys.exit(main())
