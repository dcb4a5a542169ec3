"""A fleet document that nobody publishes: it is made of a list of machines and a catalogue.

The catalogue says what machines do not: flavors, regions and offerings. It is a fleet document without pods,
``sequence`` and ``observedAt``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpu_capacity.errors import FeedRefusal, FeedRefused
from gpu_capacity.inventory.fleet.assembly import assemble
from gpu_capacity.inventory.fleet.packing import packed
from gpu_capacity.inventory.fleet.parsing import parse_catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gpu_capacity.inventory.fleet.model import FeedState
    from gpu_capacity.ports import Clock, FleetFeed, Machine, MachineList, Places, Telemetry

MACHINES_LOGGED_MAX: Final = 20
"""Machines that are left out and that a log line names. The metric counts all of them."""


class LiveFeed:
    """Reads the fleet from the machines themselves. A ``FleetFeed``.

    Args:
        machines: lists the machines.
        places: knows where machines stand that do not say it; ``None`` if nobody does.
        catalogue: reads the catalogue.
        accepted: reads the document in use, strongly consistent; ``None`` if there is none.
        clock: for the time of observation.
        telemetry: gets the machines that are left out.

    Attributes:
        left_out: why machines are not in the document that was read last, by host id.
    """

    def __init__(
        self,
        machines: MachineList,
        places: Places | None,
        catalogue: FleetFeed,
        accepted: Callable[[], FeedState | None],
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._machines = machines
        self._places = places
        self._catalogue = catalogue
        self._accepted = accepted
        self._clock = clock
        self._telemetry = telemetry
        self.left_out: Mapping[str, str] = {}

    def read(self) -> bytes:
        """See ``FleetFeed``. Also raises ``FeedRefused`` (``malformed``) for a malformed catalogue.

        The document follows the one that was in use *before* the machines were listed. If another one is
        accepted meanwhile, this one is refused: it may be the older observation of the two. See decision 74.
        """
        before = self._accepted()
        observed_at = self._clock.now()
        try:
            catalogue = parse_catalogue(self._catalogue.read())
        except FeedRefused as refusal:
            raise FeedRefused(refusal.code, f"catalogue: {refusal}") from None
        machines = self._placed(self._machines.machines())
        made = assemble(catalogue, machines, before.sequence + 1 if before else 1, observed_at)
        self.left_out = made.left_out
        if made.left_out:
            self._telemetry.count("FleetPartsDeferred", len(made.left_out), code=FeedRefusal.LEFT_OUT.value)
            self._telemetry.warning(
                "machines left out of the fleet",
                machines=len(made.left_out),
                reasons=dict(sorted(made.left_out.items())[:MACHINES_LOGGED_MAX]),
            )
        return packed(json.dumps(made.document, separators=(",", ":")).encode())

    def _placed(self, machines: Sequence[Machine]) -> Sequence[Machine]:
        """The machines, with what is known of their places. A machine's own facts come first."""
        if self._places is None:
            return machines
        known = self._places.facts([machine.host_id for machine in machines])
        return [
            replace(machine, facts={**known.get(machine.host_id, {}), **machine.facts})
            for machine in machines
        ]
