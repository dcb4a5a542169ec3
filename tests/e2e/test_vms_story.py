"""The VMs of docs/first-calls.md against the real template, over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from testkit.sample_fleet import sample_fleet
from tests.e2e.infrastructure_client import CLAIMS
from tests.e2e.stack import ROOT
from tests.e2e.test_reservations_story import delete_and_wait
from tests.e2e.vm_customer import POLL_SECONDS, WAIT_SECONDS_MAX, VmCustomer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.stack import Answer, FleetManager, Stack

UNKNOWN = "7766de50-452c-437a-a64b-86b3429861d4"
AMSTERDAM = "eu-ams-1"
ALL_FREE = {1: 8, 2: 4, 4: 2, 8: 1}
INTERRUPTIBLE = {"rental_type": "interruptible"}


@pytest.fixture
def customer(stack: Stack) -> Iterator[VmCustomer]:
    """A customer of an organization of its own, with an SSH key, who leaves nothing behind."""
    organization, project = str(uuid.uuid4()), str(uuid.uuid4())
    new = VmCustomer(stack, stack.token(organization, project), organization, project)
    new.add_key("laptop")
    yield new
    left = new.call("GET", "/vms?limit=200").json
    for vm in left:
        new.begin("destroy", vm["id"])
    for node in {vm["node"] for vm in left}:
        wait_for_slices(stack, node, ALL_FREE)


def free_slices(stack: Stack, node: str) -> dict[int, int]:
    """The number of free slices of each size of the node, as shown to everybody."""
    answer = stack.call("GET", "/search")
    assert answer.status == 200, answer.text
    return {offer["gpu_count"]: offer["available"] for offer in answer.json if offer["node"] == node}


def wait_for_slices(stack: Stack, node: str, wanted: dict[int, int]) -> None:
    """Offers are some seconds old."""
    until(lambda: free_slices(stack, node) == wanted, f"{node} with {wanted}")


def until(seen: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not seen():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(POLL_SECONDS)


def operator(stack: Stack, *arguments: str) -> list[str]:
    """What ``make api-key`` prints."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "tools.api_key", "--state", str(stack.state.folder), *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "layers/shared"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


def test_offers_and_prices_are_shown_without_a_token(stack: Stack) -> None:
    prices = stack.call("GET", "/pricing").json["gpus"]
    assert set(prices) == {"4090", "5090", "6000pro"}
    offers = stack.call("GET", "/search").json
    assert {offer["node"] for offer in offers} == {f"vm{number:02}" for number in range(1, 12)}
    for offer in offers:
        assert offer["location"] == AMSTERDAM
        assert offer["gpu_price_hourly"] == prices[offer["gpu_type"]]
        assert 0.2 <= offer["interruptible_rate"] / offer["gpu_price_hourly"] <= 0.5
    one_row = stack.call("GET", "/search?gpu_type=6000pro&gpu_count=8").json
    assert [(offer["node"], offer["gpu_ram_mb"], offer["available"]) for offer in one_row] == [
        ("vm07", 98304, 1),
        ("vm08", 98304, 1),
    ]


def test_a_vm_runs_stops_starts_again_and_stays_readable_when_it_is_destroyed(
    stack: Stack, customer: VmCustomer
) -> None:
    vm_id = customer.rent("vm05", "4090", 2)
    running = customer.until({vm_id: "running"})[vm_id]
    assert running["ip_address"]
    assert running["started_at"]
    # The largest slice that a VM of two can leave free is one of four.
    wait_for_slices(stack, "vm05", {1: 6, 2: 3, 4: 1, 8: 0})
    refused = customer.call("POST", f"/vms/{vm_id}/start")
    assert (refused.status, refused.json) == (400, {"detail": "a VM that is running cannot be started"})

    assert customer.begin("stop", vm_id)["status"] == "stopping"
    stopped = customer.until({vm_id: "stopped"})[vm_id]
    assert (stopped["ip_address"], stopped["storage_gb"]) == (None, 100)
    wait_for_slices(stack, "vm05", ALL_FREE)

    assert customer.begin("start", vm_id)["status"] == "starting"
    customer.until({vm_id: "running"})
    assert customer.begin("destroy", vm_id)["status"] == "destroyed"
    assert customer.read(vm_id)["status"] == "destroyed"
    assert customer.begin("destroy", vm_id)["status"] == "destroyed"
    refused = customer.call("POST", f"/vms/{vm_id}/start")
    assert (refused.status, refused.json) == (400, {"detail": "a VM that is destroyed cannot be started"})
    passed = [status for status in customer.passed[vm_id] if status not in {"starting", "stopping"}]
    assert passed == ["creating", "running", "stopped", "running", "destroyed"]

    younger = customer.rent("vm05", "4090", 1)
    assert [vm["id"] for vm in customer.call("GET", "/vms").json] == [younger, vm_id]
    assert [vm["id"] for vm in customer.call("GET", "/vms?limit=1&offset=1").json] == [vm_id]
    page = customer.call("GET", "/vms?limit=1")
    further = page.headers["Link"].removeprefix("<").partition(">")[0]
    assert [vm["id"] for vm in customer.call("GET", f"/vms{further}").json] == [vm_id]
    for status, shown in (("destroyed", [vm_id]), ("creating&status=starting&status=running", [younger])):
        listed = customer.call("GET", f"/vms?status={status}").json
        assert [vm["id"] for vm in listed] == shown


