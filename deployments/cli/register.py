"""The command `mailmove register`. Imports as in `deployments.cli.main`."""

from __future__ import annotations

import typer

from deployments.cli.output import IN_THE_WAY, AsJson, fail, say

registering = typer.Typer()


@registering.command()
def register(json: AsJson = False) -> None:
    """Register work pool, blocks and deployments at the Prefect server in use; again after each upgrade."""
    import os
    import subprocess
    import sys

    from deployments.server.registration import POOL, ROOT, registration_words

    for words in registration_words():
        done = subprocess.run(  # noqa: S603  # our own words
            [sys.executable, "-m", "prefect", "--no-prompt", *words],
            cwd=ROOT,
            env={**os.environ, "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            fail(f"prefect {' '.join(words[:2])}:\n{done.stdout}{done.stderr}", IN_THE_WAY, json=json)
    content = {"pool": POOL, "folder": str(ROOT)}
    text = f"registered; start workers where Mailmove is installed: prefect worker start --pool {POOL}"
    say(content if json else text, json)
