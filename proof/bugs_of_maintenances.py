"""Bugs to plant in maintenances: whom they keep off, what they take, and what they leave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.inventory.cordons import Cause, Cordons
from gpu_capacity.inventory.maintenances import Maintenance
from gpu_capacity.operations import bring_back_hosts, take_hosts
from proof.planting import Bug

if TYPE_CHECKING:
    from proof.planting import Patches


def _sell_what_is_worked_on(patches: Patches) -> None:
    """Shapes do not follow the entries of maintenances, and nobody minds."""

    def without(cordons: Cordons) -> Cordons:
        return replace(cordons, entries=tuple(c for c in cordons.entries if c.cause is not Cause.MAINTENANCE))

    def covering(covers: Any) -> Any:
        return lambda self, *place: covers(without(self), *place)

    hosts: Any = Cordons.hosts
    patches.wrap(Cordons, "covers", covering)
    patches.replace(Cordons, "hosts", property(lambda self: hosts.fget(without(self))))


def _take_whatever_is_a_target(patches: Patches) -> None:
    """Nobody looks who has a host."""

    def wrapper(places_of: Any) -> Any:
        return lambda *arguments: [replace(place, is_free=True) for place in places_of(*arguments)]

    patches.wrap(take_hosts, "places_of", wrapper)


def _take_without_a_word(patches: Patches) -> None:
    """What holders allow is not looked at."""

    def wrapper(places_of: Any) -> Any:
        return lambda services, maintenance: {
            (place.pod_id, place.position) for place in places_of(services, maintenance)
        }

    patches.replace(take_hosts, "_permitted", wrapper(take_hosts.places_of))


def _force_at_once(patches: Patches) -> None:
    """A force takes effect when its notice is given."""
    patches.replace(Maintenance, "is_forced_at", lambda self, _now: self.force is not None and self.is_active)


def _forget_to_end_it(patches: Patches) -> None:
    """A host is given back before the provider has ended its maintenance."""

    def wrapper(bring_back: Any) -> Any:
        def forgetful(services: Any, maintenance: Any, hosts: Any) -> int:
            for host in hosts:
                services.maintenances.give_back(host)
            return int(bring_back(services, maintenance, ()))

        return forgetful

    patches.wrap(bring_back_hosts, "_bring_back", wrapper)


BUGS: Final = (
    Bug("sell-what-is-worked-on", "shapes do not follow maintenances", _sell_what_is_worked_on),
    Bug("take-whatever-is-a-target", "held hosts are taken as free ones", _take_whatever_is_a_target),
    Bug("take-without-a-word", "held hosts are taken without their holders' word", _take_without_a_word),
    Bug("force-at-once", "force takes effect when the notice is given", _force_at_once),
    Bug("forget-to-end-it", "hosts stay in the provider's maintenance", _forget_to_end_it),
)
