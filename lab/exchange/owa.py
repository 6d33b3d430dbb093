"""Outlook Web App's logon page, as anybody sees it: a redirect to the form, which bears the server's version.

Source: `OwaHttpHeader.Version` of Exchange's own Microsoft.Exchange.Clients.Owa ("X-OWA-Version"); Shodan's listings of
Exchange 2007 show it with IIS 7.0. Forms are at /owa/auth/logon.aspx from 2007 on.
"""

from __future__ import annotations

from lab.exchange.web import Serve, WebHandler

_FORM = "/owa/auth/logon.aspx"


def owa(version: str) -> Serve:
    """Serve everything below /owa for a server of this version."""

    def serve(handler: WebHandler) -> None:
        if handler.path.lower().startswith(_FORM):
            page = f'<html><link href="/owa/{version}/themes/base/logon.css"><form action="owaauth.dll"></form></html>'
            handler.reply(200, page.encode(), ("X-OWA-Version", version))
        else:
            handler.reply(302, b"", ("Location", f"{_FORM}?url={handler.path}&reason=0"))

    return serve
