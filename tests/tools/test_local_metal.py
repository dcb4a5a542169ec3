"""`make run PROVIDER=ironic`: its options, and the machines and the catalogue that it begins with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gpu_capacity.inventory.fleet.assembly import assemble
from gpu_capacity.inventory.fleet.parsing import parse, parse_catalogue
from gpu_capacity.runtime.feeds import ironic_endpoint
from testkit.fleet.machines import machines_of
from testkit.sample_fleet import metal_fleet, sample_fleet
from tests.template.loading import template
from tools.local_stack import metal
from tools.local_stack.deploy import override
from tools.local_stack.errors import LaunchError
from tools.local_stack.first_calls import how_to_use
from tools.local_stack.issuer import ensure_key
from tools.local_stack.metal import Metal
from tools.local_stack.state import DEFAULT_STATE, IRONIC_STATE, State
from tools.run import parse as options_of

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE = Metal("http://127.0.0.1:6385", Path("/venvs/ironic/bin/openstack"))


@pytest.mark.parametrize(
    ("arguments", "provider", "state"),
    [
        ([], "simulated", DEFAULT_STATE),
        (["--provider", ""], "simulated", DEFAULT_STATE),
        (["--provider", "ironic"], "ironic", IRONIC_STATE),
        (["--provider", "ironic", "--state", "there"], "ironic", Path("there")),
    ],
)
def test_a_stack_over_ironic_has_tables_of_its_own(
    arguments: Sequence[str], provider: str, state: Path
) -> None:
    options = options_of(list(arguments))
    assert (options.provider, options.state) == (provider, state)


def test_another_provider_is_refused() -> None:
    with pytest.raises(LaunchError, match="PROVIDER must be simulated or ironic"):
        options_of(["--provider", "nova"])


def test_its_parameters_are_those_of_the_template() -> None:
    assert set(HERE.parameters) <= set(template()["Parameters"])
    assert ironic_endpoint(HERE.parameters["FleetSource"]) == HERE.url == HERE.parameters["IronicEndpoint"]


def test_its_machines_and_its_catalogue_are_a_region_of_the_sample_fleet() -> None:
    catalogue = parse_catalogue(json.dumps(metal.catalogue()).encode())
    made = assemble(catalogue, machines_of(metal_fleet()), 1, 1_780_000_000)
    fleet = parse(json.dumps(made.document).encode())
    whole = parse(json.dumps(sample_fleet()).encode())
    assert not made.left_out
    (region,) = fleet.regions.values()
    known = whole.regions[region.region.id]
    assert dict(region.pods) == {pod_id: known.pods[pod_id] for pod_id in region.pods}
    assert sum(len(d.hosts) for pod in region.pods.values() for d in pod.domains) == 176


def test_it_prints_how_to_list_the_nodes_and_no_calls_of_vms(tmp_path: Path) -> None:
    ensure_key(State(tmp_path).issuer_key)
    shown = how_to_use(State(tmp_path), "http://127.0.0.1:3000", HERE)
    assert HERE.listing in shown.splitlines()
    assert "/vms" not in shown
    assert "us-chi-1" not in shown.partition("# capacity claims")[2]
    assert "/vms" in how_to_use(State(tmp_path), "http://127.0.0.1:3000")


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("plain", "N=plain"),
        ("", "N="),
        ("rate(1 minute)", 'N="rate(1 minute)"'),
        ('a "b" \\', 'N="a \\"b\\" \\\\"'),
    ],
)
def test_a_parameter_with_blanks_stays_in_one_piece(value: str, sent: str) -> None:
    assert override("N", value) == sent
