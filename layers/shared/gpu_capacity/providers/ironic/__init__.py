"""A host provider over OpenStack Ironic.

Every function imports this module, so it imports the rest, and openstacksdk, only when the provider is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.providers.ironic.hosts import IronicHosts
    from gpu_capacity.providers.registry import Site


def host_provider(site: Site) -> Callable[[], IronicHosts]:
    """See ``providers/registry.py``."""
    from gpu_capacity.providers.ironic.images import Images  # noqa: PLC0415 - see above

    table = site.settings.text("SERVERS_TABLE")
    endpoint, secret = site.settings.text("IRONIC_ENDPOINT"), site.settings.text("IRONIC_SECRET", "")
    images = Images(site.settings.text("IRONIC_IMAGES"), site.settings.text("IRONIC_CHECKSUMS"))

    def make() -> IronicHosts:
        from gpu_capacity.dynamodb.database import Database  # noqa: PLC0415 - see above
        from gpu_capacity.providers.ironic.api import IronicApi  # noqa: PLC0415 - see above
        from gpu_capacity.providers.ironic.connection import connector  # noqa: PLC0415 - see above
        from gpu_capacity.providers.ironic.hosts import IronicHosts  # noqa: PLC0415 - see above

        database = Database(site.dynamodb, site.pause, site.clock)
        api = IronicApi(connector(endpoint, secret), site.deadline)
        return IronicHosts(database, table, site.clock, site.pause, api, images, site.telemetry)

    return make
