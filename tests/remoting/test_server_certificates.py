"""Certificates through the old server's shell, for each version's spelling, and seen on HTTPS afterwards."""

from __future__ import annotations

import hashlib
import socket
import ssl

import pytest
from certificates import Maker, make
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from blocks.exchange.exchange_server import ExchangeServer
from blocks.exchange.powershell.certificates import _read
from blocks.exchange.powershell.from_clixml import Row
from lab.authority import Authority
from lab.company import make_company
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.places import Places
from mailmove.certificates import Issued
from mailmove.errors import Blocked

M = Maker()


def issued(name: str = "mail.northwind.example") -> Issued:
    leaf = make(name, M.middle, names=(name,))
    key = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Issued(chain=leaf.pem + M.middle.pem, key=SecretStr(key))


def shown(exchange: OldExchange) -> str:
    """Thumbprint of what a client meets on HTTPS."""
    host, port = exchange.ews_url.split("/")[2].split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host, int(port)), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="mail.northwind.example") as link,
    ):
        return hashlib.sha1(link.getpeercert(binary_form=True) or b"").hexdigest()


@pytest.mark.parametrize("version", ["8.3.83.6", "14.3.123.4", "15.0.847.32", "15.1.2507.6", "15.2.1118.7"])
def test_import_use_and_put_back(version: str, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority()
    company = make_company(users=1, shared=0, public_folders=0, messages=1)
    with OldExchange(Places(), authority, company, Faults(), version=version) as exchange:
        is_2007 = version.startswith("8")
        url = exchange.shell_url.replace("/powershell", "/wsman") if is_2007 else exchange.shell_url
        block = ExchangeServer(
            ews_url=exchange.ews_url,
            username=company.admin,
            password=SecretStr(company.accounts[company.admin]),
            shell_url=url,
            shell_kind="winrm" if is_2007 else "exchange",
            extra_ca=authority.pem + M.root.pem,
        )
        before, first = exchange.picture(), block.certificates()
        assert len(first) == 1 and first[0].services == ("IIS",)
        assert first[0].thumbprint == shown(exchange).upper()
        fresh = issued()
        for _ in range(2):
            block.import_certificate(fresh)
            block.use_certificate(fresh.thumbprint)
        assert shown(exchange).upper() == fresh.thumbprint
        assert exchange.state.private.get("files", {}) == {}, "the file is gone from the server's disk"
        assert "PRIVATE KEY" not in str(exchange.picture()) + caplog.text
        block.use_certificate(first[0].thumbprint)
        block.remove_certificate(fresh.thumbprint)
        assert exchange.picture() == before
        assert shown(exchange).upper() == first[0].thumbprint


def test_what_is_not_in_the_store_cannot_be_used() -> None:
    authority = Authority()
    company = make_company(users=1, shared=0, public_folders=0, messages=1)
    with OldExchange(Places(), authority, company, Faults(), version="14.3.123.4") as exchange:
        block = ExchangeServer(
            ews_url=exchange.ews_url,
            username=company.admin,
            password=SecretStr(company.accounts[company.admin]),
            shell_url=exchange.shell_url,
            shell_kind="exchange",
            extra_ca=authority.pem,
        )
        with pytest.raises(Blocked, match="not in the store"):
            block.use_certificate("00" * 20)
        picture = exchange.picture()
        fresh = issued()
        block.import_certificate(fresh)
        block.remove_certificate(fresh.thumbprint)
        block.remove_certificate(fresh.thumbprint)
        assert exchange.picture() == picture


@pytest.mark.parametrize("version", ["8.3.83.6", "14.3.123.4"])
def test_the_windows_feature_is_installed_as_that_windows_does_it(version: str) -> None:
    authority, company = Authority(), make_company(users=1, shared=0, public_folders=0, messages=1)
    with OldExchange(Places(), authority, company, Faults(), version=version) as exchange:
        exchange.state.settings["rpc_proxy_feature"] = False
        block = ExchangeServer(
            ews_url=exchange.ews_url,
            username=company.admin,
            password=SecretStr(company.accounts[company.admin]),
            shell_url=exchange.shell_url.replace("/powershell", "/wsman"),
            shell_kind="winrm",
            extra_ca=authority.pem,
        )
        assert block.rpc_proxy_feature() is False
        for wanted in (True, True, False):
            block.set_rpc_proxy_feature(wanted)
            assert block.rpc_proxy_feature() is wanted
        blind = block.model_copy(update={"shell_kind": "exchange", "shell_url": exchange.shell_url})
        assert blind.rpc_proxy_feature() is None
        with pytest.raises(Blocked, match="ServerManagerCmd"):
            blind.set_rpc_proxy_feature(True)


@pytest.mark.parametrize("version", ["15.1.2507.6", "15.2.1118.7"])
def test_a_whole_certificate_of_2016_and_2019_arrives_as_its_bytes(version: str) -> None:
    """As others have captured it: MicrosoftDocs/office-docs-powershell 3493, 4651, 5256."""
    authority, company = Authority(), make_company(users=1, shared=0, public_folders=0, messages=1)
    with OldExchange(Places(), authority, company, Faults(), version=version) as exchange:
        block = ExchangeServer(
            ews_url=exchange.ews_url,
            username=company.admin,
            password=SecretStr(company.accounts[company.admin]),
            shell_url=exchange.shell_url,
            shell_kind="exchange",
            extra_ca=authority.pem,
        )
        with block._shell() as shell:
            [row] = shell.run("Get-ExchangeCertificate")
        assert row.keys() == {"RawData", "SerializationData"}
        [certificate] = block.certificates()
        assert certificate.thumbprint == shown(exchange).upper() == hashlib.sha1(row["RawData"]).hexdigest().upper()
        assert certificate.services == ("IIS",) and certificate.ends is not None and certificate.names


def _certificate_row(**values: object) -> Row:
    leaf = make("mail.northwind.example", M.middle, names=("mail.northwind.example",))
    der = ssl.PEM_cert_to_DER_cert(leaf.pem)
    row = Row({"RawData": der, "Services": "IIS, SMTP", **values})
    row.cmdlet = "Get-ExchangeCertificate"
    return row


@pytest.mark.parametrize(
    ("services", "read"),
    [
        ("IIS, SMTP", ("IIS", "SMTP")),
        ("None", ()),
        (["IIS"], ("IIS",)),
        (["IIS", "POP"], ("IIS", "POP")),
    ],
)
def test_services_in_each_form(services: object, read: tuple[str, ...]) -> None:
    assert _read(_certificate_row(Services=services)).services == read


def test_bytes_as_a_list_of_numbers_are_bytes() -> None:
    row = _certificate_row()
    assert _read(_certificate_row(RawData=list(row["RawData"]))).thumbprint


@pytest.mark.parametrize(
    "bad",
    [{"RawData": None}, {"RawData": b""}, {"RawData": b"x"}, {"RawData": "text"}, {"Services": 24}, {"Services": ""}],
)
def test_a_certificate_that_cannot_be_read_names_cmdlet_and_property(bad: dict[str, object]) -> None:
    with pytest.raises(Blocked, match=f"Get-ExchangeCertificate.*{next(iter(bad))}"):
        _read(_certificate_row(**bad))
