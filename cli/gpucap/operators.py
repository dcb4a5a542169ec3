"""The nouns of operators of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gpucap.verbs import OPERATORS, Noun, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpucap.verbs import Columns

CORDONS: Final[Columns] = {
    "POD": "target.podId",
    "DOMAIN": "target.domainId",
    "HOST": "target.hostId",
    "SOURCE": "source",
    "REASON": "reason",
    "SINCE": "since",
    "BY": "by",
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
MAINTENANCES: Final[Columns] = {
    "ID": "id",
    "REGION": "regionId",
    "TARGETS": "targets",
    "FROM": "startTime",
    "UNTIL": "endTime",
    "STATUS": "status",
    "REASON": "reason",
}
HOLDERS: Final[Columns] = {
    "KIND": "kind",
    "ID": "id",
    "ORGANIZATION": "organizationId",
    "STATUS": "status",
    "REGIONS": "regionIds",
    "CREATED": "creationTime",
}
LIMITS: Final[Columns] = {"SUBJECT": "subject", "LIMIT": "limit", "USED": "used"}
CREDENTIALS: Final[Columns] = {
    "ID": "id",
    "SUBJECT": "subject",
    "NAME": "name",
    "SCOPES": "scopes",
    "ENDS IN": "lastFour",
    "CREATED": "creationTime",
}
NOUNS: Final[Mapping[str, Noun]] = {
    "holders": Noun(
        "Reservations, placements, capacity claims and VMs of all organizations.",
        {
            "list": Verb("listHolders", columns=HOLDERS),
            "get": Verb("getHolder"),
            "delete": Verb("forceDeleteHolder"),
            "unsettled": Verb("listUnsettled", columns={**HOLDERS, "WAITS FOR": "waitsFor"}),
            "queues": Verb("listQueues", columns={"REGION": "regionId", "INSTANCES": "instanceType"}),
        },
        panel=OPERATORS,
    ),
    "limits": Noun(
        "Quotas of any organization.",
        {"list": Verb("listOperatorQuotas", columns=LIMITS), "set": Verb("setOperatorQuota")},
        panel=OPERATORS,
    ),
    "credentials": Noun(
        "API keys of any organization.",
        {
            "list": Verb("listOperatorApiKeys", columns=CREDENTIALS),
            "create": Verb("makeOperatorApiKey"),
            "delete": Verb("revokeOperatorApiKey"),
        },
        panel=OPERATORS,
    ),
    "quarantines": Noun(
        "Hosts that failed and are set aside.",
        {
            "create": Verb("setQuarantine", columns=CORDONS, rows="cordons"),
            "delete": Verb("liftQuarantine", columns=CORDONS, rows="cordons"),
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
