"""The nouns of customers: what they have, and what they can have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpucap import looks
from gpucap.looks import Goal
from gpucap.verbs import MADE_UP, Noun, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpucap.verbs import Columns

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
PATHS: Final[Columns] = {"HOST": "instance_id", "PATH": "network_node_path", "BLOCK": "block_id"}
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
ADVICE: Final[Columns] = {
    "REGION": "regionId",
    "FITS": "fits",
    "LARGEST": "largestCount",
    "FREE": "availableUnitCount",
    "OBSERVED": "topologyObservedAt",
    "WHY NOT": "reason",
}
EVENTS: Final[Columns] = {
    "TIME": "time",
    "EVENT": "event",
    "STATUS": "status",
    "HOSTS": "hosts",
    "TAKES EFFECT": "effectiveAt",
    "MESSAGE": "message",
}
VM_EVENTS: Final[Columns] = {
    "TIME": "time",
    "EVENT": "event",
    "STATUS": "status",
    "GPUS": "gpus",
    "TAKES EFFECT": "effective_at",
    "MESSAGE": "message",
}
QUOTAS: Final[Columns] = {
    "ORGANIZATION": "organizationId",
    "SUBJECT": "subject",
    "USED": "used",
    "LIMIT": "limit",
}
OF_UPDATE: Final = {"spec.updateStrategy.type": "update-strategy", "spec.readinessPolicy.mode": "readiness"}

USAGE: Final[Columns] = {
    "DAY": "day",
    "ORGANIZATION": "organizationId",
    "KIND": "kind",
    "ID": "id",
    "WITH": "accelerator",
    "GPU HOURS": "gpuHoursHeld",
    "COST": "listCost",
    "CURRENCY": "currency",
}

NOUNS: Final[Mapping[str, Noun]] = {
    "usage": Noun(
        "GPU-hours of your holders, by day.",
        {"list": Verb("listUsage", columns=USAGE)},
    ),
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
            "events": Verb("listReservationEvents", columns=EVENTS),
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
            "advice": Verb("adviseReservation", columns=ADVICE),
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
            "events": Verb("listPlacementEvents", columns=EVENTS),
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
            "report-fault": Verb("reportPlacementServerFault"),
        },
    ),
    "topology": Noun(
        "Which of your hosts are next to which.",
        {
            "get": Verb("getOrganizationTopology"),
            "paths": Verb("listNetworkPaths", columns=PATHS, rows="results"),
            "names": Verb("listInstanceNames", columns={"HOST": "metadata.id", "NAME": "metadata.name"}),
        },
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
            "events": Verb("listCapacityClaimEvents", columns=EVENTS, rows="events"),
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
            "events": Verb("listVmEvents", columns=VM_EVENTS),
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
}
