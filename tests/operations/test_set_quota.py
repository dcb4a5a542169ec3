"""Which subjects an operator may limit, and that existing holders are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpu_capacity.errors import InvalidRequest
from gpu_capacity.operations.set_quota import check_subject

if TYPE_CHECKING:
    from testkit.world import World


@pytest.mark.parametrize("subject", ["gb300", "GB300 ", "VMs", "NVL72", "", "Instances"])
def test_a_subject_without_effect_is_refused_with_the_valid_ones(world: World, subject: str) -> None:
    with pytest.raises(InvalidRequest, match="subject: would limit nothing: it is one of GB300, instances"):
        check_subject(world.services.inventory.regions(), subject)


@pytest.mark.parametrize("subject", ["GB300", "instances", "vms", "vm_gpus"])
def test_accelerators_of_the_catalogue_instances_and_vms_may_be_limited(world: World, subject: str) -> None:
    check_subject(world.services.inventory.regions(), subject)
