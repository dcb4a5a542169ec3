"""The VM API with its real handlers: VMs and SSH keys of three owners, API keys, and a hidden node."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.access import Scope
from gpu_capacity.accounts.account import Account
from gpu_capacity.accounts.api_keys import ApiKeyIssuer
from gpu_capacity.accounts.store import AccountStore
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.inventory.model import Pod
from testkit.doubles import CountingIds, RecordedTelemetry
from testkit.handlers.authority import STRANGERS_ORGANIZATION, STRANGERS_PROJECT, SUBJECT
from testkit.handlers.remembering import remembered
from testkit.handlers.stage import Stage
from testkit.hostile.service import OTHER_PROJECT, Ask, Service
from testkit.vms.scene import GPU5090, SITE, node_domain, nodes
from testkit.world import HOLDERS, ORGANIZATION, World

if TYPE_CHECKING:
    import pytest

    from testkit.handlers.stage import Answer

VMS: Final = "/vms"
KEYS: Final = "/ssh-keys"
API_KEY: Final = "/auth/api-key"
API_KEYS: Final = "/auth/api-keys"
TEMPLATES: Final = "/templates"
QUOTES: Final = "/reservations/calculate"
SEARCH: Final = "/search"
PRICING: Final = "/pricing"
PATHS: Final = (VMS, KEYS, API_KEY, API_KEYS, TEMPLATES, QUOTES, SEARCH, PRICING)
HIDDEN_REGION: Final = "no-hid-1"
HIDDEN_NODE: Final = "vm77"
PASSWORD: Final = "correct-horse-battery"

RENTER: Final = ("vms:read", "vms:write", "billing:read", "apikeys:write")
# With all permissions of the other APIs, so that no result depends on their absence.
_OTHERS: Final = (
    *("reservations:create", "reservations:read", "reservations:delete", "topology:read"),
    *("placements:create", "placements:read", "placements:update", "placements:delete"),
    "placements:operate",
    *("capacityclaims:read", "capacityclaims:write"),
)
PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "owner": {"permissions": [*_OTHERS, *RENTER]},
    "other project": {
        "sub": "colleague@example.com",
        "projects": [OTHER_PROJECT],
        "permissions": [*_OTHERS, *RENTER],
    },
    "other organization": {
        "sub": "stranger@example.com",
        "organizations": [STRANGERS_ORGANIZATION],
        "projects": [STRANGERS_PROJECT],
        "permissions": [*_OTHERS, *RENTER],
    },
    "reader": {"permissions": [*_OTHERS, "vms:read"]},
    "operator": {
        "sub": "operator@example.com",
        "organizations": ["the-operators"],
        "projects": ["*"],
        "permissions": ["operator"],
    },
}
# Ed25519 keys without private keys. Each account has one from the start; the last key is in none.
PUBLIC_KEYS: Final[dict[str, str]] = {
    "owner": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB owner",
    "other project": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC c",
    "other organization": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMD",
    "new": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE new",
}
SECONDS_TO_COME_UP: Final = 60


@dataclass
class VmService(Service):
    """``ids`` has VMs ("vm of owner", "stopped vm of owner"), SSH keys ("key of owner") of each, and the
    id of an API key.

    ``keys`` has the API keys by what they are: "read_write key", …, "key of another organization",
    "revoked key".
    """

    keys: dict[str, str] = field(default_factory=dict)

    def token(self, person: str, **changes: Any) -> str:
        return self.stage.authority.token(**(PEOPLE[person] | changes))

    def sent_by(self, ask: Ask, person: str) -> Answer:
        """Send a request as a caller with a token or an API key."""
        return self.send(ask, f"Bearer {self.keys.get(person) or self.token(person)}")

    def run_step(self, step: str, vm_id: str) -> str:
        """Run a workflow step; return its result."""
        owners = {name.rpartition(" of ")[2] for name, known in self.ids.items() if known == vm_id}
        organization = PEOPLE[owners.pop()].get("organizations", [ORGANIZATION])[0]
        outcome: str = self.stage.run_step(step, {"organization": organization, "vm": vm_id})["outcome"]
        return outcome


def vm_body(**changes: Any) -> dict[str, Any]:
    """Return an ordinary body with a password, which is valid for every account."""
    body = {
        "node": "vm01",
        "gpu_type": "5090",
        "gpu_count": 1,
        "storage_gb": 100,
        "template_vmid": 101,
        "auth_method": "password",
        "password": PASSWORD,
    }
    return body | changes


def key_body(**changes: Any) -> dict[str, Any]:
    """Return the body of an SSH key that no account has yet."""
    return {"label": "laptop", "ssh_public_key": PUBLIC_KEYS["new"]} | changes


def api_key_body(**changes: Any) -> dict[str, Any]:
    """Return the body of an ordinary API key."""
    return {"name": "dashboards", "scopes": ["read_only"]} | changes


def quote_body(**changes: Any) -> dict[str, Any]:
    """Return the body of an ordinary price calculation."""
    return {"gpu_type": "5090", "gpu_count": 1, "storage_gb": 100, "reservation_months": 1} | changes


def build(monkeypatch: pytest.MonkeyPatch) -> VmService:
    """Return a service with free GPUs on both nodes, a hidden node, and resources of every caller."""
    stage = Stage(monkeypatch, VM_READS_PER_MINUTE="100000", VM_WRITES_PER_MINUTE="100000")
    return VmService(stage, *_furnished(stage))


@remembered
def _furnished(stage: Stage) -> tuple[dict[str, str], dict[str, str]]:
    hidden = replace(SITE, id=HIDDEN_REGION, organizations=frozenset({"nobody-at-all"}))
    world = World(pods=(nodes(2),), regions=(SITE,))
    elsewhere = Pod(HIDDEN_REGION, "pod-hidden", GPU5090.id, 1, (node_domain(76),))
    world.load((elsewhere,), (SITE, hidden))
    for table, items in world.db.dump().items():
        for item in items:
            stage.db.put_item(TableName=table, Item=item)
    service = VmService(stage)
    for person in ("owner", "other project", "other organization"):
        body = key_body(label=person, ssh_public_key=PUBLIC_KEYS[person])
        answer = service.sent_by(Ask("POST", KEYS, json.dumps(body)), person)
        assert answer.status == 201, answer
        service.ids[f"key of {person}"] = answer.json["id"]
    for name in ("vm of owner", "vm of other organization", "stopped vm of owner"):
        _rent(service, name)
    assert service.sent_by(_stop(service, "stopped vm of owner"), "owner").status == 200
    stopped = service.ids["stopped vm of owner"]
    while service.run_step("sweep_vm_server", stopped) != "gone":
        stage.clock.advance(SECONDS_TO_COME_UP)
    assert service.run_step("settle_vm_stop", stopped) == "settled"
    _give_api_keys(service)
    return service.ids, service.keys


def _rent(service: VmService, name: str) -> None:
    """Rent a VM and start it."""
    answer = service.sent_by(Ask("POST", VMS, json.dumps(vm_body())), name.rpartition(" of ")[2])
    assert answer.status == 201, answer
    service.ids[name] = answer.json["id"]
    for step, outcome in (("begin_vm_start", "proceed"), ("start_vm_server", "started")):
        assert service.run_step(step, service.ids[name]) == outcome
    service.stage.clock.advance(SECONDS_TO_COME_UP)
    assert service.run_step("complete_vm_start", service.ids[name]) == "running"


def _stop(service: VmService, name: str) -> Ask:
    return Ask("POST", f"{VMS}/{service.ids[name]}/stop")


def _give_api_keys(service: VmService) -> None:
    accounts = AccountStore(Database(service.db), HOLDERS)
    ids, telemetry = CountingIds("api keys"), RecordedTelemetry()
    book = ApiKeyIssuer(accounts, service.stage.clock, ids, telemetry, "operator:test")
    mine = Account(ORGANIZATION, SUBJECT)
    for scope in Scope:
        service.keys[f"{scope.value} key"], record = book.create(mine, [scope])
        service.ids["credential of owner"] = record.id
    foreign = Account(STRANGERS_ORGANIZATION, "stranger@example.com")
    service.keys["key of another organization"] = book.create(foreign, [Scope.READ_WRITE])[0]
    service.keys["revoked key"], record = book.create(mine, [Scope.READ_WRITE])
    book.revoke(ORGANIZATION, record.id)
