"""Whom a connection of requests trusts: those of the context that it was given, and no root more."""

import ssl

import pytest
import requests
from cloud_town import Town

from blocks.tls_roots import requests_session


def test_a_connection_adds_no_root_to_the_context(town: Town) -> None:
    context = ssl.create_default_context(cadata=town.authority.pem)
    with requests_session(context) as session:
        assert session.get(f"{town.cloud.base_url}/nothing", timeout=10).status_code
    assert context.cert_store_stats()["x509"] == 1


def test_a_root_that_was_not_given_is_not_trusted(town: Town) -> None:
    with requests_session(ssl.create_default_context()) as session, pytest.raises(requests.exceptions.SSLError):
        session.get(f"{town.cloud.base_url}/nothing", timeout=10)
