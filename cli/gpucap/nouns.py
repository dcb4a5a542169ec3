"""The commands: which noun and verb carries out which operation of the service.

Options, arguments and help of a command follow from the operation in the OpenAPI document. What stands here
is what the document cannot know: names, columns of tables, what to wait for. Every operation of the
document has a verb here; a test names those that have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from gpucap import looks
from gpucap.looks import Goal

Columns: TypeAlias = Mapping[str, str]
"""Heads of columns, and where their values are: a path with dots."""

CUSTOMERS: Final = "What you have and can have"
OPERATORS: Final = "For operators of the service"
MADE_UP: Final = object()
"""The default of a name: one that is not taken, most probably."""


@dataclass(frozen=True)
class Verb:
    """A command that carries out one operation."""

    operation: str
    options: Mapping[str, str] = field(default_factory=dict)
    """Names of options where the usual one does not do, by the path of a field or the name of a parameter."""
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Values of fields that the document demands and people rarely choose, by path."""
    over: str | None = None
    """The operation that reads what the options change: its ``within`` is sent as a whole."""
    within: Mapping[str, str] = field(default_factory=dict)
    """Paths of the body, and where their values are in what was read."""
    goal: Goal | None = None
    """What ``--wait`` waits for."""
    columns: Columns | None = None
    rows: str = ""
    """Where the entries of a list are in the answer; empty if the answer is the list."""


@dataclass(frozen=True)
class Noun:
    """A group of commands."""

    help: str
    verbs: Mapping[str, Verb]
    kind: looks.Kind | None = None
    panel: str = CUSTOMERS


RESERVATIONS: Final[Columns] = {
    "ID": "metadata.id",
    "NAME": "metadata.name",
    "REGION": "spec.regionId",
    "UNITS": "spec.count",
    "OF": "spec.unit",
    "WITH": "spec.accelerator",
    "STATUS": "metadata.provisioningStatus",
    "HEALTH": "metadata.healthStatus",
    "CREATED": "metadata.creationTime",
}
PLACEMENTS: Final[Columns] = {
    "ID": "metadata.id",
    "NAME": "metadata.name",
    "REGION": "status.regionId",
    "RESERVATION": "status.reservationId",
    "UP": "status.readyHostCount",
    "OF": "spec.count",
    "STATUS": "metadata.provisioningStatus",
    "HEALTH": "metadata.healthStatus",
}
SERVERS: Final[Columns] = {
    "ID": "metadata.id",
    "NAME": "metadata.name",
    "HOST": "status.infrastructureRef",
    "POWER": "status.powerState",
    "ADDRESS": "status.privateIP",
    "IMAGE": "status.driftState",
    "HOST IS": "status.hostReadiness",
    "WHERE": "status.topologyPath",
}
CLAIMS: Final[Columns] = {
    "ID": "spec.id",
    "NAME": "spec.name",
    "TYPE": "spec.resources.instanceId",
    "ZONES": "spec.resources.zones",
    "HAS": "status.allocatedInstances",
    "PENDING": "status.pendingInstances",
    "STATUS": "status.status",
}
VMS: Final[Columns] = {
    "ID": "id",
    "NODE": "node",
    "GPUS": "gpu_count",
    "TYPE": "gpu_type",
    "RENTAL": "rental_type",
    "STATUS": "status",
    "ADDRESS": "ip_address",
    "PER HOUR": "hourly_rate",
}
UNITS: Final[Columns] = {
    "REGION": "regionId",
    "ACCELERATOR": "accelerator",
    "UNIT": "unit",
    "GPUS": "gpusPerUnit",
    "FREE": "availableUnitCount",
    "LARGEST RUN": "largestContiguousUnitCount",
    "TOTAL": "totalCount",
}
QUOTAS: Final[Columns] = {
    "ORGANIZATION": "organizationId",
    "SUBJECT": "subject",
    "USED": "used",
    "LIMIT": "limit",
}
CORDONS: Final[Columns] = {
    "POD": "target.podId",
    "DOMAIN": "target.domainId",
    "HOST": "target.hostId",
    "SOURCE": "source",
    "REASON": "reason",
    "SINCE": "since",
    "BY": "by",
}
MAINTENANCES: Final[Columns] = {
    "ID": "id",
    "REGION": "regionId",
    "TARGETS": "targets",
    "FROM": "startTime",
    "UNTIL": "endTime",
    "STATUS": "status",
    "REASON": "reason",
}
OF_UPDATE: Final = {"spec.updateStrategy.type": "update-strategy", "spec.readinessPolicy.mode": "readiness"}