def test_a_full_node_interrupts_an_interruptible_vm_after_its_notice_and_restarts_it_when_there_is_room(
    customer: VmCustomer,
) -> None:
    kept = customer.rent("vm01", "5090", 4)
    older = customer.rent("vm01", "5090", 2, **INTERRUPTIBLE)
    customer.until({kept: "running", older: "running"})
    # Times are whole seconds, and the newest is preempted: this one is created after the start of the other.
    newest = customer.rent("vm01", "5090", 2, **INTERRUPTIBLE)
    before = customer.until({newest: "running"})
    assert [before[vm_id]["auto_restart"] for vm_id in (kept, older, newest)] == [None, True, True]
    assert before[newest]["hourly_rate"] < before[kept]["hourly_rate"] / 2

    # An interruptible VM preempts none, and neither does one that would not fit even then.
    refused = customer.ask("vm01", "5090", 1, **INTERRUPTIBLE)
    assert refused.json["detail"] == "no GPU of the node is free for a VM of 1"
    too_large = customer.ask("vm01", "5090", 8)
    assert (too_large.status, too_large.json["detail"]) == (
        400,
        "the node has no free slice of 8 GPUs; the largest that it could give has 4",
    )

    new_vm = customer.rent("vm01", "5090", 2)
    reported = customer.read(newest)
    assert reported["status"] == "running"
    assert reported["interruption_at"] > reported["started_at"]
    assert "needs the GPUs" in reported["interruption_reason"]
    after = customer.until({new_vm: "running", newest: "interrupted", older: "running", kept: "running"})
    assert customer.passed[new_vm] == ["creating", "starting", "running"]
    assert after[newest]["stopped_at"]

    customer.begin("destroy", new_vm)
    again = customer.until({newest: "running"})
    assert again[newest]["started_at"] > before[newest]["started_at"]
    customer.begin("stop", newest)
    assert customer.until({newest: "stopped"})[newest]["auto_restart"] is False


def test_a_reserved_vm_costs_what_the_calculator_showed_and_keeps_its_gpus_while_it_is_stopped(
    stack: Stack, customer: VmCustomer
) -> None:
    wanted = {"gpu_type": "6000pro", "gpu_count": 4, "storage_gb": 500, "reservation_months": 3}
    quote = customer.call("POST", "/reservations/calculate", wanted).json
    terms = {"rental_type": "reserved", "reservation_months": 3, "storage_gb": 500}
    vm_id = customer.rent("vm07", "6000pro", 4, **terms)
    vm = customer.until({vm_id: "running"})[vm_id]
    assert vm["reservation_id"]
    assert vm["hourly_rate"] == quote["hourly_rate_after_discount"]
    hourly, listed = Decimal(str(vm["hourly_rate"])), stack.call("GET", "/pricing").json["gpus"]["6000pro"]
    assert vm["gpu_hourly_rate"] == pytest.approx(listed * (1 - quote["discount_percent"] / 100), abs=1e-4)
    assert Decimal(str(quote["monthly_cost"])) == (hourly * 730).quantize(Decimal("0.01"))
    assert quote["deposit_required"] == quote["monthly_cost"]
    assert quote["cancellation_fee_25_percent"] == pytest.approx(quote["monthly_cost"] * 3 / 4, abs=0.01)

    customer.begin("stop", vm_id)
    assert customer.until({vm_id: "stopped"})[vm_id]["reservation_id"] == vm["reservation_id"]
    wait_for_slices(stack, "vm07", {1: 4, 2: 2, 4: 1, 8: 0})
    refused = customer.ask("vm07", "6000pro", 8)
    assert refused.status == 400
    assert "the largest that it could give has 4" in refused.json["detail"]
    customer.begin("start", vm_id)
    customer.until({vm_id: "running"})


