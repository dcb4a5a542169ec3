"""Every operation has a command, and commands do what they say."""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from gpu_capacity_client import operations
from gpucap import options
from gpucap.commands import noun_app
from gpucap.nouns import BESIDE, NOUNS
from testkit.hostile.service import ABSENT
from testkit.hostile.vm_service import PUBLIC_KEYS
from testkit.world import INSTANCE_TYPE, ORGANIZATION, PROJECT, REGION
from tests.cli.terminal import Terminal, Wire, interrupt, rows

if TYPE_CHECKING:
    from pathlib import Path

    from gpucap.verbs import Verb
    from testkit.hostile.service import Service

VERBS = [(noun, name, verb) for noun, told in NOUNS.items() for name, verb in told.verbs.items()]
RACKS = ("--accelerator", "GB300", "--unit", "NVL72", "--region", REGION)


def test_every_operation_of_the_document_has_a_command() -> None:
    have = [*(verb.operation for _, _, verb in VERBS), *BESIDE]
    assert sorted(set(operations()) - set(have)) == [], (
        "add verbs for these: cli/gpucap/{customers,operators}.py"
    )
    assert sorted(set(have) - set(operations())) == [], "the document does not have these any more"
    assert len(have) == len(set(have))


@pytest.mark.parametrize(("noun", "name", "told"), VERBS, ids=[f"{noun} {name}" for noun, name, _ in VERBS])
def test_options_of_a_command_have_different_names(noun: str, name: str, told: Verb) -> None:
    operation = operations()[told.operation]
    fields, given = options.fields(operation, told), options.given(operation, told)
    names = [field.option for field in fields] + [one.option for one in given]
    assert len(names) == len(set(names)), "tell them apart by `options` of the verb"
    known = {field.path for field in fields} | {one.parameter.name for one in given}
    assert set(told.options) <= known
    assert set(told.defaults) <= {field.path for field in fields}


@pytest.mark.parametrize("noun", NOUNS)
def test_each_noun_explains_itself(terminal: Terminal, noun: str) -> None:
    shown = terminal.ok(noun, "--help").out
    assert NOUNS[noun].help[:20] in shown
    for verb in NOUNS[noun].verbs:
        assert f"  {verb} " in shown
    assert noun_app(noun).registered_commands


def test_a_create_prints_what_was_made(terminal: Terminal) -> None:
    made = terminal.ok("reservations", "create", *RACKS, "--count", "2", "--tag", "a=b=c", "--json").json
    assert made["spec"] == {"regionId": REGION, "accelerator": "GB300", "unit": "NVL72", "count": 2}
    assert made["metadata"]["organizationId"] == ORGANIZATION
    assert made["metadata"]["projectId"] == PROJECT
    assert made["metadata"]["tags"] == [{"name": "a", "value": "b=c"}]
    assert made["metadata"]["name"].startswith("reservation-")

    shown = terminal.ok("reservations", "get", made["metadata"]["id"]).out
    assert ["accelerator", "GB300"] in rows(f"\n{shown}")


def test_a_list_is_a_table_and_follows_pages(terminal: Terminal, wire: Wire) -> None:
    made = {
        terminal.ok("reservations", "create", *RACKS, "--count", "1", "--json").json["metadata"]["id"]
        for _ in range(2)
    }
    before = len(wire.requests)
    table = terminal.ok("reservations", "list").out
    assert table.split()[:3] == ["ID", "NAME", "REGION"]
    assert made <= {line[0] for line in rows(table)}
    assert "limit=1000" in wire.paths[before]


def test_a_dry_run_writes_nothing(terminal: Terminal, service: Service) -> None:
    before = service.db.dump()
    outcome = terminal.ok("reservations", "create", *RACKS, "--count", "1", "--dry-run", "--wait")
    assert "nothing was written" in outcome.err
    assert service.db.dump() == before