NOUNS: Final[Mapping[str, Noun]] = {
    "reservations": Noun(
        "Racks or 8-GPU hosts side by side, held for you.",
        {
            "create": Verb(
                "createReservation",
                defaults={"metadata.name": MADE_UP},
                goal=Goal.READY,
                columns=RESERVATIONS,
            ),
            "list": Verb("listReservations", columns=RESERVATIONS),
            "get": Verb("getReservation"),
            "delete": Verb("deleteReservation", goal=Goal.GONE),
            "release-units": Verb("releaseReservationUnits"),
            "allow-maintenance": Verb("allowReservationMaintenance"),
            "quotas": Verb("listReservationQuotas", columns=QUOTAS),
        },
        looks.RESERVATION,
    ),
    "units": Noun(
        "What regions offer to reservations, and how much of it is free.",
        {
            "list": Verb("listReservationUnits", columns=UNITS),
            "list-for-organization": Verb("listOrganizationReservationUnits", columns=UNITS),
        },
    ),
    "placements": Noun(
        "Servers on hosts of a reservation.",
        {
            "create": Verb(
                "createPlacement",
                options=OF_UPDATE,
                defaults={"metadata.name": MADE_UP, "spec.constraints.policy": "pack"},
                goal=Goal.READY,
            ),
            "list": Verb("listPlacements", columns=PLACEMENTS),
            "get": Verb("getPlacement"),
            "update": Verb(
                "updatePlacement",
                options=OF_UPDATE,
                over="getPlacement",
                within={"metadata.name": "metadata.name", "spec": "spec"},
                goal=Goal.READY,
            ),
            "delete": Verb("deletePlacement", goal=Goal.GONE),
        },
        looks.PLACEMENT,
    ),
    "servers": Noun(
        "The servers of a placement, one by one.",
        {
            "list": Verb("listPlacementServers", columns=SERVERS),
            "get": Verb("getPlacementServer"),
            "start": Verb("startPlacementServer"),
            "stop": Verb("stopPlacementServer"),
            "reboot": Verb("rebootPlacementServer"),
            "reconcile": Verb("reconcilePlacementServer"),
        },
    ),
    "topology": Noun(
        "Which of your hosts are next to which.",
        {"get": Verb("getOrganizationTopology")},
    ),
    "claims": Noun(
        "Capacity claims: single hosts over zones; what does not fit waits.",
        {
            "create": Verb(
                "createCapacityClaim",
                options={"resources.instanceId": "instance-type", "resources.instanceCount": "count"},
                defaults={"resources.capacityType": "CAPACITY_TYPE_CUSTOMER"},
                goal=Goal.READY,
            ),
            "list": Verb("listCapacityClaims", columns=CLAIMS, rows="capacityClaims"),
            "get": Verb("getCapacityClaim"),
            "update": Verb(
                "updateCapacityClaim",
                options={"resources.instanceId": "instance-type", "resources.instanceCount": "count"},
                over="getCapacityClaim",
                within={"resources": "capacityClaim.spec.resources"},
                goal=Goal.READY,
            ),
            "delete": Verb("deleteCapacityClaim", goal=Goal.GONE),
            "instance-types": Verb("listCapacityClaimParameters"),
            "quotas": Verb("listCapacityClaimQuotas", columns=QUOTAS, rows="quotas"),
        },
        looks.CLAIM,
    ),
    "vms": Noun(
        "1 to 8 GPUs of a node, by the hour or for a term.",
        {
            "create": Verb("createVm", options={"template_vmid": "template"}, goal=Goal.READY),
            "list": Verb("listVms", columns=VMS),
            "get": Verb("getVm"),
            "start": Verb("startVm", goal=Goal.READY),
            "stop": Verb("stopVm", goal=Goal.STOPPED),
            "delete": Verb("destroyVm", goal=Goal.GONE),
            "quotas": Verb("listVmQuotas", columns=QUOTAS),
        },
        looks.VM,
    ),
    "offers": Noun(
        "What nodes have free for VMs.",
        {
            "list": Verb(
                "searchOffers",
                columns={
                    "NODE": "node",
                    "REGION": "location",
                    "TYPE": "gpu_type",
                    "GPUS": "gpu_count",
                    "FREE": "available",
                    "GPU PER HOUR": "gpu_price_hourly",
                    "INTERRUPTIBLE": "interruptible_rate",
                },
            ),
            "price-list": Verb("getPricing"),
            "calculate": Verb("calculateReservation"),
        },
    ),
    "templates": Noun(
        "What the disk of a VM can be cloned from.",
        {"list": Verb("listTemplates", columns={"ID": "id", "NAME": "name", "OS": "os", "LOGIN": "login"})},
    ),
    "ssh-keys": Noun(
        "Keys that open your VMs.",
        {
            "create": Verb("createSshKey"),
            "list": Verb(
                "listSshKeys",
                columns={"ID": "id", "LABEL": "label", "TYPE": "key_type", "PRINT": "fingerprint"},
            ),
            "delete": Verb("deleteSshKey"),
        },
    ),
    "api-keys": Noun(
        "Credentials for the VM API.",
        {
            "create": Verb("createApiKey"),
            "list": Verb(
                "listApiKeys",
                columns={
                    "ID": "id",
                    "NAME": "name",
                    "SCOPES": "scopes",
                    "ENDS IN": "last_four",
                    "CREATED": "created_at",
                },
            ),
            "delete": Verb("deleteApiKey"),
        },
    ),
    "service": Noun("The service itself.", {"version": Verb("getVersion")}),
    "cordons": Noun(
        "Hardware that takes no new holder.",
        {
            "list": Verb("listCordons", columns=CORDONS),
            "create": Verb("setCordon", columns=CORDONS, rows="cordons"),
            "delete": Verb("liftCordon", columns=CORDONS, rows="cordons"),
        },
        panel=OPERATORS,
    ),
    "maintenances": Noun(
        "Work on hardware, planned with its holders told.",
        {
            "plan": Verb("planMaintenance"),
            "list": Verb("listMaintenances", columns=MAINTENANCES),
            "get": Verb("getMaintenance"),
            "change": Verb(
                "changeMaintenance",
                over="getMaintenance",
                within={
                    "targets": "targets",
                    "startTime": "startTime",
                    "endTime": "endTime",
                    "reason": "reason",
                },
            ),
            "cancel": Verb("cancelMaintenance"),
        },
        panel=OPERATORS,
    ),
}
