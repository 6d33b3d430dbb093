"""The lab's Outlook Anywhere under an independent client: impacket's RPC over HTTP v2 transport, unpatched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from impacket.dcerpc.v5 import nspi, oxabref, rpcrt, transport
from impacket.dcerpc.v5.rpch import RPCProxyClientException
from impacket.http import AUTH_BASIC, AUTH_NTLM
from impacket.uuid import uuidtup_to_bin
from town import ADMIN, PASSWORD, USER, Town, town

from lab.exchange.rpc_proxy import mailbox_identity

EMSMDB = uuidtup_to_bin(("A4F1DB00-CA47-1067-B31F-00DD010662DA", "0.81"))
INTERFACES = {6001: EMSMDB, 6002: oxabref.MSRPC_UUID_OXABREF, 6004: nspi.MSRPC_UUID_NSPI}
SCHEMES = {"Basic": AUTH_BASIC, "NTLM": AUTH_NTLM}


@pytest.fixture(scope="module", params=["8.3.83.6", "15.0.847.32"])
def place(request: pytest.FixtureRequest) -> Iterator[Town]:
    with town(request.param) as made:
        made.faults.clear()
        yield made


def connected(
    place: Town, port: int, scheme: str, level: int, server: str = "SBS2008", password: str = PASSWORD
) -> Any:
    """An impacket DCE/RPC connection, bound to the interface behind `port`."""
    opened = transport.DCERPCTransportFactory(f"ncacn_http:SBS2008[{port},RpcProxy={place.address}:443]")
    opened.set_credentials(ADMIN, password)
    opened.set_auth_type(SCHEMES[scheme])
    url = f"https://{place.address}:{place.port}/rpc/rpcproxy.dll?{server}:{port}"
    opened.set_rpc_proxy_url(url)
    rpc = opened.get_dce_rpc()
    rpc.set_credentials(ADMIN, password)
    rpc.set_auth_level(level)
    rpc.connect()
    rpc.bind(INTERFACES[port])
    return rpc


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("port", INTERFACES)
def test_impacket_binds_to_every_port(place: Town, port: int, scheme: str) -> None:
    connected(place, port, scheme, rpcrt.RPC_C_AUTHN_LEVEL_NONE).disconnect()


@pytest.mark.parametrize("level", [rpcrt.RPC_C_AUTHN_LEVEL_CONNECT, rpcrt.RPC_C_AUTHN_LEVEL_PKT_PRIVACY])
def test_impacket_reads_the_address_book(place: Town, level: int) -> None:
    server = mailbox_identity(ADMIN) if place.state.major >= 15 else "SBS2008"
    rpc = connected(place, 6004, "Basic", level, server)
    handle = nspi.hNspiBind(rpc)["contextHandle"]
    tags = [0x3001001F, 0x39FE001F, 0x3003001E]
    answer = nspi.hNspiQueryRows(rpc, handle, Count=50, pPropTags=tags)
    rows = nspi.simplifyPropertyRowSet(answer["ppRows"])
    boxes = sorted(
        (box for box in place.state.store.mailboxes.values() if not box.hidden), key=lambda b: b.display_name
    )
    assert [(row[tags[0]].rstrip("\0"), row[tags[1]].rstrip("\0")) for row in rows] == [
        (box.display_name, box.address) for box in boxes
    ]
    assert any("/cn=anna" in str(row[tags[2]]) for row in rows)
    rest = nspi.hNspiQueryRows(rpc, handle, Count=1, pPropTags=[0x3001001F])
    assert len(nspi.simplifyPropertyRowSet(rest["ppRows"])) == 1
    rpc.disconnect()


def test_impacket_resolves_a_name(place: Town) -> None:
    rpc = connected(place, 6004, "NTLM", rpcrt.RPC_C_AUTHN_LEVEL_PKT_PRIVACY)
    handle = nspi.hNspiBind(rpc)["contextHandle"]
    answer = nspi.hNspiResolveNamesW(rpc, handle, pPropTags=[0x3001001F], paStr=[USER, "nobody@contoso.com"])
    assert [one["Data"] for one in answer["ppMIds"]["aulPropTag"]] == [2, 0]
    assert nspi.simplifyPropertyRowSet(answer["ppRows"])[0][0x3001001F].rstrip("\0") == "Anna Berg"
    rpc.disconnect()


def test_impacket_is_turned_away_without_the_right_password_port_or_sign_in(place: Town) -> None:
    with pytest.raises(RPCProxyClientException, match="401"):
        connected(place, 6001, "Basic", rpcrt.RPC_C_AUTHN_LEVEL_NONE, password="nonsense")
    with pytest.raises(RPCProxyClientException, match="401"):
        connected(place, 6001, "Basic", rpcrt.RPC_C_AUTHN_LEVEL_NONE, server="OTHER")
    unsigned = connected(place, 6004, "Basic", rpcrt.RPC_C_AUTHN_LEVEL_NONE)
    with pytest.raises(rpcrt.DCERPCException, match="rpc_s_access_denied"):
        nspi.hNspiBind(unsigned)
    unsigned.disconnect()
