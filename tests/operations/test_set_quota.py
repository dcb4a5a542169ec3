"""What an operator may limit, and that what was there before is counted in."""

from __future__ import annotations

import pytest

from gpu_capacity.errors import InvalidRequest, QuotaExceeded
from gpu_capacity.operations.set_quota import QuotaSetter, check_subject
from testkit.auditor import audit
from testkit.reservations import reserve
from testkit.world import ORGANIZATION, World


@pytest.mark.parametrize("subject", ["gb300", "GB300 ", "VMs", "NVL72", "", "Instances"])
def test_a_subject_that_would_limit_nothing_is_refused_with_those_that_limit_something(
    world: World, subject: str
) -> None:
    with pytest.raises(InvalidRequest, match="subject: would limit nothing: it is one of GB300, instances"):
        check_subject(world.services.inventory.regions(), subject)


@pytest.mark.parametrize("subject", ["GB300", "instances", "vms", "vm_gpus"])
def test_accelerators_of_the_catalogue_instances_and_vms_may_be_limited(world: World, subject: str) -> None:
    check_subject(world.services.inventory.regions(), subject)


def test_what_is_owned_beyond_a_new_limit_stays_owned_and_counts(world: World) -> None:
    reserve(world, 3)
    book = QuotaSetter.of(world.services, "operator")

    change = book.set(ORGANIZATION, "GB300", 2)

    assert change.counted_in == 1
    assert change.quota is not None
    assert (change.quota.limit, change.quota.used) == (2, 3)
    assert book.set(ORGANIZATION, "GB300", 2).counted_in == 0
    with pytest.raises(QuotaExceeded):
        reserve(world, 1)
    assert audit(world.db) == []
