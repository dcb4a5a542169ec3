"""The published contract of the topology as JSON Schema, written by hand: see ``contract``."""

from __future__ import annotations

from typing import Any, Final

from tests.functional.contract import RESERVATION
from tests.functional.placement_contract import PLACEMENT, PLACEMENT_SERVER

_TEXT: Final = {"type": "string"}
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

TOPOLOGY_DOMAIN: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["id", "hosts"],
    "properties": {"id": _REF, "name": _TEXT, "hosts": {"type": "array", "items": TOPOLOGY_HOST}},
}

TOPOLOGY_POD: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["id", "domains"],
    "properties": {"id": _REF, "name": _TEXT, "domains": {"type": "array", "items": TOPOLOGY_DOMAIN}},
}

TOPOLOGY_RESERVATION: Final[dict[str, Any]] = {
    "type": "object",
    "required": RESERVATION["required"],
    "properties": {
        **RESERVATION["properties"],
        "topologyEntityTag": _TEXT,
        "units": {
            "type": "object",
            "propertyNames": {"pattern": _UNIT_ID_PATTERN},
            "additionalProperties": {
                "type": "object",
                "required": ["infrastructureRefs", "occupied"],
                "properties": {
                    "infrastructureRefs": {"type": "array", "items": _REF},
                    "occupied": {"type": "boolean"},
                },
            },
        },
    },
}

TOPOLOGY_REGION: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["regionId", "projections"],
    "properties": {
        "regionId": _REF,
        "projections": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["reservationUnit", "topology", "overlays"],
                "properties": {
                    "reservationUnit": {
                        "type": "object",
                        "required": [
                            *("accelerator", "unit", "machineFlavorId", "deviceTypeResourceClass"),
                            "hostsPerUnit",
                        ],
                        "properties": {
                            "accelerator": _TEXT,
                            "unit": _TEXT,
                            "machineFlavorId": _TEXT,
                            "deviceTypeResourceClass": _TEXT,
                            "hostsPerUnit": {"type": "integer", "minimum": 1},
                        },
                    },
                    "topology": {"type": "array", "items": TOPOLOGY_POD},
                    "overlays": {
                        "type": "object",
                        "required": ["reservations", "placements"],
                        "properties": {
                            "reservations": {"type": "object", "additionalProperties": TOPOLOGY_RESERVATION},
                            "placements": {"type": "object", "additionalProperties": PLACEMENT},
                        },
                    },
                },
            },
        },
    },
}

TOPOLOGY: Final[dict[str, Any]] = {"type": "array", "items": TOPOLOGY_REGION}
