"""GET /api/v2/organizations/{organizationID}/topology: form, parameters, and the hash that follows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.topology.api import replies
from testkit.handlers import arrangements, sample_events
from testkit.handlers.sample_events import SAMPLE_ID, with_body, with_headers, with_query

if TYPE_CHECKING:
    from testkit.handlers.stage import Answer, Stage

ERRORS = Path(__file__).parents[2] / "docs" / "errors.md"


def _topology(stage: Stage, **query: list[str]) -> Answer:
    event = with_query(sample_events.read("get_organization_topology", "all"), **query)
    return stage.request("get_organization_topology", event)


def _projection(answer: Answer, region_id: str = "uk-lon-1") -> dict[str, Any]:
    (projection,) = next(r["projections"] for r in answer.json if r["regionId"] == region_id)
    found: dict[str, Any] = projection
    return found


def _hosts(projection: dict[str, Any]) -> list[dict[str, Any]]:
    return [h for pod in projection["topology"] for domain in pod["domains"] for h in domain["hosts"]]


def _shown(stage: Stage) -> dict[str, Any]:
    found: dict[str, Any] = stage.request_event("get_reservation", "found").json
    return found


def test_every_region_that_offers_something_is_shown(reserved: Stage) -> None:
    answer = _topology(reserved)
    assert [region["regionId"] for region in answer.json] == ["uk-lon-1", "us-chi-1"]
    assert _projection(answer)["reservationUnit"] == {
        "accelerator": "GB300",
        "unit": "NVL72",
        "machineFlavorId": "g.72.gb300.pinned",
        "deviceTypeResourceClass": "GB300_HOST",
        "hostsPerUnit": 18,
    }
    assert [pod["name"] for pod in _projection(answer)["topology"]] == ["pod-1", "pod-2"]


def test_the_overlay_is_the_reservation_with_its_entity_tag_and_units(reserved: Stage) -> None:
    projection, shown = _projection(_topology(reserved)), _shown(reserved)
    overlay = projection["overlays"]["reservations"][SAMPLE_ID]
    units = overlay.pop("units")
    assert overlay == shown | {"topologyEntityTag": shown["status"]["topologyHash"]}
    mine = [host for host in _hosts(projection) if host.get("reservationRef") == SAMPLE_ID]
    assert len(units) == shown["status"]["claimedUnitCount"]
    for unit_id, unit in units.items():
        refs = [host["infrastructureRef"] for host in mine if host["reservationUnitRef"] == unit_id]
        assert unit == {"infrastructureRefs": refs, "occupied": False}
        assert len(refs) == 18


def test_overlays_are_there_when_they_are_empty(reserved: Stage) -> None:
    projection = _projection(_topology(reserved), "us-chi-1")
    assert projection["overlays"] == {"reservations": {}, "placements": {}}
    assert {tuple(host) for host in _hosts(projection)} == {("infrastructureRef", "reserved")}


def test_hosts_of_a_placement_refer_to_its_overlay(stage: Stage) -> None:
    arrangements.placed(stage)
    projection = _projection(_topology(stage))
    ((ref, overlay),) = projection["overlays"]["placements"].items()
    assert overlay == stage.request_event("get_placement", "found").json
    placed = [host for host in _hosts(projection) if host.get("placementRef") == ref]
    assert len(placed) == overlay["spec"]["count"]
    units = projection["overlays"]["reservations"][SAMPLE_ID]["units"]
    assert {host["reservationUnitRef"] for host in placed} == {u for u in units if units[u]["occupied"]}


def test_a_host_of_a_placement_shows_its_server_as_its_own_read_does(stage: Stage) -> None:
    arrangements.servers_up(stage)
    servers = [host["server"] for host in _hosts(_projection(_topology(stage))) if "server" in host]
    assert servers == stage.request_event("list_placement_servers", "all").json


def test_servers_are_left_out_where_the_topology_is_too_large_with_them(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrangements.servers_up(stage)
    whole = _topology(stage, regionID=["uk-lon-1"])
    monkeypatch.setattr(replies, "ANSWER_BYTES_MAX", len(json.dumps(whole.text)) - 100)
    projection = _projection(_topology(stage, regionID=["uk-lon-1"]))
    assert not any("server" in host for host in _hosts(projection))
    assert projection["overlays"] == _projection(whole)["overlays"]


def test_no_id_of_a_pod_or_domain_of_the_fleet_document_is_shown(reserved: Stage) -> None:
    document = json.loads(reserved.bucket.content or b"")
    pods = [pod for region in document["regions"] for pod in region["pods"]]
    ids = {pod["id"] for pod in pods} | {domain["id"] for pod in pods for domain in pod["domains"]}
    text = _topology(reserved).text
    assert not {identity for identity in ids if f'"{identity}"' in text}


def _recomputed(answer: Answer) -> list[str]:
    """What the documentation's program prints of the reservation."""
    section = ERRORS.read_text("utf-8").split("### Health and the topology hash")[1]
    program = re.search(r"```python\n(.+?)```", section, re.DOTALL)
    assert program is not None
    done = subprocess.run(  # noqa: S603 - the documentation's program
        [sys.executable, "-c", program[1], SAMPLE_ID],
        input=answer.text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_program_in_the_documentation_recomputes_the_hash(reserved: Stage) -> None:
    assert _recomputed(_topology(reserved)) == [_shown(reserved)["status"]["topologyHash"]]


def test_a_unit_is_released_with_what_the_topology_shows(stage: Stage) -> None:
    arrangements.provisioned(stage)
    overlay = _projection(_topology(stage))["overlays"]["reservations"][SAMPLE_ID]
    unit_id, unit = next(iter(overlay["units"].items()))
    event = sample_events.read("release_reservation_units", "released")
    event = with_body(event, {"spec": {"unitIds": [unit_id]}})
    event = with_headers(event, if_match=f'"{overlay["topologyEntityTag"]}"')
    released = stage.request("release_reservation_units", event)
    assert released.json["releasedUnits"] == [
        {"id": unit_id, "infrastructureRefs": unit["infrastructureRefs"]}
    ]

    after = _topology(stage)
    overlay = _projection(after)["overlays"]["reservations"][SAMPLE_ID]
    assert unit_id not in overlay["units"]
    assert _recomputed(after) == [overlay["topologyEntityTag"]]
    assert released.headers["etag"] == f'"{overlay["topologyEntityTag"]}"'
    left = [h for h in _hosts(_projection(after)) if h["infrastructureRef"] in unit["infrastructureRefs"]]
    # The provider has not let go of them yet.
    assert all(host["reserved"] and "reservationRef" not in host for host in left)


@pytest.mark.parametrize("name", ["regionID", "accelerator", "unit", "projectID", "reservationID"])
def test_a_filter_is_given_once(reserved: Stage, name: str) -> None:
    answer = _topology(reserved, **{name: ["a", "b"]})
    assert (answer.status, answer.json["errors"]) == (
        400,
        [{"field": f"query {name}", "problem": "must be given once"}],
    )
    assert _topology(reserved, **{name: ["a"]}).status == 200


def test_an_unknown_parameter_is_refused(reserved: Stage) -> None:
    assert _topology(reserved, organizationID=["a"]).status == 400


def test_a_topology_larger_than_one_answer_is_refused(
    reserved: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(json.dumps(_topology(reserved, regionID=["uk-lon-1"]).text))
    monkeypatch.setattr(replies, "ANSWER_BYTES_MAX", size)
    answer = _topology(reserved)
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "query regionID")
    assert _topology(reserved, regionID=["uk-lon-1"]).status == 200


def test_a_reservation_is_shown_until_it_is_gone(stage: Stage) -> None:
    arrangements.deleted_and_swept(stage)
    overlay = _projection(_topology(stage))["overlays"]["reservations"][SAMPLE_ID]
    assert overlay["metadata"]["provisioningStatus"] == "deprovisioning"
    assert stage.run_step("release_reservation", dict(arrangements.STEP))["outcome"] == "done"
    assert _projection(_topology(stage))["overlays"]["reservations"] == {}
