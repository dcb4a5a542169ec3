from __future__ import annotations

import re

import pytest

from gpu_capacity.holders.project_scoped import Tag
from gpu_capacity.holders.quota import Quota
from gpu_capacity.reservations.record import TRANSITIONS, UNSETTLED, Status
from testkit.reservations import reservation

MOVES = {
    ("claiming", "pending"),
    ("claiming", "gone"),
    ("pending", "provisioning"),
    ("pending", "deprovisioning"),
    ("provisioning", "provisioned"),
    ("provisioning", "error"),
    ("provisioning", "deprovisioning"),
    ("provisioned", "deprovisioning"),
    ("error", "deprovisioning"),
    ("deprovisioning", "gone"),
}


@pytest.mark.parametrize("source", Status)
@pytest.mark.parametrize("target", Status)
def test_only_the_published_status_changes_are_allowed(source: Status, target: Status) -> None:
    assert (target in TRANSITIONS[source]) == ((source.value, target.value) in MOVES)


def test_every_status_is_in_the_table_of_changes() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_a_reservation_in_every_live_status_can_be_deleted() -> None:
    alive = set(Status) - {Status.CLAIMING, Status.DEPROVISIONING, Status.GONE}

    assert {source for source in Status if Status.DEPROVISIONING in TRANSITIONS[source]} == alive


def test_no_status_change_leads_back_from_an_error() -> None:
    assert TRANSITIONS[Status.ERROR] == {Status.DEPROVISIONING}


def test_every_unsettled_status_leads_to_a_settled_one() -> None:
    reached = {status: set(targets) for status, targets in TRANSITIONS.items()}
    for status in UNSETTLED:
        beyond = {further for target in reached[status] for further in reached[target]} | reached[status]
        assert beyond - UNSETTLED


@pytest.mark.parametrize(
    ("status", "workflow"),
    [
        (Status.PENDING, "provision"),
        (Status.PROVISIONING, "provision"),
        (Status.PROVISIONED, None),
        (Status.DEPROVISIONING, "deprovision"),
        (Status.ERROR, None),
        (Status.GONE, None),
    ],
)
def test_each_unsettled_status_names_the_workflow_that_settles_it(
    status: Status, workflow: str | None
) -> None:
    assert reservation(status=status).workflow == workflow
    assert (status in UNSETTLED) == (workflow is not None)


def test_a_reservation_without_capacity_owns_nothing() -> None:
    released = reservation(runs=())

    assert (released.owned_units, released.hosts_expected) == (0, 0)


def test_the_hosts_are_those_of_the_owned_units() -> None:
    assert reservation().hosts_expected == 3 * 18


def test_a_unit_id_belongs_to_one_unit_of_one_reservation() -> None:
    mine = reservation(life=b"lifetime")
    others = (reservation(life=b"life-two"), reservation(), reservation(created_at=1))
    units = [r.unit_id(position) for r in (mine, *others) for position in (0, 1, 127, 999)]

    assert len(set(units)) == len(units)
    assert all(re.fullmatch("[0-9a-f]{64}", unit) for unit in units)


def test_a_unit_keeps_its_id_when_other_units_and_the_status_change() -> None:
    before = reservation(life=b"lifetime")
    after = reservation(life=b"lifetime", runs=(), status=Status.DEPROVISIONING, revision=9)

    assert before.unit_id(3) == after.unit_id(3)


def test_every_tag_of_a_filter_must_be_present_with_name_and_value() -> None:
    tagged = reservation(tags=(Tag("team", "a"), Tag("stage", "live")))

    assert tagged.has_tags(())
    assert tagged.has_tags(("stage=live", "team=a"))
    assert not tagged.has_tags(("team=a", "stage=test"))
    assert not tagged.has_tags(("team",))


@pytest.mark.parametrize("tag", [Tag("a", "b=c"), Tag("a=b", "c"), Tag("=", "="), Tag("", ""), Tag("a", "=")])
def test_a_tag_is_matched_literally_even_with_equals_signs(tag: Tag) -> None:
    assert reservation(tags=(tag,)).has_tags((f"{tag.name}={tag.value}",))


@pytest.mark.parametrize(("count", "allowed"), [(3, True), (4, False)])
def test_a_quota_can_be_used_up_exactly(count: int, *, allowed: bool) -> None:
    assert Quota("org", "GB300", limit=10, used=7).allows(count) is allowed


def test_a_quota_lowered_below_its_use_allows_nothing() -> None:
    assert not Quota("org", "GB300", limit=2, used=5).allows(1)


def test_placements_have_hosts_of_their_own_and_give_back_all_of_them() -> None:
    taken = reservation().with_placement("a", ((2, 0b011), (3, 0b1))).with_placement("b", ((2, 0b100),))

    assert taken.occupied_hosts == {2: 0b111, 3: 0b1}
    assert taken.without_placement("a") == reservation().with_placement("b", ((2, 0b100),))
    assert taken.without_placement("a").without_placement("b") == reservation()