def test_an_api_key_may_do_what_its_scope_allows_until_it_is_revoked(stack: Stack) -> None:
    organization = str(uuid.uuid4())
    key = {
        scope: operator(stack, "--org", organization, "--subject", "robot", "--scope", scope)[0]
        for scope in ("read_write", "read_only", "billing_only")
    }
    writer, reader, accountant = (VmCustomer(stack, key[scope]) for scope in key)
    assert writer.token.startswith("nv_")
    added = writer.add_key("robot")
    assert reader.call("GET", "/ssh-keys").json == [added]
    for refused in (
        reader.ask("vm05", "4090", 1),
        reader.call("DELETE", f"/ssh-keys/{added['id']}"),
        accountant.call("GET", "/vms"),
        # The other APIs do not accept API keys.
        stack.call("GET", "/api/v2/reservations", token=writer.token),
    ):
        assert refused.status in {401, 403}, refused.text
    body = {"gpu_type": "4090", "gpu_count": 1, "storage_gb": 50, "reservation_months": 1}
    assert accountant.call("POST", "/reservations/calculate", body).status == 200

    listed = {line.split()[1]: line.split() for line in operator(stack, "--org", organization)}
    assert {scope: words[3:] for scope, words in listed.items()} == {
        scope: [f"…{key[scope][-4:]}", "robot", "Primary", "Key"] for scope in key
    }
    operator(stack, "--org", organization, "--revoke", listed["read_write"][0])
    revoked = writer.call("GET", "/vms")
    assert (revoked.status, list(revoked.json)) == (401, ["detail"])
    assert revoked.headers["WWW-Authenticate"].startswith("Bearer")
    assert reader.call("GET", "/vms").status == 200


def test_an_account_makes_lists_and_deletes_its_own_api_keys(customer: VmCustomer) -> None:
    made = customer.call("POST", "/auth/api-key", {"name": "dashboards", "scopes": ["read_only"]})
    assert (made.status, set(made.json)) == (201, {"api_key", "created_at", "message"})
    reader = VmCustomer(customer.stack, made.json["api_key"])
    assert reader.call("GET", "/vms").status == 200
    assert reader.call("GET", "/auth/api-keys").status == 403

    (listed,) = customer.call("GET", "/auth/api-keys").json
    assert (listed["name"], listed["scopes"]) == ("dashboards", ["read_only"])
    assert listed["last_four"] == made.json["api_key"][-4:]
    assert customer.call("DELETE", f"/auth/api-keys/{listed['id']}").json == listed
    assert customer.call("GET", "/auth/api-keys").json == []
    assert reader.call("GET", "/vms").status == 401


def test_a_vm_can_be_made_only_from_a_listed_template(customer: VmCustomer) -> None:
    templates = {template["id"]: template for template in customer.call("GET", "/templates").json}
    assert templates[101] == {"id": 101, "name": "Ubuntu 24.04", "os": "Ubuntu 24.04", "login": "ubuntu"}
    refused = customer.ask("vm05", "4090", 1, template_vmid=9000)
    assert refused.status == 400
    assert all(str(template) in refused.json["detail"] for template in templates)


def test_a_caller_that_writes_too_often_gets_retry_after(customer: VmCustomer) -> None:
    # Minutes are those of the clock: so many requests exceed the 30 of a minute, whenever they are sent.
    path = f"/ssh-keys/{uuid.uuid4()}"
    answers: list[Answer] = []
    while len(answers) <= 2 * 30 and (not answers or answers[-1].status == 404):
        answers.append(customer.call("DELETE", path))
    last = answers[-1]
    assert (last.status, list(last.json)) == (429, ["detail"])
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert customer.call("GET", "/ssh-keys").status == 200


def test_a_node_with_a_vm_is_not_sold_whole_and_a_node_sold_whole_rents_no_vm(
    stack: Stack, customer: VmCustomer
) -> None:
    whole = {"regionId": AMSTERDAM, "accelerator": "4090", "unit": "NODE"}
    vm_id = customer.rent("vm05", "4090", 1)
    assert units(stack, customer) == (1, 2)
    assert reserve_nodes(stack, customer, whole | {"count": 2}).status == 507
    reservation = reserve_nodes(stack, customer, whole | {"count": 1})
    assert reservation.status == 202, reservation.text
    refused = customer.ask("vm06", "4090", 1)
    assert (refused.status, refused.json["detail"]) == (400, "no GPU of the node is free for a VM of 1")

    instance = {"instanceId": "4090-8x", "instanceCount": 1, "zones": [AMSTERDAM]}
    body = {"resources": instance | {"capacityType": "CAPACITY_TYPE_CUSTOMER"}}
    claim = customer.call("POST", CLAIMS, body).json["capacityClaim"]
    path = f"{CLAIMS}/{claim['spec']['id']}"
    assert pending(customer.call("GET", path)) == 1
    customer.begin("destroy", vm_id)
    # The waiting claim gets the freed node.
    until(lambda: pending(customer.call("GET", path)) == 0, "allocation")
    assert customer.ask("vm05", "4090", 1).status == 400

    customer.call("DELETE", path)
    wait_for_slices(stack, "vm05", ALL_FREE)
    delete_and_wait(stack, customer.token, reservation.json["metadata"]["id"])
    assert units(stack, customer) == (2, 2)


