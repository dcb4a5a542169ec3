"""The keys of what a host provider keeps in the servers table.

======================  ============  =========================================================
pk                      sk            item
======================  ============  =========================================================
<prefix>HOLDER#id       HOST#host     a hold of a host
<prefix>HOLDER#id       FENCE         nothing more may be done for this holder or placement
<prefix>HOST#host       HOST          the holder of the host, and whose server is on it
<prefix>MAINTAINED      name host     a host is in a maintenance
<prefix>PLACEMENT#id    SERVER#host   the server of a placement on a host
======================  ============  =========================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gpu_capacity.dynamodb.keys import Key

HOST_PREFIX: Final = "HOST#"
SERVER_PREFIX: Final = "SERVER#"


@dataclass(frozen=True, slots=True)
class HostKeys:
    """The keys of one provider. ``prefix`` tells its items from those of another one in the same table."""

    prefix: str

    def holds_partition(self, holder_id: str) -> str:
        """The partition of all holds of a holder."""
        return f"{self.prefix}HOLDER#{holder_id}"

    def hold(self, holder_id: str, host_id: str) -> Key:
        """A hold of a host."""
        return key(self.holds_partition(holder_id), HOST_PREFIX + host_id)

    def fence(self, owner: str) -> Key:
        """Exists if nothing more may be done for a holder or a placement."""
        return key(self.holds_partition(owner), "FENCE")

    def servers_partition(self, owner: str) -> str:
        """The partition of all servers of a placement."""
        return f"{self.prefix}PLACEMENT#{owner}"

    def server(self, owner: str, host_id: str) -> Key:
        """The server of a placement on a host."""
        return key(self.servers_partition(owner), SERVER_PREFIX + host_id)

    def host(self, host_id: str) -> Key:
        """The holder of a host, and the placement whose server is on it."""
        return key(f"{self.prefix}{HOST_PREFIX}{host_id}", "HOST")

    @property
    def maintained_partition(self) -> str:
        """The partition of all hosts in a maintenance; ``aside`` has its items."""
        return f"{self.prefix}MAINTAINED"


def key(pk: str, sk: str) -> Key:
    """A key of the servers table."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}
