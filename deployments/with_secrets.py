"""Run a command with secrets that lie in files, as Docker and Kubernetes mount them.

    NAME_FILE=/run/secrets/name python -m deployments.with_secrets COMMAND ...

gives NAME to the command, for NAMEs that begin with PREFECT_. So no secret stands in a compose file, in what
`docker inspect` shows, or in the arguments of a process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_FILE = "_FILE"


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Setting -> content of the file that its NAME_FILE names. SystemExit: a file cannot be read, or is empty."""
    secrets = {}
    for name, path in environment.items():
        if name.startswith("PREFECT_") and name.endswith(_FILE) and name != "PREFECT_API_SSL_CERT_FILE":
            try:
                secrets[name.removesuffix(_FILE)] = content = Path(path).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SystemExit(f"{name}={path}: {error}") from error
            if not content:
                raise SystemExit(f"{name}={path}: the file is empty")
    return secrets


if __name__ == "__main__":
    words = sys.argv[1:]
    if not words:
        raise SystemExit("usage: python -m deployments.with_secrets COMMAND ...")
    os.execvpe(words[0], words, {**os.environ, **secrets_of(os.environ)})  # noqa: S606  # what the caller asks for
