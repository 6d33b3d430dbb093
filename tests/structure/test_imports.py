"""What is imported when: nobody waits for libraries that are not used. Modules are checked, never seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HELP_NEEDS = {
    "typer",
    "annotated_doc",
    "rich",
    "attr",
    "markdown_it",
    "mdurl",
    "pygments",
    "shellingham",
    "deployments",
}
PROVIDERS = {"acme", "josepy", "boto3", "botocore", "prefect_aws", "msal", "octodns", "pypsrp", "spnego"}
LATE = PROVIDERS | {"exchangelib", "lxml", "lab"}
"""What no flow needs before a task opens a block, or looks at a server."""


def loaded_by(code: str) -> set[str]:
    """Top-level modules after running it in a fresh process."""
    tell = "\nimport json, sys; sys.stderr.write('\\n' + json.dumps(sorted({n.split('.')[0] for n in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", code + tell], cwd=ROOT, capture_output=True, text=True, timeout=110, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_help_waits_for_nothing_that_it_does_not_print() -> None:
    code = "import sys\nsys.argv = ['mailmove', '--help']\nfrom deployments.cli.main import app\n"
    code += "try:\n    app()\nexcept SystemExit:\n    pass"
    ours = loaded_by(code) - loaded_by("import sys")
    strangers = {name for name in ours if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert strangers <= HELP_NEEDS, "imports belong into the commands"


def entrypoints() -> list[str]:
    told = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
    return [one["entrypoint"] for one in told if not one["entrypoint"].startswith("flows/rehearsal.py")]


@pytest.mark.parametrize("entrypoint", entrypoints())
def test_a_flow_is_there_before_any_provider_is(entrypoint: str) -> None:
    """A woken run that parks again opens no block: it must not pay for them."""
    loaded = loaded_by(f"from prefect.flows import load_flow_from_entrypoint as load; load({entrypoint!r})")
    assert {"prefect", "mailmove", "tasks"} <= loaded
    assert loaded & LATE == set()


def test_who_opens_a_block_pays_for_that_one_only() -> None:
    code = "from tasks.execution.open_blocks import open_block\nfrom mailmove.ports import DnsProvider\n"
    code += "from mailmove.errors import Blocked\n"
    code += "from unittest.mock import patch\nfrom blocks.dns.rfc2136 import Rfc2136\n"
    code += "with patch.object(Rfc2136, 'load', side_effect=ValueError) as load:\n"
    code += "    try: open_block('rfc2136/acme', DnsProvider)\n    except Blocked: pass\n"
    code += "load.assert_called_once_with('acme')"
    loaded = loaded_by(code)
    assert "dns" in loaded and loaded & (LATE | {"redis", "prefect_redis"}) == set()


def test_prefect_itself_opens_a_block_that_a_form_names_by_its_id() -> None:
    """It looks for the class in the collections that are installed, by the entry point in pyproject.toml."""
    code = "from prefect.blocks.core import Block\n"
    code += "assert Block.get_block_class_from_key('exchange-server').__name__ == 'ExchangeServer'"
    assert "pypsrp" in loaded_by(code)


def test_nobody_in_production_reads_ews_by_another_client() -> None:
    assert "exchangelib" not in loaded_by("import blocks, blocks.exchange.exchange_server, blocks.exchange.ews.client")


def test_prefect_finds_every_block_type_in_the_package() -> None:
    code = "import inspect, blocks\nfrom prefect.blocks.core import Block\n"
    code += "found = {one for _, one in inspect.getmembers(blocks) if Block.is_block_class(one)}\n"
    code += "assert found == set(blocks.ALL_BLOCKS) and len(found) > 10"
    assert loaded_by(code) >= PROVIDERS
