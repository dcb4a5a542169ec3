"""The methods of the capacity claims' Connect service: each is an operation of the REST API in other clothes.

A request becomes one of the REST API, and its answer the method's. So both decide alike, and both are tested
by either.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.capacity_claims.api.messages import CAPACITY_TYPE, EXCHANGES
from gpu_capacity.capacity_claims.resources import MANAGED, SERVERLESS
from gpu_capacity.errors import InvalidRequest
from gpu_capacity.holders.ids import canonical_uuid
from gpu_capacity.http.call import BodyInvalid
from gpu_capacity.http.connect import JSON, answered, received
from gpu_capacity.http.operations import CONNECT_METHODS, OPERATIONS
from gpu_capacity.http.pages import LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gpu_capacity.http.call import Call, Reply, Services_co

_TYPES: Final = {SERVERLESS: MANAGED}
"""The messages no longer have the former name."""

_CONDITIONS: Final = {"True": "STATUS_TRUE", "False": "STATUS_FALSE", "Unknown": "STATUS_UNSPECIFIED"}

_WITH_BODY: Final = ("POST", "PATCH")
_DEFAULTS: Final[dict[str, Any]] = {
    "instanceId": "",
    "instanceCount": 0,
    "zones": [],
    "capacityType": CAPACITY_TYPE.values[0],
}
"""What is not on the wire has its default, which the rules for requests refuse by the field's name."""


def over_connect(
    name: str, handle: Callable[[Call[Services_co]], Reply]
) -> Callable[[Call[Services_co]], Reply]:
    """``handle`` of the operation ``name``, for calls of its Connect method."""
    exchange = EXCHANGES[CONNECT_METHODS[name]]

    def answer(call: Call[Services_co]) -> Reply:
        sent = received(call, exchange.request)
        try:
            reply = handle(_as_rest(name, call, sent))
        except InvalidRequest as error:
            if error.field != LIMIT:
                raise
            # Connect has no pages.
            problem = "required, as the list is larger than one answer: send a time, or use the REST API"
            raise InvalidRequest("updated_after", problem) from None
        headers = {name: value for name, value in reply.headers.items() if name != "Link"}
        return answered(call, exchange.response, _shown(reply.body), headers)

    return answer


def _as_rest(name: str, call: Call[Services_co], sent: dict[str, Any]) -> Call[Services_co]:
    """The call of the operation that a message stands for, as the service's HTTP annotations say.

    Raises:
        InvalidRequest: the id of an existing claim is no UUID.
        BodyInvalid: the capacity type is none that the messages have.
    """
    operation = OPERATIONS[name]
    path_parameters: dict[str, str] = {}
    if "{claimID}" in operation.path:
        claim_id = canonical_uuid(sent.pop("id", ""))
        if claim_id is None:
            raise InvalidRequest("id", "must be a UUID")
        path_parameters["claimID"] = claim_id
    raw_body, query = None, {}
    if operation.method in _WITH_BODY:
        raw_body = json.dumps(_body(sent))
    else:
        query = {field: [value] for field, value in sent.items()}
    return replace(
        call,
        headers={**call.headers, "content-type": JSON},
        query=query,
        path_parameters=path_parameters,
        raw_body=raw_body,
        body_is_base64=False,
    )


def _body(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a create or an update. An empty text is an absent one."""
    body = {name: value for name, value in sent.items() if value != ""}
    if "resources" in body:
        resources = body["resources"] = _DEFAULTS | body["resources"]
        taken = [word for number, word in CAPACITY_TYPE.values.items() if number]
        if resources["capacityType"] not in taken:
            place = ("resources", "capacityType")
            raise BodyInvalid([{"loc": place, "msg": f"must be {' or '.join(taken)}", "type": "enum"}])
    return body


def _shown(view: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the REST API in the words of the messages."""
    shown = dict(view)
    if "capacityClaim" in shown:
        shown["capacityClaim"] = _claim(shown["capacityClaim"])
    if "capacityClaims" in shown:
        shown["capacityClaims"] = [_claim(claim) for claim in shown["capacityClaims"]]
    return shown


def _claim(view: Mapping[str, Any]) -> dict[str, Any]:
    spec, status = view["spec"], view["status"]
    resources = spec["resources"]
    words = resources["capacityType"]
    conditions = [found | {"status": _CONDITIONS[found["status"]]} for found in status["conditions"]]
    return {
        "spec": spec | {"resources": resources | {"capacityType": _TYPES.get(words, words)}},
        "status": status | {"conditions": conditions},
    }
