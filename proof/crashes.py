"""Crashes at every side effect of a story (before it, after it, done twice), and at every two side effects.

Stories cover every transition of the holders, one after the other. A side effect is a write, or a call that
changes something in another service. At a chosen side effect the function is killed before it or after it
(committed without an answer), or the effect happens twice, or the function is killed and its write lands
late, after others have taken over. Then the platform continues: clients and tasks retry, and schedules run.
In the end everything has to be settled, and after every holder was deleted nothing may be left.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from proof import placement_stories, vm_stories
from proof.claims import Claims
from proof.fleet import LONDON
from proof.reservations import Reservations
from proof.simulation import Violated
from proof.stage import wish
from proof.story import Mode, Story
from testkit.items import CLAIM, RESERVATION
from testkit.world import request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proof.story import Tell


def _reserves(story: Story, count: int = 2, key: str = "key-1") -> None:
    wanted = request(count, region_id=LONDON)
    story.asks(lambda: story.who.insist(lambda: Reservations().create(story.who, wanted, key)))


def _claims(story: Story, count: int, identity: str, name: str) -> None:
    story.asks(lambda: story.who.insist(lambda: Claims().create(story.who, wish(count), identity, name)))


def _updates(story: Story, count: int) -> None:
    Claims().update(story.who, story.known(CLAIM), wish(count))


def _ends(story: Story, kind: str) -> None:
    holder = story.known(kind)
    api = Reservations() if kind == RESERVATION else Claims()
    story.asks(lambda: api.end(story.who, holder))


ID, OTHER_ID = "0b9a3a58-4a1c-4f7e-9d5e-2f8f4a7c6d10", "0b9a3a58-4a1c-4f7e-9d5e-2f8f4a7c6d11"


def life_of_a_reservation(story: Story) -> None:
    """A reservation is accepted and provisioned, its key is used again, and it is deleted and torn down."""
    _reserves(story)
    _reserves(story, 1)
    _ends(story, RESERVATION)


def failed_provisioning(story: Story) -> None:
    """A host is unfit; everything is undone, and the customer deletes what is left."""
    story.cloud.troubles |= {f"lon1-rack{n:02}-tray00": ("fails", 2_000_000_000) for n in range(3)}
    _reserves(story)
    _ends(story, RESERVATION)


def move_away(story: Story) -> None:
    """A reservation moves to the only rack whose hosts are fit, while a host of the old one stays held.

    When it is deleted, somebody wants all racks; one of them has a host in quarantine.
    """
    for rack in (1, 2):
        story.cloud.troubles[f"lon1-rack{rack:02}-tray00"] = ("fails", 2_000_000_000)
    story.cloud.troubles["lon1-rack02-tray01"] = ("stays", story.cloud.clock.now() + 60)
    _reserves(story, 1)
    _ends(story, RESERVATION)
    _reserves(story, 3, "key-2")


def stubborn_hosts(story: Story) -> None:
    """Hosts stay held for a minute after the request to release them."""
    _reserves(story)
    until = story.cloud.clock.now() + 60
    story.cloud.troubles |= {f"lon1-rack{n:02}-tray00": ("stays", until) for n in range(3)}
    _ends(story, RESERVATION)


def early_delete(story: Story) -> None:
    """The customer deletes while hosts are being held."""
    wanted = request(2, region_id=LONDON)

    def reserve_and_delete() -> None:
        story.who.insist(lambda: Reservations().create(story.who, wanted, "key-1"))
        story.cloud.turns.sleep(450)
        Reservations().end(story.who, story.known(RESERVATION))

    story.asks(reserve_and_delete)


def release_of_units(story: Story) -> None:
    """A customer releases a rack in the middle, then another, and reserves what became free."""
    _reserves(story, 3)
    for numbers in ((1,), (0,)):
        story.asks(partial(Reservations().release, story.who, story.known(RESERVATION), numbers))
    story.comes_round(story.cloud.reconcile)
    _reserves(story, 1, "key-2")
    _ends(story, RESERVATION)


def life_of_a_claim(story: Story) -> None:
    """A claim is accepted and filled, grows, shrinks, is deleted and drained."""
    _claims(story, 2, ID, "inference")
    for count in (5, 1):
        story.asks(partial(_updates, story, count))
    _ends(story, CLAIM)


def waiting_claim(story: Story) -> None:
    """A claim waits behind a reservation and another claim, and is filled when they are gone."""
    _reserves(story, 1)
    _claims(story, 3, ID, "first")
    _claims(story, 3, OTHER_ID, "second")
    _ends(story, RESERVATION)
    story.comes_round(story.cloud.fill)


def hardware(story: Story) -> None:
    """Hardware of a holder and next to it fails, is removed, and returns; schedules run."""
    _reserves(story, 1)
    racks = story.fleet.racks("lon1")
    for rack in racks:
        rack["hosts"][0]["state"] = "unhealthy"
    story.syncs()
    for rack in racks:
        rack["hosts"][0]["state"] = "in_service"
        rack["cordoned"] = rack["position"] == 1
    story.syncs()
    story.comes_round(story.cloud.reconcile)


def lost_workflows(story: Story) -> None:
    """No execution is started when it should be; reconcile starts them."""
    story.cloud.executions.down = True
    _reserves(story, 1)
    _claims(story, 2, ID, "inference")
    _ends(story, CLAIM)
    story.cloud.executions.down = False
    story.comes_round(story.cloud.reconcile)


STORIES: Final[dict[str, Tell]] = {
    "life of a reservation": life_of_a_reservation,
    "failed provisioning": failed_provisioning,
    "stubborn hosts": stubborn_hosts,
    "early delete": early_delete,
    "release of units": release_of_units,
    "life of a claim": life_of_a_claim,
    "waiting claim": waiting_claim,
    "hardware": hardware,
    "move away": move_away,
    "lost workflows": lost_workflows,
    **placement_stories.STORIES,
    **vm_stories.STORIES,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """The result of a story: its violations, and the functions that had side effects, in order."""

    problems: tuple[str, ...]
    effects: tuple[str, ...]


def play(name: str, strikes: Mapping[int, Mode]) -> Ending:
    """Run a story with these faults."""
    nodes = vm_stories.NODES if name in vm_stories.STORIES else {}
    story = Story(STORIES[name], strikes, nodes)
    try:
        story.run()
    except Violated:
        pass
    finally:
        story.cloud.turns.abandon()
    return Ending(tuple(story.outcome().violations), tuple(story.plan.effects))


def effects_of(name: str) -> Counter[str]:
    """The side effects of an undisturbed story, counted by function."""
    return Counter(play(name, {}).effects)


def spell(story: str, strikes: Mapping[int, Mode]) -> str:
    """A story with its faults as the text that ``proof.replay`` parses."""
    return ", ".join([story, *(f"{place} {mode.value}" for place, mode in strikes.items())])


Crash = tuple[dict[int, Mode], Ending]


def single_crashes(name: str, part: int = 0, parts: int = 1) -> Iterator[Crash]:
    """The story with each mode of crash at each side effect; one part of ``parts``."""
    for place in range(1, len(play(name, {}).effects) + 1):
        if place % parts == part:
            for mode in Mode:
                yield {place: mode}, play(name, {place: mode})


def sampled_crashes(name: str) -> Iterator[Crash]:
    """The story with one crash at each side effect, the modes in turn."""
    modes = tuple(Mode)
    for place in range(1, len(play(name, {}).effects) + 1):
        mode = modes[place % len(modes)]
        yield {place: mode}, play(name, {place: mode})


def double_crashes(name: str, part: int = 0, parts: int = 1) -> Iterator[Crash]:
    """The story with crashes at every two side effects, the second after the first."""
    for first, ending in single_crashes(name, part, parts):
        ((place, _),) = first.items()
        for later in range(place + 1, len(ending.effects) + 1):
            for mode in Mode:
                strikes = {**first, later: mode}
                yield strikes, play(name, strikes)
