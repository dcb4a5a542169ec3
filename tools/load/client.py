"""An HTTP client with its own tenant and one connection. Times every call."""

from __future__ import annotations

import http.client
import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from tools.local_stack import issuer
from tools.local_stack.proxy import WAITED

if TYPE_CHECKING:
    from pathlib import Path

RESERVATIONS: Final = "/api/v2/reservations"
CLAIMS: Final = "/v1alpha1/inference/capacityclaims"
CALL_SECONDS_MAX: Final = 300
"""Longer than a call waits for its turn at the proxy when all clients call at once."""
INSUFFICIENT: Final = 507
FAULTS_FROM: Final = 500
OK: Final = 200
ACCEPTED: Final = 202


@dataclass(frozen=True)
class Call:
    """One call: operation, status (0 for no answer) and duration (s).

    ``waited`` is the part of the duration (s) in which the local proxy held it until a process was free.
    """

    operation: str
    status: int
    seconds: float
    waited: float = 0.0

    @property
    def is_fault(self) -> bool:
        """Whether it is a server error. 507 is none: it means that there is no room."""
        return self.status == 0 or (self.status >= FAULTS_FROM and self.status != INSUFFICIENT)


@dataclass
class Client:
    """One organization with one project, both derived from ``number``."""

    url: str
    issuer_key: Path
    number: int
    calls: list[Call] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.organization = str(uuid5(NAMESPACE_URL, f"load/organization/{self.number}"))
        self.project = str(uuid5(NAMESPACE_URL, f"load/project/{self.number}"))
        token = issuer.mint(
            self.issuer_key,
            organization=self.organization,
            project=self.project,
            subject=f"load-{self.number}@example.com",
        )
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        address = urlsplit(self.url)
        self._connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=CALL_SECONDS_MAX
        )

    def reserve(self, region: str, accelerator: str, unit: str, count: int) -> tuple[int, str | None]:
        """Create a reservation; return the status and, if accepted, the id."""
        body = {
            "metadata": {"name": f"load-{self.number}"},
            "spec": {
                "organizationId": self.organization,
                "projectId": self.project,
                "regionId": region,
                "accelerator": accelerator,
                "unit": unit,
                "count": count,
            },
        }
        status, answer = self.call("create_reservation", "POST", RESERVATIONS, body)
        return status, answer["metadata"]["id"] if status == ACCEPTED else None

    def free(self, identity: str) -> int:
        """Delete a reservation; return the status."""
        return self.call("delete_reservation", "DELETE", f"{RESERVATIONS}/{identity}")[0]

    def claim(self, region: str, instance: str, count: int) -> tuple[int, str | None]:
        """Create a claim; return the status and, if accepted, the id."""
        resources = {
            "instanceId": instance,
            "instanceCount": count,
            "zones": [region],
            "capacityType": "CAPACITY_TYPE_CUSTOMER",
        }
        status, answer = self.call("create_capacity_claim", "POST", CLAIMS, {"resources": resources})
        return status, answer["capacityClaim"]["spec"]["id"] if status == OK else None

    def drop(self, identity: str) -> int:
        """Delete a claim; return the status."""
        return self.call("delete_capacity_claim", "DELETE", f"{CLAIMS}/{identity}")[0]

    def leave(self) -> bool:
        """Delete everything in the tenant's lists; return whether the lists could be read and were empty.

        The lists also have what a call without an answer created.
        """
        status, reservations = self.call("list_reservations", "GET", RESERVATIONS)
        claimed, answer = self.call("list_capacity_claims", "GET", CLAIMS)
        if (status, claimed) != (OK, OK):
            return False
        for reservation in reservations:
            if reservation["metadata"]["provisioningStatus"] != "deprovisioning":
                self.free(reservation["metadata"]["id"])
        for claim in answer["capacityClaims"]:
            if claim["status"]["status"] != "STATUS_DELETING":
                self.drop(claim["spec"]["id"])
        return not reservations and not answer["capacityClaims"]

    def units(self, region: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the counts of the region's offerings, by accelerator and unit.

        Raises:
            ConnectionError: the list could not be read.
        """
        path = f"/api/v2/reservation-units?regionID={region}"
        status, units = self.call("list_reservation_units", "GET", path)
        if status != OK:
            raise ConnectionError(f"the units of {region} could not be listed: {status}")
        return {(unit["accelerator"], unit["unit"]): unit for unit in units}

    def call(self, operation: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send one request; return status and JSON of the answer, or 0 and None if there was none."""
        began = time.monotonic()
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
            response = self._connection.getresponse()
            status, text = response.status, response.read().decode()
            waited = waited_seconds(response.getheader(WAITED))
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            status, text, waited = 0, f"{type(error).__name__}: {error}", 0.0
        call = Call(operation, status, time.monotonic() - began, waited)
        self.calls.append(call)
        if call.is_fault:
            self.faults.append(f"{operation} {status}: {text[:300]}")
        return status, json.loads(text) if text.startswith(("{", "[")) else None


def waited_seconds(timing: str | None) -> float:
    """Read the wait (s) from the proxy's `Server-Timing` header."""
    found = re.fullmatch(r"turn;dur=([0-9.]+)", timing or "")
    return float(found[1]) / 1000 if found else 0.0
