"""The customer's administrator: approves the partner's invitation some seconds after it came."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from lab.cloud.cloud import Cloud


class Customer:
    """`with Customer(cloud, after_seconds=3):` approves each waiting GDAP relationship that long after it is seen.

    The Microsoft Customer Agreement is accepted as soon as the partner may sell, and never before.
    """

    def __init__(self, cloud: Cloud, *, after_seconds: float) -> None:
        self._cloud, self._after = cloud, after_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._live, name="lab-customer", daemon=True)

    def __enter__(self) -> Customer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)

    def _live(self) -> None:
        since: float | None = None
        while not self._stop.wait(0.1):
            if self._cloud.tenant.domains.keys() - {self._cloud.tenant.initial_domain}:
                self._cloud.customer_takes_over_domain()  # told before, they have seen to it when it is added here
            if self._cloud.tenant.resold and not self._cloud.tenant.agreement_signed:
                self._cloud.customer_accepts_agreement()
            waiting = "approvalPending" in self._cloud.picture()["relationships"].values()
            if not waiting:
                since = None
            elif since is None:
                since = time.monotonic()
            elif time.monotonic() - since >= self._after:
                self._cloud.customer_approves()
