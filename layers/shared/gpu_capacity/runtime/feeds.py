"""Builds the source of the fleet document that a stack's settings name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from gpu_capacity.errors import Misconfigured
from gpu_capacity.inventory.fleet.feeds import feed_at, is_own_machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.deadline import Deadline
    from gpu_capacity.inventory.fleet.feeds import S3Client
    from gpu_capacity.inventory.fleet.model import FeedState
    from gpu_capacity.ports import Clock, FleetFeed, Places, Telemetry
    from gpu_capacity.runtime.settings import Environment

IRONIC: Final = "ironic://"


@dataclass(frozen=True, slots=True)
class Means:
    """What feeds need from outside.

    ``s3`` creates a client of S3, if one is needed. ``accepted`` reads the document in use, strongly
    consistent. ``catalogue`` is read instead of what ``FLEET_CATALOGUE`` names.
    """

    s3: Callable[[], S3Client]
    accepted: Callable[[], FeedState | None]
    clock: Clock
    telemetry: Telemetry
    deadline: Deadline
    catalogue: FleetFeed | None = None


def feed_of(env: Environment, means: Means) -> FleetFeed:
    """The feed that ``FLEET_SOURCE`` names.

    Raises:
        Misconfigured: a setting is missing or malformed.
    """
    location = env.text("FLEET_SOURCE")
    if not location.startswith(IRONIC):
        return feed_at(location, means.s3)
    # Imported here: most stacks have neither library.
    from gpu_capacity.inventory.fleet.live import LiveFeed  # noqa: PLC0415 - see above
    from gpu_capacity.providers.ironic.feed import machines_at  # noqa: PLC0415 - see above

    return LiveFeed(
        machines_at(ironic_endpoint(location), env.text("IRONIC_SECRET", ""), means.deadline),
        _places(env, means.deadline),
        means.catalogue or feed_at(env.text("FLEET_CATALOGUE"), means.s3),
        means.accepted,
        means.clock,
        means.telemetry,
    )


def ironic_endpoint(location: str) -> str:
    """The URL of the Ironic that ``ironic://host:port/path`` names. Only this machine is asked without TLS.

    Raises:
        Misconfigured: the location has another form.
    """
    rest = location.removeprefix(IRONIC).rstrip("/")
    parts = urlsplit(f"http://{rest}")
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise Misconfigured("FLEET_SOURCE must be ironic:// with the host, port and path of Ironic alone")
    return f"http://{rest}" if is_own_machine(f"http://{rest}") else f"https://{rest}"


def _places(env: Environment, deadline: Deadline) -> Places | None:
    url = env.optional("NETBOX_URL")
    if url is None:
        return None
    if not url.startswith("https://") and not is_own_machine(url):
        raise Misconfigured("NETBOX_URL must be an https:// address")
    from gpu_capacity.adapters.secrets import secret_object  # noqa: PLC0415 - see above
    from gpu_capacity.inventory.fleet.netbox import NetboxPlaces  # noqa: PLC0415 - see above

    secret = env.text("NETBOX_SECRET", "")
    return NetboxPlaces(url, lambda: secret_object(secret).get("token") if secret else None, deadline)
