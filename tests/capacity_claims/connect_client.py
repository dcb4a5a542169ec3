"""A client of the Connect routes that speaks them octet by octet, as Terraform does."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.http.operations import CONNECT_SERVICE
from testkit.connect_messages import methods
from testkit.handlers import sample_events

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testkit.handlers.stage import Answer, Stage

FUNCTIONS: Final = {
    "CreateCapacityClaim": "create_capacity_claim",
    "GetCapacityClaim": "get_capacity_claim",
    "UpdateCapacityClaim": "update_capacity_claim",
    "DeleteCapacityClaim": "delete_capacity_claim",
    "ListCapacityClaims": "list_capacity_claims",
    "GetCapacityClaimParameters": "list_capacity_claim_parameters",
}


def connect_event(method: str, octets: bytes, **headers: str | None) -> dict[str, Any]:
    """The event of a call of a method, as the gateway hands it on."""
    event = sample_events.read(FUNCTIONS[method], "over_connect")
    event["resource"] = event["path"] = f"{CONNECT_SERVICE}/{method}"
    event |= {"body": base64.b64encode(octets).decode() or None, "isBase64Encoded": True}
    return sample_events.with_headers(event, **{"content-type": "application/proto", **headers})


def call(
    stage: Stage,
    method: str,
    octets: bytes = b"",
    profile: str = "member",
    headers: Mapping[str, str | None] | None = None,
    **named: str | None,
) -> Answer:
    """The answer to a call in binary, if no header says otherwise."""
    event = connect_event(method, octets, **(headers or {}), **named)
    return stage.request(FUNCTIONS[method], event, profile)


def call_in_json(stage: Stage, method: str, content: Any, profile: str = "member") -> Answer:
    """The answer to a call in JSON."""
    octets = json.dumps(content).encode()
    return call(stage, method, octets, profile, content_type="application/json")


def message(method: str, **content: Any) -> bytes:
    """The octets of a request, made by Google's runtime."""
    made: bytes = methods()[method][0](**content).SerializeToString()
    return made


def read(method: str, answer: Answer) -> Any:
    """The message in an answer, read by Google's runtime."""
    assert (answer.status, answer.headers["content-type"]) == (200, "application/proto"), answer
    return methods()[method][1].FromString(answer.octets)


def details(answer: Answer) -> list[tuple[str, bytes]]:
    """The details of an error: type and octets."""
    return [(found["type"], base64.b64decode(found["value"])) for found in answer.json["details"]]
