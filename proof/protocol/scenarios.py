"""What is explored, and which rule is left out to show what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from proof.protocol.explore import explore
from proof.protocol.processes import Moves
from proof.protocol.state import APART, OVERLAPPING, Budget, start
from proof.protocol.writes import RULES

if TYPE_CHECKING:
    from proof.protocol.explore import Found


@dataclass(frozen=True)
class Scenario:
    """Processes (a letter each, see ``processes.py``) and how often what is rare happens."""

    processes: str
    about: str
    unanswered: int = 1
    deaths: int = 1
    rival: int = 0
    moves: int = 0
    syncs: int = 0
    parts: int = 0
    adopts: bool = False
    runs: tuple[tuple[int, ...], ...] = OVERLAPPING

    def run(self, dropped: frozenset[str] = frozenset(), states_max: int = 2_000_000) -> Found:
        """Explore it without some rules."""
        budget = Budget(self.unanswered, self.deaths, self.rival, self.moves, self.syncs, self.parts)
        moves = Moves(frozenset(RULES) - dropped, adopts=self.adopts)
        return explore(start(self.processes, budget, self.runs), moves, states_max)


SCENARIOS: Final = {
    "create": Scenario("WR", "a create, a rival, a reconcile", rival=1),
    "create-2-lost": Scenario("WR", "the same with two lost answers", rival=1, unanswered=2),
    "sync": Scenario("WR", "a create while a sync writes the pod", syncs=2, unanswered=1),
    "delete": Scenario("WRD", "a create that is deleted at once", unanswered=2, deaths=0),
    "delete-rival": Scenario("WRD", "a create that is deleted, and a rival", rival=1),
    "two-lives": Scenario("WWR", "a record that is removed, and made again", deaths=1),
    "adopt": Scenario("WWR", "a retry goes on in the record of the first try", adopts=True, deaths=0),
    "adopt-rival": Scenario("WWR", "the same with a rival", adopts=True, deaths=0, rival=1),
    "two-reconciles": Scenario("WRR", "two reconciles", deaths=1),
    "move": Scenario("WHR", "a move, and back", moves=2, runs=APART, deaths=1),
    "move-delete": Scenario("WHRD", "a move while the holder is deleted", moves=1, runs=APART, deaths=0),
    "audit": Scenario("WRA", "an audit that repairs beside a create", deaths=1),
    "parts": Scenario("WVR", "a holder of a part beside it", parts=2, deaths=0, runs=((0, 1),)),
}
