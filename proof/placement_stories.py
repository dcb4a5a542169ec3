"""Stories of placements for the crash points; see ``crashes``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.providers.port import PowerAction
from proof.fleet import LONDON
from proof.host_provider import BROKEN_IMAGE, boot_of
from proof.placement_servers import PlacementServers
from proof.placements import IMAGES, Placements, wish
from proof.reservations import Reservations
from testkit.items import PLACEMENT, RESERVATION
from testkit.placements import rolling
from testkit.world import request

if TYPE_CHECKING:
    from gpu_capacity.placements.servers import PlacementServer
    from proof.story import Story


def _reserves(story: Story, count: int = 1) -> None:
    wanted = request(count, region_id=LONDON)
    story.asks(lambda: story.who.insist(lambda: Reservations().create(story.who, wanted, "key-1")))


def _place(story: Story, count: int, key: str, **changes: Any) -> None:
    wanted = wish(story.known(RESERVATION), count, **changes)
    story.who.insist(lambda: Placements().create(story.who, wanted, key))


def _places(story: Story, count: int, key: str, **changes: Any) -> None:
    story.asks(lambda: _place(story, count, key, **changes))


def _update(story: Story, image: str) -> None:
    Placements().update(story.who, story.known(PLACEMENT), image_id=image)


def _servers(story: Story) -> list[PlacementServer]:
    return PlacementServers().look(story.who, story.known(PLACEMENT))


def life_of_a_placement(story: Story) -> None:
    """It is accepted and deployed; its server is stopped, started and reconciled; it is deleted."""
    _reserves(story)
    _places(story, 1, "key-1")

    def act() -> None:
        holder = story.known(PLACEMENT)
        Placements().update(story.who, holder, image_id=IMAGES[1])
        for server in _servers(story):
            for action in (PowerAction.STOP, PowerAction.START):
                PlacementServers().power(story.who, holder, server, action)
                story.cloud.turns.sleep(4_000)
            PlacementServers().reconcile(story.who, holder, server)

    story.asks(act)
    story.asks(lambda: Placements().end(story.who, story.known(PLACEMENT)))


def rolling_update(story: Story) -> None:
    """Two servers get another image one after the other, and meanwhile a third one is asked for."""
    _reserves(story)
    _places(story, 2, "key-1", strategy=rolling())

    def update_twice() -> None:
        _update(story, IMAGES[1])
        story.cloud.turns.sleep(3_000)
        _update(story, IMAGES[2])

    story.asks(update_twice)


def late_requests(story: Story) -> None:
    """The same, and every request reaches the provider once more when the next image has come."""
    story.cloud.repeats_ms = 20_000
    rolling_update(story)
    story.cloud.repeats_ms = 0


def failed_update(story: Story) -> None:
    """An update stalls because servers fail with the image; another image helps."""
    _reserves(story)
    _places(story, 2, "key-1", strategy=rolling())
    for image in (BROKEN_IMAGE, IMAGES[1]):
        story.asks(partial(_update, story, image))


def end_of_a_reservation_with_placements(story: Story) -> None:
    """The reservation is deleted while one placement runs and another is being deployed."""
    _reserves(story)
    _places(story, 1, "key-1")

    def place_and_end() -> None:
        _place(story, 1, "key-2")
        story.cloud.turns.sleep(450)
        Reservations().end(story.who, story.known(RESERVATION))

    story.asks(place_and_end)


def lost_servers(story: Story) -> None:
    """The provider loses a server, then another one, and a hold; the watch finds it, and servers move."""
    _reserves(story, 2)
    _places(story, 2, "key-1")
    for ordinal in (0, 1):
        story.asks(partial(_lose_server, story, ordinal))
        story.comes_round(story.cloud.watch)
    story.asks(partial(_lose_a_hold, story))
    story.comes_round(story.cloud.watch)
    story.asks(lambda: Placements().end(story.who, story.known(PLACEMENT)))


def _lose_server(story: Story, ordinal: int) -> None:
    for found in _servers(story):
        if found.ordinal == ordinal and found.server is not None:
            story.cloud.lose_server(found.server.owner, found.server.host_id)


def _lose_a_hold(story: Story) -> None:
    """One under which no server stands."""
    record = story.ledger.records.get(story.known(RESERVATION))
    taken = {found.host_id for found in _servers(story)}
    holds = story.ledger.placements.held_by(record.server_owner) if record else []
    for host in [host for host in holds if host not in taken][:1]:
        story.cloud.lose_hold(record.server_owner if record else "", host)


def failed_server(story: Story) -> None:
    """A server fails and does not go for a while; it moves, and its host is given back later."""
    _reserves(story, 2)
    _places(story, 2, "key-1")

    def fail() -> None:
        for server in [found.server for found in _servers(story) if found.server is not None][:1]:
            boot = boot_of(server.owner, server.host_id, server.generation)
            story.cloud.troubles[boot] = ("fails", story.cloud.clock.now() + 3_600)

    story.asks(fail)
    story.comes_round(story.cloud.watch)
    story.asks(lambda: Placements().end(story.who, story.known(PLACEMENT)))


def reported_fault(story: Story) -> None:
    """A server fails, and its customer reports it before the watch comes round."""
    _reserves(story, 2)
    _places(story, 2, "key-1")

    def report() -> None:
        holder = story.known(PLACEMENT)
        for found in _servers(story)[:1]:
            if found.server is not None:
                story.cloud.lose_server(found.server.owner, found.server.host_id)
            PlacementServers().report_fault(story.who, holder, found)

    story.asks(report)
    story.comes_round(story.cloud.reconcile)
    story.asks(lambda: Placements().end(story.who, story.known(PLACEMENT)))


STORIES: Final = {
    "lost servers": lost_servers,
    "failed server": failed_server,
    "reported fault": reported_fault,
    "life of a placement": life_of_a_placement,
    "rolling update": rolling_update,
    "late requests": late_requests,
    "failed update": failed_update,
    "end of a reservation with placements": end_of_a_reservation_with_placements,
}
