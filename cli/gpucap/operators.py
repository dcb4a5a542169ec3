"""The nouns of operators of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpucap.customers import USAGE
from gpucap.verbs import OPERATORS, Noun, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpucap.verbs import Columns

CORDONS: Final[Columns] = {
    "POD": "target.podId",
    "DOMAIN": "target.domainId",
    "HOST": "target.hostId",
    "SOURCE": "source",
    "CAUSE": "cause",
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
FAULT_REPORTS: Final[Columns] = {
    "TIME": "reportedTime",
    "REGION": "regionId",
    "HOST": "hostId",
    "REASON": "reason",
    "OUTCOME": "outcome",
    "SEEN": "seen",
    "ORGANIZATION": "organizationId",
    "TEXT": "text",
}
AUDITS: Final[Columns] = {
    "ID": "id",
    "BY": "by",
    "STATUS": "status",
    "ASKED FOR": "requestedTime",
    "ENDED": "endedTime",
    "CLEAN": "clean",
    "FINDINGS": "findingCount",
    "FAILURE": "failure",
}
HOLDERS: Final[Columns] = {
    "KIND": "kind",
    "ID": "id",
    "NAME": "name",
    "ORGANIZATION": "organizationId",
    "REGIONS": "regionIds",
    "STATUS": "status",
    "CREATED": "creationTime",
    "UNSETTLED SINCE": "unsettledSince",
    "WAITS FOR": "waitsFor",
}
QUOTAS: Final[Columns] = {"SUBJECT": "subject", "USED": "used", "LIMIT": "limit", "DEFAULT": "isDefault"}
API_KEYS: Final[Columns] = {
    "ID": "id",
    "SUBJECT": "subject",
    "NAME": "name",
    "SCOPES": "scopes",
    "ENDS IN": "lastFour",
    "CREATED": "creationTime",
    "REVOKED": "revocationTime",
}

NOUNS: Final[Mapping[str, Noun]] = {
    "all-usage": Noun(
        "GPU-hours of every organization, by day.",
        {"list": Verb("listAllUsage", columns=USAGE)},
        panel=OPERATORS,
    ),
    "regions": Noun(
        "Every region of the catalogue.",
        {
            "list": Verb(
                "listOperatorRegions",
                columns={"REGION": "regionId", "OBSERVED": "observedAt", "WITHDRAWN": "withdrawn"},
            )
        },
        panel=OPERATORS,
    ),
    "cordons": Noun(
        "Hardware that takes no new holder.",
        {
            "list": Verb("listCordons", columns=CORDONS),
            "create": Verb("setCordon", columns=CORDONS, rows="cordons"),
            "delete": Verb("liftCordon", columns=CORDONS, rows="cordons"),
        },
        panel=OPERATORS,
    ),
    "quarantines": Noun(
        "Hosts that failed and are set aside; `gpucap cordons list` has them as well.",
        {
            "create": Verb("setQuarantine", columns=CORDONS, rows="cordons"),
            "delete": Verb("liftQuarantine", columns=CORDONS, rows="cordons"),
        },
        panel=OPERATORS,
    ),
    "holders": Noun(
        "Whatever has capacity, of all kinds and organizations.",
        {
            "list": Verb("listHolders", columns=HOLDERS),
            "get": Verb("getHolder"),
            "force-delete": Verb("forceDeleteHolder"),
            "unsettled": Verb("listUnsettled", columns=HOLDERS),
        },
        panel=OPERATORS,
    ),
    "queues": Noun(
        "Which capacity claims wait, in their order.",
        {
            "list": Verb(
                "listQueues",
                columns={
                    "REGION": "regionId",
                    "INSTANCES": "instanceType",
                    "WAITING": "waiting[].id",
                    "FOR": "waiting[].pendingInstanceCount",
                },
            )
        },
        panel=OPERATORS,
    ),
    "quotas": Noun(
        "How much an organization may have.",
        {"list": Verb("listOperatorQuotas", columns=QUOTAS), "set": Verb("setOperatorQuota")},
        panel=OPERATORS,
    ),
    "organization-api-keys": Noun(
        "Credentials for the VM API, of any account.",
        {
            "create": Verb("makeOperatorApiKey"),
            "list": Verb("listOperatorApiKeys", columns=API_KEYS),
            "delete": Verb("revokeOperatorApiKey"),
        },
        panel=OPERATORS,
    ),
    "fault-reports": Noun(
        "Faults of servers and hosts that customers have reported.",
        {"list": Verb("listFaultReports", columns=FAULT_REPORTS)},
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
                tag="revision",
                within={
                    "targets": "targets",
                    "startTime": "startTime",
                    "endTime": "endTime",
                    "reason": "reason",
                },
            ),
            "cancel": Verb("cancelMaintenance"),
            "drain": Verb("getPodDrain"),
        },
        panel=OPERATORS,
    ),
    "dead-letters": Noun(
        "What failed for good in the background.",
        {
            "list": Verb(
                "listDeadLetters",
                columns={
                    "QUEUE": "queue",
                    "LETTERS": "count",
                    "SENT": "letters[].sentTime",
                    "OF": "letters[].origin",
                    "ERROR": "letters[].error",
                },
            )
        },
        panel=OPERATORS,
    ),
    "audits": Noun(
        "Whether holders, pods and providers agree.",
        {
            "start": Verb("startAudit"),
            "list": Verb("listAudits", columns=AUDITS),
            "get": Verb("getAudit"),
            "repair": Verb("orderRepair"),
        },
        panel=OPERATORS,
    ),
}