def test_what_is_missing_is_named(terminal: Terminal, wire: Wire) -> None:
    outcome = terminal.run("reservations", "create", "--unit", "NVL72")
    assert outcome.code == 2
    assert outcome.err == "missing: --region, --accelerator, --count\n"
    assert not wire.requests


def test_a_body_from_a_file_is_sent_and_options_go_over_it(terminal: Terminal, tmp_path: Path) -> None:
    body = {
        "metadata": {"name": "from-file"},
        "spec": {
            "organizationId": ORGANIZATION,
            "projectId": PROJECT,
            "regionId": REGION,
            "accelerator": "GB300",
            "unit": "NVL72",
            "count": 1,
        },
    }
    (tmp_path / "body.json").write_text(json.dumps(body))
    file = str(tmp_path / "body.json")
    made = terminal.ok("reservations", "create", "--body", file, "--count", "2", "--json").json
    assert (made["metadata"]["name"], made["spec"]["count"]) == ("from-file", 2)


def test_an_update_changes_what_is_said_and_keeps_the_rest(terminal: Terminal, service: Service) -> None:
    placement = service.ids["placement of owner"]
    before = terminal.ok("placements", "get", placement, "--json").json
    changed = terminal.ok("placements", "update", placement, "--image", "ubuntu-26.04", "--json").json
    assert changed["spec"]["serverSpec"]["imageId"] == "ubuntu-26.04"
    assert changed["spec"]["count"] == before["spec"]["count"]
    assert changed["metadata"]["name"] == before["metadata"]["name"]


def test_a_claim_grows_by_one_option(terminal: Terminal, service: Service) -> None:
    claim = service.ids["claim of owner"]
    grown = terminal.ok("claims", "update", claim, "--count", "3", "--json").json["capacityClaim"]
    assert grown["spec"]["resources"]["instanceCount"] == 3
    assert grown["spec"]["resources"]["zones"] == [REGION]


def test_servers_are_found_and_stopped(terminal: Terminal, service: Service) -> None:
    placement = service.ids["placement of owner"]
    ((server, *_),) = rows(terminal.ok("servers", "list", placement).out)
    assert server == service.ids["server of owner"]
    assert "accepted" in terminal.ok("servers", "stop", placement, server).err


def test_offers_need_no_token(monkeypatch: pytest.MonkeyPatch, vm_terminal: Terminal) -> None:
    monkeypatch.delenv("THE_TOKEN")
    assert "vm01" in vm_terminal.ok("offers", "list").out
    assert vm_terminal.run("vms", "list").code == 6


