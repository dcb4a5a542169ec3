"""Both APIs with their real handlers, resources of three owners in the tables, and a fake API Gateway."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.holders.steps import Step
from gpu_capacity.http.operation import Operation  # noqa: TC001
from gpu_capacity.http.operations import OPERATIONS
from gpu_capacity.placements.deploying import host_ids
from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.reservations.record import Status
from gpu_capacity.runtime import composition
from testkit.handlers.authority import STRANGERS_ORGANIZATION, STRANGERS_PROJECT
from testkit.handlers.remembering import remembered
from testkit.handlers.stage import Stage, answer_of
from testkit.world import INSTANCE_TYPE, ORGANIZATION, PROJECT, REGION, World, pod, zone

if TYPE_CHECKING:
    import pytest

    from testkit.handlers.stage import Answer

RESERVATIONS: Final = "/api/v2/reservations"
ORGANIZATIONS: Final = "/api/v2/organizations"
PLACEMENTS: Final = "/api/v2/placements"
UNITS: Final = "/api/v2/reservation-units"
VERSION: Final = "/api/version"
CLAIMS: Final = "/v1alpha1/inference/capacityclaims"
HIDDEN: Final = "us-hid-1"
OTHER_PROJECT: Final = "0f9e8d7c-6b5a-4c3d-9e2f-1a0b9c8d7e6f"
TRACE_ID: Final = "6a17b9000123456789abcdef01234567"
TRACE: Final = "Root=1-6a17b900-0123456789abcdef01234567"
ABSENT: Final = "a64f9269-36e0-4312-b8d1-52d93d569b7b"

ALL: Final = (
    "reservations:create",
    "billing:read",
    "reservations:read",
    "topology:read",
    "reservations:delete",
    "placements:create",
    "placements:read",
    "placements:update",
    "placements:delete",
    "placements:operate",
    "capacityclaims:read",
    "capacityclaims:write",
)
PEOPLE: Final[dict[str, dict[str, Any]]] = {
    "owner": {"permissions": list(ALL)},
    "other project": {
        "sub": "colleague@example.com",
        "projects": [OTHER_PROJECT],
        "permissions": list(ALL),
    },
    "other organization": {
        "sub": "stranger@example.com",
        "organizations": [STRANGERS_ORGANIZATION],
        "projects": [STRANGERS_PROJECT],
        "permissions": list(ALL),
    },
    "reader": {
        "permissions": ["reservations:read", "topology:read", "placements:read", "capacityclaims:read"]
    },
    "operator": {
        "sub": "operator@example.com",
        "organizations": ["the-operators"],
        "projects": ["*"],
        "permissions": ["operator"],
    },
}


@dataclass(frozen=True)
class Ask:
    """A request of a client. Header names in lower case; ``body`` is text, or bytes, sent as base64."""

    method: str
    path: str
    body: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    base64: bool = False

    def to(self, path: str) -> Ask:
        """Return the same request to another path."""
        return replace(self, path=path)


RELEASE: Final = Ask(
    "POST",
    f"{RESERVATIONS}/reservation of owner/units/release",
    json.dumps({"spec": {"unitIds": ["0" * 64]}}),
    headers=(("if-match", '"sha256:0"'),),
)


@dataclass
class Service:
    """The service with reservations and claims of the owner, of another project and of foreign callers."""

    stage: Stage
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def db(self) -> Any:
        return self.stage.db

    def token(self, person: str, **changes: Any) -> str:
        return self.stage.authority.token(**(PEOPLE[person] | changes))

    def send(self, ask: Ask, authorization: str | None) -> Answer:
        """Send a request through the routes to the handler; ``authorization`` is the header."""
        headers = {"content-type": ["application/json"], "x-amzn-trace-id": [TRACE]}
        headers |= {name: [v for n, v in ask.headers if n == name] for name, _ in ask.headers}
        if authorization is not None:
            headers["authorization"] = [authorization]
        several: dict[str, list[str]] = {}
        for name, value in ask.query:
            several.setdefault(name, []).append(value)
        operation, parameters = _route(ask.method, ask.path)
        event = {
            "resource": operation.path if operation else "/{proxy+}",
            "path": ask.path,
            "httpMethod": ask.method,
            "headers": {name: values[-1] for name, values in headers.items()},
            "multiValueHeaders": headers,
            "queryStringParameters": {n: v[-1] for n, v in several.items()} or None,
            "multiValueQueryStringParameters": several or None,
            "pathParameters": (parameters or None) if operation else {"proxy": ask.path.removeprefix("/")},
            "stageVariables": None,
            "requestContext": {
                "httpMethod": ask.method,
                "path": f"/live{ask.path}",
                "stage": "live",
                "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
                "identity": {"sourceIp": "198.51.100.7"},
            },
            "body": ask.body,
            "isBase64Encoded": ask.base64,
        }
        return answer_of(self.stage.run(operation.name if operation else "reject_unknown_route", event))

    def named(self, ask: Ask) -> Ask:
        """Return the same request with ids in place of the words of its path and its body."""
        body = ask.body
        for thing, identity in self.ids.items():
            body = body and body.replace(f'"{thing}"', f'"{identity}"')
        return replace(ask.to("/".join(self.ids.get(part, part) for part in ask.path.split("/"))), body=body)

    def sent_by(self, ask: Ask, person: str) -> Answer:
        return self.send(ask, f"Bearer {self.token(person)}")


def _route(method: str, path: str) -> tuple[Operation | None, dict[str, str]]:
    """Choose the route as API Gateway does: a literal path goes before one with a parameter."""
    candidates = [o for o in OPERATIONS.values() if o.method == method]
    for operation in candidates:
        if operation.path == path:
            return operation, {}
    parts = path.split("/")
    for operation in candidates:
        places = operation.path.split("/")
        if len(places) == len(parts) and path not in LITERALS:
            given = {p[1:-1]: part for p, part in zip(places, parts, strict=True) if p != part}
            if all(part and "{" + name + "}" in places for name, part in given.items()):
                return operation, given
    return None, {}


LITERALS: Final = frozenset(o.path for o in OPERATIONS.values() if "{" not in o.path)


def reservation_body(**changes: Any) -> dict[str, Any]:
    """Return an ordinary body; ``spec`` fields by keyword, ``metadata`` as a whole."""
    metadata = changes.pop("metadata", {"name": "training"})
    spec = {
        "organizationId": ORGANIZATION,
        "projectId": PROJECT,
        "regionId": REGION,
        "accelerator": "GB300",
        "unit": "NVL72",
        "count": 1,
    }
    return {"metadata": metadata, "spec": spec | changes}


def placement_body(**changes: Any) -> dict[str, Any]:
    """An ordinary placement on the owner's reservation; ``spec`` fields by keyword."""
    spec = {
        "reservationId": "reservation of owner",
        "networkId": "5ef0be1c-32d3-4438-ba8b-b8ed78e08639",
        "count": 1,
        "constraints": {"policy": "pack"},
        "serverSpec": {"imageId": "ubuntu-24.04"},
    }
    return {"metadata": {"name": "workers"}, "spec": spec | changes}