def units(stack: Stack, customer: VmCustomer) -> tuple[int, int]:
    """The number of nodes with 4090 GPUs that are available to reservations, and of all."""
    path = f"/api/v2/reservation-units?regionID={AMSTERDAM}&accelerator=4090"
    (row,) = stack.call("GET", path, token=customer.token).json
    return row["availableUnitCount"], row["totalCount"]


def reserve_nodes(stack: Stack, customer: VmCustomer, wanted: dict[str, Any]) -> Answer:
    owner = {"organizationId": customer.organization, "projectId": customer.project}
    body = {"metadata": {"name": "nodes"}, "spec": wanted | owner}
    return stack.call("POST", "/api/v2/reservations", token=customer.token, body=body)


def pending(claim: Answer) -> int:
    count: int = claim.json["capacityClaim"]["status"]["pendingInstances"]
    return count


def test_a_vm_of_a_lost_node_is_offline_and_runs_again_when_the_node_is_back(
    stack: Stack, fleet: FleetManager, customer: VmCustomer
) -> None:
    vm_id = customer.rent("vm08", "6000pro", 1)
    customer.until({vm_id: "running"})
    document = sample_fleet()
    region = next(region for region in document["regions"] if region["id"] == AMSTERDAM)
    for pod in region["pods"]:
        pod["domains"] = [d for d in pod["domains"] if d["hosts"][0]["name"] != "vm08"]
    assert fleet.publish(document)["refused"] is None
    watch_nodes(stack)
    assert customer.read(vm_id)["status"] == "offline"
    assert customer.call("POST", f"/vms/{vm_id}/stop").status == 400
    assert customer.ask("vm08", "6000pro", 1).status == 400

    assert fleet.publish(sample_fleet())["refused"] is None
    watch_nodes(stack)
    customer.until({vm_id: "running"})


def watch_nodes(stack: Stack) -> None:
    """Run the schedule of every minute."""
    functions = stack.client("lambda")
    names = [
        entry["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for entry in page["Functions"]
    ]
    (name,) = [name for name in names if "WatchVmNodes" in name]
    answer = functions.invoke(FunctionName=name, Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/vms/nothing", None, 404),
        ("GET", f"/vms/{UNKNOWN}", None, 404),
        ("DELETE", f"/ssh-keys/{UNKNOWN}", None, 404),
        ("PUT", "/vms", {}, 405),
        ("POST", "/search", {}, 405),
        ("GET", "/vms?limit=0", None, 422),
        ("POST", "/vms", {"node": "vm05", "gpu_count": 3}, 422),
        ("POST", "/reservations/calculate", {"gpu_type": "4090"}, 422),
    ],
)
def test_invalid_requests_are_refused_in_the_format_of_this_api(
    customer: VmCustomer, method: str, path: str, body: Any, status: int
) -> None:
    answer = customer.call(method, path, body)
    assert answer.status == status
    if status != 422:
        assert isinstance(answer.json["detail"], str)
        return
    assert answer.json["detail"]
    assert all(set(problem) == {"loc", "msg", "type"} for problem in answer.json["detail"])


def test_other_organizations_do_not_see_a_vm_and_no_response_has_its_password(
    stack: Stack, customer: VmCustomer
) -> None:
    secret = "correct horse battery"
    asked = customer.ask("vm05", "4090", 1, auth_method="password", password=secret)
    assert asked.status == 201
    assert secret not in asked.text
    path = f"/vms/{asked.json['id']}"
    stranger = VmCustomer(stack, stack.token(str(uuid.uuid4()), str(uuid.uuid4())))
    assert stranger.call("GET", path).status == 404
    assert stranger.call("DELETE", path).status == 404
    assert stranger.call("GET", "/vms").json == []
    nobody = stack.call("GET", path)
    assert (nobody.status, list(nobody.json)) == (401, ["detail"])
    keyless = stranger.ask("vm05", "4090", 1)
    assert (keyless.status, keyless.json["detail"]) == (
        400,
        "the account has no SSH key: add one first, or use a password",
    )
