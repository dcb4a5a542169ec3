"""The scenarios that are explored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from proof.protocol.explore import Moves, explore
from proof.protocol.keys import Keys
from proof.protocol.rules import NOT_NEEDED, RULES
from proof.protocol.state import start

if TYPE_CHECKING:
    from proof.protocol.explore import Found
    from proof.protocol.state import Runs

OVERLAPPING: Final = ((0, 1), (1, 2))
"""Two runs of a pod of three domains."""

APART: Final = ((0,), (1,))
"""Two runs of a pod of two domains, so that a holder can own one while it leaves the other."""

ONE: Final = ((0, 1),)
"""One run, of two domains."""


@dataclass(frozen=True)
class Scenario:
    """The processes of a scenario, a letter each: see ``processes.py`` and ``bystanders.py``."""

    processes: str
    about: str
    runs: Runs = OVERLAPPING
    adopts: bool = False
    rival: bool = False

    def run(self, dropped: frozenset[str] = frozenset(), states_max: int = 10_000_000) -> Found:
        """Explore it without the dropped rules."""
        rules = frozenset(RULES) | frozenset(NOT_NEEDED)
        moves = Moves(rules - dropped, self.runs, adopts=self.adopts, rival=self.rival)
        return explore(start(self.processes, self.runs), moves, Keys(dropped, self.runs), states_max)


SCENARIOS: Final = {
    "create": Scenario("WR", "a create over overlapping runs, its retries, a reconcile"),
    "rival": Scenario("WR", "the same beside a rival", rival=True),
    "delete": Scenario("WRD", "a create, and a customer who deletes", ONE),
    "delete-rival": Scenario("WRD", "the same over overlapping runs beside a rival", rival=True),
    "two-creates": Scenario("WWRD", "two requests under one key", ONE),
    "adopt": Scenario("WWRD", "a retry continues in the record of another request", ONE, adopts=True),
    "adopt-rival": Scenario("WWRD", "the same over overlapping runs beside a rival", adopts=True, rival=True),
    "two-reconciles": Scenario("WWRRD", "two requests and two reconciles", ONE, adopts=True),
    "all-rival": Scenario("WWRRD", "the same over overlapping runs beside a rival", adopts=True, rival=True),
    "move": Scenario("WRH", "moves to another run and back", APART),
    "move-delete": Scenario("WRHD", "moves of a deleted holder, beside a rival", APART, rival=True),
    "two-moves": Scenario("WRHH", "two movers", APART),
    "move-all": Scenario("WRRHHD", "two movers, two reconciles, and a delete", APART),
    "fail": Scenario("WRDF", "a workflow that fails", ONE),
    "fail-move": Scenario("WRDFH", "a workflow that fails beside moves", APART),
    "audit": Scenario("WRDA", "an audit that repairs", ONE),
    "audit-move": Scenario("WRDHA", "an audit that repairs beside moves", APART),
    "sync": Scenario("WRDS", "a domain is withdrawn and restored", ONE),
    "sync-rival": Scenario("WRDS", "the same over overlapping runs beside a rival", rival=True),
    "part": Scenario("WRV", "holders of a part beside it, one after the other", ONE),
    "parts": Scenario("WRDVV", "holders of parts beside it, two at a time", ONE),
    "upgrade": Scenario("WRDO", "an owner of the old form beside it", ONE),
    "answers": Scenario("WRDQ", "a refusal for lack of room", ONE, rival=True),
}
