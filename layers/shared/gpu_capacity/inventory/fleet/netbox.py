"""Places of machines from NetBox, through pynetbox.

A machine is the device of its name. A *custom field* of the device with the name of a fact is that fact.
Otherwise:

===============  ====================================================================================
fact             in NetBox
===============  ====================================================================================
``region``       the slug of the device's site
``pod``          the slug of its location
``domain``       the pod and the name of its rack; ``domain_name`` is the name of the rack
``position``     the custom field ``position`` of its rack: nothing else says which racks are neighbours
``slot``         the lowest rack unit that it occupies, counted from 0
===============  ====================================================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pynetbox
from requests import RequestException, Session
from requests.adapters import HTTPAdapter

from gpu_capacity.errors import FeedRefusal, FeedRefused, SecretUnavailable
from gpu_capacity.inventory.fleet.assembly import (
    DOMAIN,
    DOMAIN_NAME,
    FLAVOR,
    POD,
    POSITION,
    REGION,
    SLOT,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gpu_capacity.deadline import Deadline

NAMES_A_REQUEST: Final = 50
"""The names are in the address of the request."""

REQUEST_SECONDS: Final = 10.0

_FACTS: Final = (REGION, POD, DOMAIN, POSITION, SLOT, FLAVOR, DOMAIN_NAME)
_FAILURES: Final = (
    pynetbox.RequestError,
    pynetbox.ContentError,
    RequestException,
    SecretUnavailable,
    # What is no NetBox may answer with JSON of any form.
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
)
_STRANGE: Final = re.compile(r"[^A-Za-z0-9._-]+")


class NetboxPlaces:
    """Where machines stand, as NetBox has it. A ``Places``.

    Args:
        url: of NetBox, without ``/api``.
        token: reads the token; called once for a read of the fleet.
        deadline: of the current invocation. No request is sent that could not end before.
    """

    def __init__(self, url: str, token: Callable[[], str | None], deadline: Deadline) -> None:
        self._url = url
        self._token = token
        self._deadline = deadline

    def facts(self, host_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """See ``Places``. A name that several devices have is not known."""
        try:
            with _session(self._deadline) as session:
                netbox = pynetbox.api(self._url, token=self._token())
                netbox.http_session = session
                places = _places(netbox, host_ids)
        except _FAILURES as error:
            # ``from None``: the text of the cause may contain what NetBox knows of the machines.
            raise FeedRefused(
                FeedRefusal.UNREACHABLE, f"NetBox does not answer ({type(error).__name__})"
            ) from None
        return {name: found[0] for name, found in places.items() if len(found) == 1}


def _places(netbox: Any, host_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The places of all devices with these names, by name."""
    devices = [dict(device) for device in _by(netbox.dcim.devices, "name", sorted(set(host_ids)))]
    racks = sorted({device["rack"]["id"] for device in devices if device.get("rack")})
    positions = {
        rack["id"]: rack["custom_fields"].get(POSITION)
        for rack in (dict(found) for found in _by(netbox.dcim.racks, "id", racks))
    }
    places: dict[str, list[dict[str, Any]]] = {}
    for device in devices:
        places.setdefault(device["name"], []).append(_place(device, positions))
    return places


def _session(deadline: Deadline) -> Session:
    session = Session()
    # What NetBox says decides what is sold, so nothing else may answer for it.
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, _InTime(deadline))
    return session


class _InTime(HTTPAdapter):
    """Sends requests that end before the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        seconds = min(REQUEST_SECONDS, self._deadline.remaining_seconds())
        if seconds < 1:
            raise RequestException("there is no time left to ask NetBox")
        return super().send(request, *args, **{**options, "timeout": seconds})


def _by(endpoint: Any, field: str, values: Sequence[Any]) -> Iterator[Any]:
    """Yield what has one of these values in a field, some values a request."""
    for start in range(0, len(values), NAMES_A_REQUEST):
        yield from endpoint.filter(**{field: values[start : start + NAMES_A_REQUEST]})


def _place(device: Mapping[str, Any], positions: Mapping[int, Any]) -> dict[str, Any]:
    site, location, rack, unit = (device.get(name) for name in ("site", "location", "rack", "position"))
    pod = location["slug"] if location else None
    found = {REGION: site["slug"] if site else None, POD: pod}
    if rack:
        name = rack["name"]
        found |= {
            DOMAIN: _STRANGE.sub("-", f"{pod}-{name}" if pod else name),
            DOMAIN_NAME: name,
            POSITION: positions.get(rack["id"]),
            SLOT: None if unit is None or unit != int(unit) else int(unit) - 1,
        }
    said = {name: device["custom_fields"].get(name) for name in _FACTS}
    found |= {name: value for name, value in said.items() if value not in (None, "")}
    return {name: value for name, value in found.items() if value is not None}
