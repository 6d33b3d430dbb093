"""Codes with which a person signs in on another machine (RFC 8628), and the refresh tokens that come of it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from lab.cloud.errors import ApiError


@dataclass(frozen=True)
class Refreshing:
    """A refresh token: whose, and to which application it was given."""

    client_id: str
    user: str
    refresh_token: str


@dataclass
class _Waiting:
    client_id: str
    scope: str
    user_code: str
    until: float
    user: str | None = None
    declined: bool = False


class DeviceCodes:
    """`person_types(code, user)` is what somebody does at microsoft.com/devicelogin."""

    def __init__(self) -> None:
        self.lifetime = 900.0
        self.left: dict[str, Refreshing] = {}
        self._waiting: dict[str, _Waiting] = {}

    def begin(self, base: str, client_id: str, scope: str) -> dict[str, Any]:
        code, user_code = secrets.token_urlsafe(24), secrets.token_hex(4).upper()
        self._waiting[code] = _Waiting(client_id, scope, user_code, time.monotonic() + self.lifetime)
        page = f"{base}/common/oauth2/deviceauth"
        words = f"To sign in, use a web browser to open the page {page} and enter the code {user_code} to authenticate."
        return {
            "user_code": user_code,
            "device_code": code,
            "verification_uri": page,
            "expires_in": int(self.lifetime),
            "interval": 1,
            "message": words,
        }

    def person_types(self, user_code: str, user: str | None) -> None:
        """Enter a code as `user`; None: the person declines. KeyError: there is no such code."""
        waiting = next((request for request in self._waiting.values() if request.user_code == user_code), None)
        if waiting is None:
            raise KeyError(user_code)
        waiting.user, waiting.declined = user, user is None

    def redeem(self, client_id: str, code: str) -> tuple[Refreshing, str]:
        """Exchange a code, once, for (refresh token, scope that was asked for).

        ApiError says authorization_pending, expired_token, authorization_declined.
        """
        waiting = self._waiting.get(code)
        if waiting is None or waiting.client_id != client_id:
            raise ApiError(400, "bad_verification_code", "AADSTS70019: The device code is not known.")
        if waiting.declined:
            raise ApiError(400, "authorization_declined", "AADSTS70018: The user has denied access.")
        if time.monotonic() > waiting.until:
            raise ApiError(400, "expired_token", "AADSTS70020: The provided device code has expired.")
        if waiting.user is None:
            raise ApiError(400, "authorization_pending", "AADSTS70016: The user has not signed in yet.")
        del self._waiting[code]
        made = Refreshing(client_id, waiting.user, secrets.token_urlsafe(48))
        self.left[made.refresh_token] = made
        return made, waiting.scope
