"""All bad inputs to the APIs of racks and hosts; `vm_bad` has those to the VM API."""

from __future__ import annotations

from typing import Final

from testkit.hostile.bad_bodies import BODIES
from testkit.hostile.bad_placements import PLACEMENT_CORPUS
from testkit.hostile.bad_requests import REQUESTS

CORPUS: Final = tuple(
    {(bad.ask, bad.authorization): bad for bad in (*BODIES, *REQUESTS, *PLACEMENT_CORPUS)}.values()
)
"""Each request once: some are listed twice because two things are wrong with them."""
