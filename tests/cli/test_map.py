"""The map of a region shows each rack once, by a sign that differs for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpucap.plan import Cell, Pod, Rack, of_operators
from testkit.world import ORGANIZATION, REGION

if TYPE_CHECKING:
    import pytest

    from testkit.hostile.service import Service
    from tests.cli.terminal import Terminal


def test_a_customer_sees_its_own_racks_by_letters_and_others_only_as_held(
    terminal: Terminal, service: Service
) -> None:
    drawn = terminal.ok("map", REGION, "--ascii").out
    lines = drawn.splitlines()
    assert lines[0] == "GB300 NVL72"
    # The last one is shared by two capacity claims.
    assert [line.split() for line in lines[1:3]] == [["pod-1", *"........"], ["pod-2", *"A###"]]
    mine = service.ids["reservation of owner"]
    assert any(line.split()[1:3] == ["reservation", mine] for line in lines)
    assert any(line.endswith("#  held by somebody else: 3") for line in lines)


def test_an_operator_sees_everybody_and_what_a_customer_would_see(
    terminal: Terminal, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_TOKEN", service.token("operator"))
    terminal.ok("cordons", "create", REGION, "--pod", "pod1", "--reason", "power works")
    lines = terminal.ok("map", REGION, "--ascii").out.splitlines()
    rows = {line.split()[0]: "".join(line.split()[1:]) for line in lines[1:3]}
    assert rows["pod1"] == "x" * 8
    assert sorted(rows["pod2"]) == ["#", "A", "B", "C"]
    for owner in ("owner", "other project", "other organization"):
        assert any(service.ids[f"reservation of {owner}"] in line for line in lines)
    lines = terminal.ok("map", REGION, "--ascii", "--organization", ORGANIZATION).out.splitlines()
    assert lines[0] == "GB300 NVL72"
    assert terminal.ok("map", REGION, "--json").json["regionId"] == REGION


def test_signs_and_colours_are_all_different() -> None:
    for part in ("sign", "plain", "meaning"):
        assert len({getattr(cell, part) for cell in Cell}) == len(Cell)
    assert all(cell.plain.isascii() for cell in Cell)


def test_an_operator_sees_who_has_what_and_what_is_wrong() -> None:
    holder = {"kind": "reservation", "organizationId": "o", "id": "r"}
    server = {"kind": "placement", "organizationId": "o", "id": "p"}
    claims = [{"kind": "capacityClaim", "organizationId": "o", "id": name} for name in ("c", "d")]
    domains = [
        {"states": ["held"], "holders": [holder, server]},
        {"states": ["held", "cordoned"], "holders": [holder]},
        {"states": ["partlyHeld"], "holders": claims},
        {"states": ["free"], "holders": []},
        {"states": ["free", "cordoned"], "holders": []},
        {"states": ["held", "quarantined"], "holders": [holder]},
        {"states": ["free", "incomplete"], "holders": []},
    ]
    region = {
        "states": [],
        "pods": [
            {"id": "pod1", "flavorId": "g", "states": [], "domains": domains},
            {"id": "pod2", "flavorId": "g", "states": ["inMaintenance"], "domains": domains[3:4]},
        ],
    }
    plan = of_operators(region)
    assert plan.groups["g"] == [
        Pod(
            "pod1",
            [
                Rack(Cell.HELD, "r"),
                Rack(Cell.HELD, "r"),
                Rack(Cell.PARTLY),
                Rack(Cell.FREE),
                Rack(Cell.CORDONED),
                Rack(Cell.QUARANTINED),
                Rack(Cell.BROKEN),
            ],
        ),
        Pod("pod2", [Rack(Cell.MAINTAINED)]),
    ]
    assert plan.holders == {"r": "reservation r of o"}
    assert plan.letter("r") == "A"
