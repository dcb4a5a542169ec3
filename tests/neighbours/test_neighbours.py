"""What a placement names of other services exists and goes together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from gpu_capacity.errors import CapacityError, Misconfigured, NotFound, Unprocessable
from gpu_capacity.inventory.model import Architecture
from gpu_capacity.neighbours.listed import Kind
from gpu_capacity.neighbours.port import NeighbourWish
from gpu_capacity.neighbours.registry import neighbours_named
from gpu_capacity.neighbours.sample import ENTRIES
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.wiring import Edges, Outside, services_of
from testkit.doubles import (
    CountingIds,
    FakeClock,
    NoLetters,
    RecordedAudits,
    RecordedEvents,
    RecordedPause,
    RecordedTelemetry,
    RecordedWorkflows,
)
from testkit.dynamodb import MemoryDynamoDB
from testkit.sample_fleet import sample_fleet
from testkit.world import TABLES

if TYPE_CHECKING:
    from gpu_capacity.neighbours.listed import Entry

UNKNOWN_UUID = "0f0f0f0f-0000-4000-8000-00000000000f"
WISH = NeighbourWish(
    organization_id="org",
    project_id="project",
    region_id="us-tex-1",
    architecture=Architecture.AARCH64,
    network_id="training",
    image_id="ubuntu-24.04",
    security_groups=("ssh-only",),
    ssh_certificate_authority_id="team",
)


def _refused(wish: NeighbourWish) -> type[CapacityError] | None:
    try:
        neighbours_named("sample").check(wish)
    except CapacityError as error:
        return type(error)
    return None


def test_names_of_the_list_are_taken() -> None:
    assert _refused(WISH) is None


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
def test_every_entry_is_taken_by_its_id_in_any_case(entry: Entry) -> None:
    fields: dict[Kind, dict[str, Any]] = {
        Kind.NETWORK: {"network_id": entry.id.upper()},
        Kind.IMAGE: {"image_id": entry.id.upper()},
        Kind.SECURITY_GROUP: {"security_groups": (entry.id.upper(),)},
        Kind.SSH_AUTHORITY: {"ssh_certificate_authority_id": entry.id.upper()},
    }
    field = fields[entry.kind]
    base = NeighbourWish("org", "project", entry.region_id, entry.architecture, UNKNOWN_UUID)
    assert _refused(replace(base, **field)) is None
    assert _refused(replace(base, region_id="elsewhere", **field)) is Unprocessable


@pytest.mark.parametrize(
    "unknown",
    [
        {"network_id": "UNHEARD"},
        {"image_id": "UNHEARD"},
        {"security_groups": ("ssh-only", "UNHEARD")},
        {"ssh_certificate_authority_id": "UNHEARD"},
        {"network_id": "ubuntu-24.04"},
    ],
)
def test_a_name_that_is_not_listed_does_not_exist(unknown: dict[str, Any]) -> None:
    wish = replace(WISH, **unknown)
    neighbours = neighbours_named("sample")

    with pytest.raises(NotFound) as refused:
        neighbours.check(wish)

    assert "UNHEARD" not in str(refused.value)


@pytest.mark.parametrize(
    "unknown",
    [
        {"network_id": UNKNOWN_UUID},
        {"image_id": UNKNOWN_UUID},
        {"security_groups": (UNKNOWN_UUID,)},
        {"ssh_certificate_authority_id": UNKNOWN_UUID},
    ],
)
def test_a_uuid_that_is_not_listed_passes(unknown: dict[str, Any]) -> None:
    assert _refused(replace(WISH, **unknown)) is None


@pytest.mark.parametrize(
    "other",
    [
        {"network_id": "rendering"},
        {"region_id": "us-chi-1", "network_id": "inference"},
        {"region_id": "us-chi-1", "network_id": "training"},
    ],
    ids=["network", "the other way round", "security group"],
)
def test_what_is_listed_for_other_regions_alone_is_refused(other: dict[str, Any]) -> None:
    assert _refused(replace(WISH, **other)) is Unprocessable


def test_an_image_is_for_the_architecture_of_the_hosts() -> None:
    arm_only = replace(WISH, image_id="ubuntu-26.04")
    assert _refused(arm_only) is None
    assert _refused(replace(arm_only, architecture=Architecture.X86_64)) is Unprocessable
    assert _refused(replace(arm_only, architecture=Architecture.UNKNOWN)) is None
    both = replace(WISH, architecture=Architecture.X86_64)
    assert _refused(both) is None


def test_an_image_can_be_checked_alone() -> None:
    alone = NeighbourWish("org", "project", "us-tex-1", Architecture.AARCH64, "ubuntu-24.04")
    assert _refused(alone) is None
    assert _refused(replace(alone, image_id="rocky-9")) is Unprocessable


def test_nobody_to_ask_takes_every_name() -> None:
    neighbours_named("any").check(replace(WISH, network_id="UNHEARD", image_id="UNHEARD"))


def test_every_region_of_the_sample_fleet_has_a_network_and_an_image_for_what_it_sells() -> None:
    for region in sample_fleet()["regions"]:
        kinds = {entry.kind for entry in ENTRIES if entry.region_id == region["id"]}
        assert {Kind.NETWORK, Kind.IMAGE} <= kinds
    assert len({entry.id for entry in ENTRIES}) == len(ENTRIES)
    assert all(str(UUID(entry.id)) == entry.id for entry in ENTRIES)
    assert all(
        (entry.kind is Kind.IMAGE) == (entry.architecture is not Architecture.UNKNOWN) for entry in ENTRIES
    )


def test_a_wrong_setting_shows_at_the_first_request() -> None:
    edges = Edges(MemoryDynamoDB(), FakeClock(), CountingIds("ids"), RecordedPause(), RecordedTelemetry())
    edge = (RecordedWorkflows(), RecordedEvents(), RecordedAudits(), NoLetters())
    outside = Outside(*edge, provider=None, vm_provider=None)  # type: ignore[arg-type]
    environment = Environment(TABLES | {"NEIGHBOURS": "nobody"})

    with pytest.raises(Misconfigured, match="NEIGHBOURS must be one of: any, sample"):
        services_of(environment, edges, outside)
