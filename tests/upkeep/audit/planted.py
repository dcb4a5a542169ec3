"""Corruptions of every kind, made by hand: which findings an audit must report, and what --fix may repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gpu_capacity.dynamodb import keys
from testkit.world import HOLDERS, INSTANCE_TYPE, INVENTORY, ORGANIZATION, REGION
from tests.upkeep.audit.scene import CLAIM_ID, STRANGER, Scene, leave_server, pod_key, tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_capacity.placement.model import Placement


Plant = TypeVar("Plant", bound="Callable[[Any], None]")
NOBODY: Final = "aaaaaaaa-2222-4333-8444-555555555555"


@dataclass(frozen=True)
class Planted:
    """A corruption of a scene, the kinds that must be found, and whether --fix repairs all of it."""

    plant: Callable[[Any], None]
    kinds: tuple[str, ...]
    repaired: bool
    scene: type[Scene]

    def __str__(self) -> str:
        return self.plant.__name__


class Corruptions(list[Planted]):
    """The corruptions of one kind of scene, registered where each is defined."""

    def __init__(self, scene: type[Scene] = Scene) -> None:
        super().__init__()
        self._scene = scene

    def planted(self, kinds: str, *, repaired: bool = False) -> Callable[[Plant], Plant]:
        def note(plant: Plant) -> Plant:
            self.append(Planted(plant, tuple(kinds.split()), repaired, self._scene))
            return plant

        return note


PLANTED: Final = Corruptions()
planted = PLANTED.planted


def record(reservation_id: str) -> Any:
    """The key of a reservation."""
    return keys.reservation(ORGANIZATION, reservation_id)


def run_of(scene: Scene) -> Placement:
    """The pod and position of the provisioned reservation."""
    return scene.reservation().runs[0].placement


def _claim_record(claim_id: str = CLAIM_ID) -> Any:
    return keys.capacity_claim(ORGANIZATION, claim_id)


def _entry(scene: Scene) -> Any:
    claim = scene.claim(scene.waiting)
    return keys.queued(REGION, INSTANCE_TYPE, claim.created_ms, (ORGANIZATION, claim.id))


# Owned twice


@planted("double leaked orphaned wrong_hash")
def two_records_list_a_domain(scene: Scene) -> None:
    placement = run_of(scene)
    scene.set(HOLDERS, record(scene.pending), pod=placement.pod_id, start=placement.start)


@planted("double orphaned")
def two_claims_list_a_host(scene: Scene) -> None:
    record = scene.item(HOLDERS, _claim_record(scene.waiting))
    allocations = record["allocations"].replace("[3,2", "[3,3") if "[3,2" in record["allocations"] else None
    text = allocations or record["allocations"].replace("3,2]", "3,3]")
    assert text != record["allocations"]
    scene.set(HOLDERS, _claim_record(scene.waiting), allocations=text)


@planted("double leaked leaked")
def the_pod_has_a_host_twice(scene: Scene) -> None:
    key, domain = scene.claimed_domain()
    owner = scene.item(INVENTORY, key)[domain]
    scene.set(INVENTORY, key, **{domain: dict.fromkeys(owner, 3)})


def _stands_also(scene: Scene, host: str, instead_of: str) -> None:
    """Make the inventory show one host in pod3 at the place of another."""
    pod = keys.hosts(REGION, "pod3")
    domains = scene.item(INVENTORY, pod)["domains"]
    assert instead_of in domains
    scene.set(INVENTORY, pod, domains=domains.replace(instead_of, host))


@planted("host_twice")
def a_host_that_is_owned_stands_elsewhere_too(scene: Scene) -> None:
    _stands_also(scene, "pod1-rack00-tray00", "pod3-rack01-tray01")


@planted("host_twice")
def a_host_stands_twice_in_a_pod(scene: Scene) -> None:
    _stands_also(scene, "pod3-rack00-tray00", "pod3-rack01-tray00")


# Leaked


@planted("leaked", repaired=True)
def a_domain_is_owned_without_a_holder(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), d1=STRANGER)


@planted("leaked quota_drift", repaired=True)
def a_record_was_deleted_by_hand(scene: Scene) -> None:
    scene.delete(HOLDERS, record(scene.pending))


@planted("leaked leaked", repaired=True)
def a_host_is_owned_without_a_holder(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), d0={STRANGER.hex(): 1, "00" * 8: 2})


@planted("leaked")
def a_live_reservation_owns_more_than_it_lists(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), d0=tag(scene.provisioned))


@planted("leaked")
def a_live_claim_owns_more_than_it_lists(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), d0={scene.claim().tag: 1})


@planted("leaked server_leaked")
def a_domain_with_a_server_on_it_leaks(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), d1=STRANGER)
    leave_server(scene, "somebody-1", "pod3-rack01-tray01")


@planted("leaked server_leaked")
def a_domain_whose_owner_has_a_server_elsewhere_leaks(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), d1=tag(NOBODY))
    leave_server(scene, f"{NOBODY}-1780000000", "pod3-rack00-tray00")


@planted("leaked")
def a_domain_that_the_topology_does_not_know_leaks(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), d7=STRANGER)


# Orphaned


@planted("orphaned", repaired=True)
def a_listed_run_is_free(scene: Scene) -> None:
    key, booking = scene.booking()
    scene.set(INVENTORY, key, **{booking: None})


@planted("orphaned", repaired=True)
def a_listed_host_is_free(scene: Scene) -> None:
    key, domain = scene.claimed_domain()
    owner = scene.item(INVENTORY, key)[domain]
    left = {t: mask for t, mask in owner.items() if t != scene.claim().tag}
    scene.set(INVENTORY, key, **{domain: left or None})


@planted("orphaned", repaired=True)
def all_hosts_of_a_listed_domain_are_free(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod1"), d0=None)


@planted("leaked orphaned")
def a_listed_domain_is_somebody_elses(scene: Scene) -> None:
    a_listed_run_is_free(scene)
    key, domain = scene.first_domain()
    scene.set(INVENTORY, key, **{domain: STRANGER})


@planted("orphaned orphaned")
def a_pod_with_claims_is_gone(scene: Scene) -> None:
    scene.delete(INVENTORY, scene.first_domain()[0])


# Records


@planted("contradictory server_leaked server_leaked server_leaked server_leaked")
def a_failed_reservation_lists_capacity(scene: Scene) -> None:
    scene.set(HOLDERS, record(scene.provisioned), status="error")


@planted("contradictory leaked quota_drift")
def a_provisioned_reservation_lists_nothing(scene: Scene) -> None:
    scene.set(HOLDERS, record(scene.provisioned), pod=None, start=None)


@planted("contradictory")
def a_waiting_claim_says_that_it_is_ready(scene: Scene) -> None:
    scene.set(HOLDERS, _claim_record(scene.waiting), status="STATUS_READY")


@planted("unreadable")
def a_record_cannot_be_read(scene: Scene) -> None:
    scene.set(HOLDERS, record(scene.provisioned), status="lost")


@planted("unreadable")
def a_record_is_of_an_unknown_kind(scene: Scene) -> None:
    scene.put(HOLDERS, {"pk": {"S": f"ORG#{ORGANIZATION}"}, "sk": {"S": "RENTAL#1"}}, status="active")
    scene.set(INVENTORY, pod_key("pod3"), d1=STRANGER)


@planted("unreadable")
def a_pod_cannot_be_read(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod2"), v="one")


@planted("unreadable")
def an_owner_is_no_tag(scene: Scene) -> None:
    scene.set(INVENTORY, pod_key("pod3"), d1=b"short")


# Hashes


@planted("wrong_hash", repaired=True)
def a_hash_is_missing(scene: Scene) -> None:
    scene.set(HOLDERS, record(scene.provisioned), hash=None)


@planted("wrong_hash", repaired=True)
def a_hash_is_none(scene: Scene) -> None:
    scene.set(HOLDERS, record(scene.provisioned), hash="sha256:abc")


@planted("wrong_hash", repaired=True)
def a_hash_is_of_other_hardware(scene: Scene) -> None:
    scene.set(HOLDERS, record(scene.provisioned), hash=f"sha256:{'0' * 64}")


# Quotas


@planted("quota_drift", repaired=True)
def more_is_counted_than_there_is(scene: Scene) -> None:
    scene.set(HOLDERS, keys.quota(ORGANIZATION, "GB300"), used=9)


@planted("quota_drift", repaired=True)
def less_is_counted_than_there_is(scene: Scene) -> None:
    scene.set(HOLDERS, keys.quota(ORGANIZATION, "instances"), used=0)


@planted("quota_drift")
def a_quota_was_deleted_by_hand(scene: Scene) -> None:
    scene.delete(HOLDERS, keys.quota(ORGANIZATION, "GB300"))


# Queues and names


@planted("queue_stale", repaired=True)
def a_claim_that_is_gone_stands_in_a_queue(scene: Scene) -> None:
    gone = "22222222-2222-4333-8444-555555555555"
    key = keys.queued(REGION, INSTANCE_TYPE, 1, (ORGANIZATION, gone))
    scene.put(HOLDERS, key, organization=ORGANIZATION, claim=gone)


@planted("queue_stale", repaired=True)
def a_served_claim_stands_in_a_queue(scene: Scene) -> None:
    key = keys.queued(REGION, INSTANCE_TYPE, scene.claim().created_ms, (ORGANIZATION, CLAIM_ID))
    scene.put(HOLDERS, key, organization=ORGANIZATION, claim=CLAIM_ID)


@planted("queue_stale", repaired=True)
def a_claim_stands_in_the_queue_of_another_zone(scene: Scene) -> None:
    claim = scene.claim(scene.waiting)
    key = keys.queued("us-chi-1", INSTANCE_TYPE, claim.created_ms, (ORGANIZATION, claim.id))
    scene.put(HOLDERS, key, organization=ORGANIZATION, claim=claim.id)


@planted("queue_missing", repaired=True)
def a_waiting_claim_has_no_entry(scene: Scene) -> None:
    scene.delete(HOLDERS, _entry(scene))


@planted("queue_missing")
def an_entry_stands_for_another_claim(scene: Scene) -> None:
    scene.set(HOLDERS, _entry(scene), claim=CLAIM_ID)


@planted("name_stale", repaired=True)
def a_name_is_left_of_a_claim(scene: Scene) -> None:
    scene.put(HOLDERS, keys.claim_name(ORGANIZATION, "old"), claim="33333333-2222-4333-8444-555555555555")


@planted("name_stale", repaired=True)
def a_claim_has_two_names(scene: Scene) -> None:
    scene.put(HOLDERS, keys.claim_name(ORGANIZATION, "second"), claim=CLAIM_ID)


@planted("name_missing", repaired=True)
def a_claim_has_no_name(scene: Scene) -> None:
    scene.delete(HOLDERS, keys.claim_name(ORGANIZATION, "small"))


@planted("name_missing name_stale")
def two_claims_have_one_name(scene: Scene) -> None:
    scene.set(HOLDERS, _claim_record(), name="waiting")


# The index


@planted("holder_unlisted", repaired=True)
def a_reservation_of_an_earlier_version_is_not_in_the_index_of_holders(scene: Scene) -> None:
    scene.set(HOLDERS, record(scene.pending), held=None)


@planted("holder_unlisted", repaired=True)
def a_claim_is_in_the_index_under_another_region(scene: Scene) -> None:
    scene.set(HOLDERS, _claim_record(), held="elsewhere#0")


@planted("unsettled_missing", repaired=True)
def a_pending_reservation_is_not_in_the_index(scene: Scene) -> None:
    scene.set(HOLDERS, record(scene.pending), unsettled=None)


@planted("unsettled_missing", repaired=True)
def a_pending_reservation_is_where_nobody_looks(scene: Scene) -> None:
    scene.set(HOLDERS, record(scene.pending), unsettled="99")


@planted("unsettled_missing", repaired=True)
def a_deleted_claim_is_not_in_the_index(scene: Scene) -> None:
    scene.set(HOLDERS, _claim_record(), status="STATUS_DELETING")
