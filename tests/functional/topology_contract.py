"""The published contract of the topology as JSON Schema, written by hand: see ``contract``."""

from __future__ import annotations

from typing import Any, Final

from tests.functional.contract import RESERVATION
from tests.functional.contract_words import TEXT, exact, full, many, record
from tests.functional.placement_contract import PLACEMENT, PLACEMENT_SERVER

_REF: Final = {"type": "string", "minLength": 1}
_UNIT_ID_PATTERN: Final = "^[0-9a-f]{64}$"

TOPOLOGY_HOST: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["infrastructureRef", "reserved"],
    "properties": {
        "infrastructureRef": _REF,
        "reserved": {"type": "boolean"},
        "reservationRef": _REF,
        "reservationUnitRef": {"type": "string", "pattern": _UNIT_ID_PATTERN},
        "placementRef": _REF,
        "server": PLACEMENT_SERVER,
    },
    "dependentRequired": {"reservationUnitRef": ["reservationRef"], "reservationRef": ["reservationUnitRef"]},
}

NETWORK_PATHS: Final = exact(
    results=many(
        {
            "type": "object",
            "required": ["instance_id", "network_node_path"],
            "properties": {
                "instance_id": _REF,
                "network_node_path": {"type": "array", "items": _REF, "minItems": 1, "maxItems": 3},
                "block_id": _REF,
            },
            "additionalProperties": False,
        }
    )
)
INSTANCE_NAMES: Final = many(exact(metadata=exact(id=_REF, name=_REF)))

TOPOLOGY_DOMAIN: Final = record("id hosts", id=_REF, name=TEXT, hosts=many(TOPOLOGY_HOST))

TOPOLOGY_POD: Final = record("id domains", id=_REF, name=TEXT, domains=many(TOPOLOGY_DOMAIN))

TOPOLOGY_RESERVATION: Final[dict[str, Any]] = {
    "type": "object",
    "required": RESERVATION["required"],
    "properties": {
        **RESERVATION["properties"],
        "topologyEntityTag": TEXT,
        "units": {
            "type": "object",
            "propertyNames": {"pattern": _UNIT_ID_PATTERN},
            "additionalProperties": full(infrastructureRefs=many(_REF), occupied={"type": "boolean"}),
        },
    },
}

TOPOLOGY_REGION: Final = full(
    regionId=_REF,
    projections=many(
        full(
            reservationUnit=full(
                accelerator=TEXT,
                unit=TEXT,
                machineFlavorId=TEXT,
                deviceTypeResourceClass=TEXT,
                hostsPerUnit={"type": "integer", "minimum": 1},
            ),
            topology=many(TOPOLOGY_POD),
            overlays=full(
                reservations={"type": "object", "additionalProperties": TOPOLOGY_RESERVATION},
                placements={"type": "object", "additionalProperties": PLACEMENT},
            ),
        )
    ),
)

TOPOLOGY: Final = many(TOPOLOGY_REGION)