def test_a_password_is_asked_for_and_a_key_comes_from_a_file(
    vm_terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key.pub").write_text(PUBLIC_KEYS["new"])
    added = vm_terminal.ok("ssh-keys", "create", "--ssh-public-key", f"@{tmp_path}/key.pub", "--json").json
    assert added["key_type"] == "ssh-ed25519"
    monkeypatch.setattr("sys.stdin", StringIO("correct-horse-battery\n"))
    machine = ("--node", "vm01", "--gpu-type", "5090", "--gpu-count", "1", "--storage-gb", "100")
    made = vm_terminal.ok(
        "vms", "create", *machine, "--template", "101", "--auth-method", "password", "--password", "--json"
    ).json
    assert made["status"] == "creating"
    assert made["id"] in vm_terminal.ok("vms", "list").out


def test_an_operator_is_not_narrowed_to_an_organization(
    terminal: Terminal, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_TOKEN", service.token("operator"))
    shown = terminal.ok("cordons", "create", REGION, "--pod", "pod2", "--reason", "power works").out
    assert "power works" in shown
    assert "pod2" in terminal.ok("cordons", "list", REGION).out
    terminal.ok("cordons", "delete", REGION, "--pod", "pod2")
    assert terminal.ok("cordons", "list", REGION).err == "nothing there\n"


def test_an_operator_limits_an_organization_and_finds_its_holders(
    terminal: Terminal, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_TOKEN", service.token("operator"))
    assert terminal.run("quotas", "list").err == "missing: --organization\n"
    of_it = ("--organization", ORGANIZATION)
    limited = terminal.ok("quotas", "set", "GB300", "--limit", "16", *of_it, "--json").json
    assert limited["limit"] == 16
    assert ["GB300", "2", "16", "no"] in rows(terminal.ok("quotas", "list", *of_it).out)
    assert "limit" not in terminal.ok("quotas", "set", "GB300", "--limit", "null", *of_it, "--json").json
    found = terminal.ok("holders", "list", "--kind", "reservation").out
    assert service.ids["reservation of other organization"] in found


def test_queues_show_who_waits_in_order(
    terminal: Terminal, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = ("claims", "create", "--instance-type", INSTANCE_TYPE, "--zone", REGION, "--count", "400")
    waiting = []
    for name in ("first", "second"):
        made = terminal.ok(*claim, "--name", name, "--json").json["capacityClaim"]
        waiting.append(made["spec"]["id"])
        service.stage.clock.advance(1)
    monkeypatch.setenv("THE_TOKEN", service.token("operator"))
    (line,) = rows(terminal.ok("queues", "list").out)
    assert line[:4] == [REGION, INSTANCE_TYPE, f"{waiting[0]},", waiting[1]]


def test_a_maintenance_is_planned_and_changed_by_what_is_said(
    terminal: Terminal, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_TOKEN", service.token("operator"))
    # After any time that the clock of the tests shows.
    window = ("--start-time", "2099-12-07T08:00:00Z", "--end-time", "2099-12-07T12:00:00Z")
    plan = ("maintenances", "plan", "--region", REGION, "--target", "pod=pod2", *window)
    malformed = terminal.run(*plan, "--target", "rack=1", "--reason", "new cables")
    assert (malformed.code, malformed.err) == (2, "--target takes pod=…,domain=…,host=…\n")
    impact = terminal.ok(*plan, "--reason", "new cables", "--dry-run").out
    assert re.search(r"^impact\.holders\[0\]\.status +provisioned$", impact, re.MULTILINE)
    planned = terminal.ok(*plan, "--reason", "new cables", "--json").json
    assert planned["targets"] == [{"podId": "pod2"}]
    changed = terminal.ok("maintenances", "change", planned["id"], "--reason", "old cables", "--json").json
    assert (changed["reason"], changed["targets"]) == ("old cables", [{"podId": "pod2"}])
    assert "old cables" in terminal.ok("maintenances", "list", "--region", REGION).out
    terminal.ok("maintenances", "cancel", planned["id"])


def test_what_is_not_there_and_what_is_not_allowed(
    terminal: Terminal, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = terminal.run("reservations", "get", ABSENT)
    assert absent.code == 5
    assert absent.err.startswith("not there: the reservation does not exist")
    assert "trace 6a17b900" in absent.err
    monkeypatch.setenv("THE_TOKEN", service.token("reader"))
    assert terminal.run("reservations", "delete", service.ids["reservation of owner"]).code == 6


def test_what_can_never_fit_is_refused_and_what_may_fit_later_is_not_now(terminal: Terminal) -> None:
    refused = terminal.run("reservations", "create", *RACKS, "--count", "9", "--json")
    assert refused.code == 3
    assert json.loads(refused.err)["capacity"]["canEverFit"] is False
    terminal.ok("reservations", "create", *RACKS, "--count", "8")
    assert terminal.run("reservations", "create", *RACKS, "--count", "8").code == 4
    assert terminal.run("reservations", "create", *RACKS, "--count", "0").code == 2


def test_an_interrupt_during_a_create_tells_the_key(
    terminal: Terminal, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.lost = 1
    terminal.meanwhile = [interrupt]
    outcome = terminal.run("reservations", "create", *RACKS, "--count", "1")
    assert outcome.code == 130
    assert f"--idempotency-key {wire.requests[0].headers['idempotency-key']}" in outcome.err
