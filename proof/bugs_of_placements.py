"""Bugs to plant in placements: their hosts, their servers, their updates and their ends."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.holders.steps import Step
from gpu_capacity.placements import choice, create, healing, progress, settle, update
from gpu_capacity.placements.delete import PlacementsOfReservations
from gpu_capacity.placements.record import UpdateStrategy
from gpu_capacity.providers.port import ServerState
from gpu_capacity.providers.simulated.servers import SimulatedServers
from gpu_capacity.reservations import release_units
from gpu_capacity.reservations.record import Reservation, Status
from proof.planting import Bug

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.planting import Patches


# Hosts.


def _list_no_hosts(patches: Patches) -> None:
    patches.replace(Reservation, "with_placement", lambda self, _placement_id, _hosts: self)


def _keep_hosts(patches: Patches) -> None:
    patches.replace(Reservation, "without_placement", lambda self, _placement_id: self)


def _place_in_what_is_leaving(patches: Patches) -> None:
    def wrapper(hosts_for: Any) -> Any:
        def found(services: Any, reservation: Any, *more: Any) -> Any:
            leaving = reservation.status is Status.DEPROVISIONING
            seen = replace(reservation, status=Status.PROVISIONED) if leaving else reservation
            return hosts_for(services, seen, *more)

        return found

    patches.wrap(create, "hosts_for", wrapper)


def _choose_taken_hosts(patches: Patches) -> None:
    """A choice is not made again after a lost race."""

    def wrapper(as_refused: Any) -> Any:
        def read_again(services: Any, before: Any, item: Any) -> Any:
            now = as_refused(services, before, item)
            return replace(now, occupied=before.occupied)

        return read_again

    patches.wrap(create, "_as_refused", wrapper)


def _say_that_hosts_are_few(patches: Patches) -> None:
    """The hosts of the last placement count as taken."""

    def wrapper(units: Any) -> Any:
        def fewer(*arguments: Any) -> Any:
            return [replace(unit, free=unit.free & (unit.free - 1)) for unit in units(*arguments)]

        return fewer

    patches.wrap(choice, "_units", wrapper)


def _release_occupied_units(patches: Patches) -> None:
    patches.replace(release_units, "_check_vacant", lambda *_arguments: None)


def _tear_down_over_placements(patches: Patches) -> None:
    """The teardown of a reservation does not wait for its placements."""
    patches.replace(PlacementsOfReservations, "release", lambda _self, _reservation: True)


# Servers.


def _with_provider(name: str, change: Callable[[Any], dict[str, Any]]) -> Callable[[Patches], None]:
    """A step of the workflow whose provider has other methods."""

    def plant(patches: Patches) -> None:
        class Changed:
            def __init__(self, provider: Any) -> None:
                self._provider, self._methods = provider, change(provider)

            def __getattr__(self, method: str) -> Any:
                return self._methods.get(method) or getattr(self._provider, method)

        def wrapper(step: Any) -> Any:
            return lambda services, *more: step(replace(services, provider=Changed(services.provider)), *more)

        patches.wrap(settle, name, wrapper)

    return plant


_tear_down_without_a_fence = _with_provider("tear_down", lambda _provider: {"fence": lambda _owner: None})


def _forget_what_goes(provider: Any) -> dict[str, Any]:
    """What was asked to go counts as gone."""

    def remove_all(owner: str) -> list[Any]:
        provider.undeploy(owner, [server.host_id for server in provider.servers(owner)])
        return []

    return {"servers": remove_all}


_await_no_server = _with_provider("tear_down", _forget_what_goes)


def _provisioned_while_servers_boot(patches: Patches) -> None:
    def wrapper(provision: Any) -> Any:
        def hasty(services: Any, placement: Any) -> Any:
            step = provision(services, placement)
            waits = step is Step.WAITING
            return settle._complete(services, placement, ()) if waits else step

        return hasty

    patches.wrap(settle, "_provision", wrapper)


def _bring_old_images_back(patches: Patches) -> None:
    """The provider does what a late request asks for."""

    def wrapper(rebuild: Any) -> Any:
        def rebuilt(self: Any, *more: Any) -> Any:
            forgetful = copy(self)
            read = self._server_in
            forgetful._server_in = lambda item: (found := read(item)) and replace(found, generation=0)
            return rebuild(forgetful, *more)

        return rebuilt

    patches.wrap(SimulatedServers, "rebuild", wrapper)


# Moves.


def _give_hosts_back_under_former_servers(patches: Patches) -> None:
    """What the provider is asked to remove counts as gone, and is not even asked for."""

    def wrapper(let_go: Any) -> Any:
        def hasty(services: Any, placement: Any, seating: Any) -> Any:
            return let_go(services, placement, replace(seating, former=(), strays=()))

        return hasty

    patches.wrap(settle, "let_go", wrapper)


def _move_to_taken_hosts(patches: Patches) -> None:
    """A server that moves takes any host of the reservation that is fit, whoever has it."""

    def wrapper(of: Any) -> Any:
        def all_of(services: Any, reservation: Any, aside: Any) -> Any:
            return of(services, replace(reservation, occupied={}), aside)

        return all_of

    patches.replace(healing._Candidates, "of", staticmethod(wrapper(healing._Candidates.of)))


def _keep_the_old_host_to_itself(patches: Patches) -> None:
    """A move is in the record of the placement, and its reservation does not list the new host."""

    def wrapper(with_placement: Any) -> Any:
        def stale(self: Any, placement_id: str, hosts: Any) -> Any:
            return with_placement(self, placement_id, self.occupied.get(placement_id, hosts))

        return stale

    patches.wrap(Reservation, "with_placement", wrapper)


# Updates.


def _use_slots_of_failed_servers(patches: Patches) -> None:
    def wrapper(choose: Any) -> Any:
        def chosen(placement: Any, servers: Any) -> Any:
            seen = [
                replace(s, state=ServerState.RUNNING)
                if s.state is ServerState.FAILED and s.image_id == placement.image_id
                else s
                for s in servers
            ]
            return choose(placement, seen)

        return chosen

    patches.wrap_everywhere(progress.next_to_rebuild, wrapper)


def _rebuild_all_at_once(patches: Patches) -> None:
    patches.replace(UpdateStrategy, "budget", lambda self, count: count if self.is_rolling else 0)


def _keep_the_generation(patches: Patches) -> None:
    """Another image has the number of the one before."""

    def wrapper(changed: Any) -> Any:
        def same(placement: Any, *more: Any) -> Any:
            return replace(changed(placement, *more), generation=placement.generation)

        return same

    patches.wrap(update, "_changed", wrapper)


BUGS: Final = (
    Bug(
        "list-no-hosts",
        "a reservation does not list the hosts of a placement",
        _list_no_hosts,
        story="rolling update",
    ),
    Bug(
        "keep-hosts",
        "a placement ends, and its reservation lists its hosts",
        _keep_hosts,
        story="life of a placement",
    ),
    Bug(
        "place-in-what-is-leaving",
        "a placement begins under a reservation that is being deleted",
        _place_in_what_is_leaving,
        orders="place x end home",
    ),
    Bug(
        "choose-taken-hosts",
        "after a lost race the hosts that the winner has count as free",
        _choose_taken_hosts,
        orders="place x place",
    ),
    Bug(
        "release-occupied-units",
        "a reservation releases units that a placement has",
        _release_occupied_units,
        orders="place x release unit",
    ),
    Bug(
        "tear-down-over-placements",
        "a reservation is torn down while it has placements",
        _tear_down_over_placements,
        story="end of a reservation with placements",
    ),
    Bug("say-that-hosts-are-few", "a free host counts as taken", _say_that_hosts_are_few),
    Bug(
        "tear-down-without-a-fence",
        "a placement is torn down, and the provider deploys what comes late",
        _tear_down_without_a_fence,
        orders="take away x deploy",
    ),
    Bug(
        "await-no-server",
        "a placement ends while its servers are being removed",
        _await_no_server,
        story="life of a placement",
    ),
    Bug(
        "provisioned-while-servers-boot",
        "a placement is provisioned while its servers boot",
        _provisioned_while_servers_boot,
        story="life of a placement",
    ),
    Bug(
        "bring-old-images-back",
        "a late request brings an old image back",
        _bring_old_images_back,
        story="late requests",
    ),
    Bug(
        "give-hosts-back-under-former-servers",
        "a placement gives a host back while its former server is there",
        _give_hosts_back_under_former_servers,
        story="failed server",
    ),
    Bug(
        "move-to-taken-hosts",
        "a server moves to a host that another server of its placement has",
        _move_to_taken_hosts,
        story="lost servers",
    ),
    Bug(
        "keep-moves-from-the-reservation",
        "a server moves, and the reservation does not list its new host",
        _keep_the_old_host_to_itself,
        story="lost servers",
    ),
    Bug(
        "use-slots-of-failed-servers",
        "an update goes on although a server failed, beyond what may be unavailable",
        _use_slots_of_failed_servers,
        story="failed update",
    ),
    Bug(
        "rebuild-all-at-once",
        "an update rebuilds all servers at once",
        _rebuild_all_at_once,
        story="rolling update",
    ),
    Bug(
        "keep-the-generation",
        "another image has the number of the last one",
        _keep_the_generation,
        story="rolling update",
    ),
)
