"""Machines that stand as a fleet document says."""

from __future__ import annotations

from typing import Any

from gpu_capacity.ports import Machine
from testkit.fleet.places import facts_of


def machines_of(document: dict[str, Any]) -> list[Machine]:
    """The machines of a document, in service."""
    return [
        Machine(host_id, resource_class, "in_service", retired=False, enrolled=number, facts=facts)
        for number, (host_id, resource_class, facts) in enumerate(facts_of(document))
    ]
