"""What the protocol makes of an answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from gpu_capacity.capacity_claims.api.messages import EXCHANGES
from gpu_capacity.http.connect import answered


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/proto", b"\x1a\x08\x0a\x01a\x12\x03\x0a\x01b"),
        ("application/json", {"zoneInstanceTypes": {"a": {"instanceIds": ["b"]}}}),
    ],
)
def test_an_answer_has_nothing_that_its_message_does_not_have(media_type: str, body: Any) -> None:
    """Strict clients refuse unknown fields, and the REST API may add some."""
    call: Any = SimpleNamespace(headers={"content-type": media_type})
    content = {"zoneInstanceTypes": {"a": {"instanceIds": ["b"], "added": 1}}, "added": {}}
    reply = answered(call, EXCHANGES["GetCapacityClaimParameters"].response, content, {"Cache-Control": "x"})
    assert (reply.status, reply.body) == (200, body)
    assert reply.headers == {"Cache-Control": "x", "Content-Type": media_type}
