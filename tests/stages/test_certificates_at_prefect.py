"""What an authority has issued outlives its process: its block keeps it at the Prefect server, as a secret."""

from __future__ import annotations

import json
from uuid import uuid4

from prefect.client.orchestration import get_client

from blocks.certificate.acme import AcmeAuthority, _KeptOrder


def test_what_is_kept_is_there_when_the_block_is_opened_anew(prefect_server: None) -> None:
    name, key = f"a-{uuid4().hex[:8]}", "a-private-key"
    AcmeAuthority(directory_url="https://acme.example/dir").save(name)
    opened = AcmeAuthority.load(name)
    opened._keep_order(["mail.contoso.com"], _KeptOrder(url="", key=key))
    again = AcmeAuthority.load(name)
    assert json.loads(again.kept.get_secret_value())["orders"]["mail.contoso.com"]["key"] == key
    with get_client(sync_client=True) as client:
        document = client.read_block_document_by_name(name, "acme-authority", include_secrets=False)
    assert key not in f"{again!r}{document.data}"