def claim_body(**changes: Any) -> dict[str, Any]:
    """Return the body of an ordinary claim; fields of the resources by keyword, also ``id`` and ``name``."""
    top: dict[str, Any] = {name: changes.pop(name) for name in ("id", "name") if name in changes}
    resources = {
        "instanceId": INSTANCE_TYPE,
        "instanceCount": 1,
        "zones": [REGION],
        "capacityType": "CAPACITY_TYPE_CUSTOMER",
    }
    return {"resources": resources | changes} | top


def build(monkeypatch: pytest.MonkeyPatch) -> Service:
    """Return a service with free capacity, a hidden region, and resources of every caller."""
    stage = Stage(monkeypatch)
    return Service(stage, _furnished(stage))


@remembered
def _furnished(stage: Stage) -> dict[str, str]:
    world = World(pods=(pod("pod1", 8), pod("pod2", 4), pod("pod9", 4, region_id=HIDDEN)))
    world.load((), (zone(), replace(zone(HIDDEN), organizations=frozenset({"nobody-at-all"}))))
    for table, items in world.db.dump().items():
        for item in items:
            stage.db.put_item(TableName=table, Item=item)
    service = Service(stage)
    for person, organization, project in (
        ("owner", ORGANIZATION, PROJECT),
        ("other project", ORGANIZATION, OTHER_PROJECT),
        ("other organization", STRANGERS_ORGANIZATION, STRANGERS_PROJECT),
    ):
        body = reservation_body(organizationId=organization, projectId=project)
        answer = service.sent_by(Ask("POST", RESERVATIONS, json.dumps(body)), person)
        assert answer.status == 202, answer
        service.ids[f"reservation of {person}"] = answer.json["metadata"]["id"]
    _provisioned(service.ids["reservation of owner"])
    answer = service.sent_by(service.named(Ask("POST", PLACEMENTS, json.dumps(placement_body()))), "owner")
    assert answer.status == 202, answer
    service.ids["placement of owner"] = answer.json["metadata"]["id"]
    service.ids["server of owner"] = _deployed(stage, service.ids["placement of owner"])
    for person in ("owner", "other organization"):
        body = claim_body(name="mine")
        answer = service.sent_by(Ask("POST", CLAIMS, json.dumps(body)), person)
        assert answer.status == 200, answer
        service.ids[f"claim of {person}"] = answer.json["capacityClaim"]["spec"]["id"]
    return service.ids


def _deployed(stage: Stage, placement_id: str) -> str:
    """The placement as its workflow leaves it; returns the id of its first server."""
    services = composition.services()
    placement = services.placements.get(ORGANIZATION, placement_id)
    assert placement is not None
    reservation = services.reservations.get(ORGANIZATION, placement.reservation_id)
    assert reservation is not None
    services.provider.hold(reservation.server_owner, REGION, list(host_ids(services, placement).values()))
    stage.clock.advance(60)
    assert settle_placement(services, ORGANIZATION, placement_id) is Step.WAITING
    stage.clock.advance(60)
    assert settle_placement(services, ORGANIZATION, placement_id) is Step.DONE
    return placement.server_id(0)


def _provisioned(reservation_id: str) -> None:
    """The reservation as its workflow leaves it, so that placements can take hosts of it."""
    store = composition.services().reservations
    for status in (Status.PROVISIONING, Status.PROVISIONED):
        record = store.get(ORGANIZATION, reservation_id)
        assert record is not None
        assert not isinstance(store.change(record, replace(record, status=status)), Refused)
