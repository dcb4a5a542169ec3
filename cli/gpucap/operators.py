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
MAINTENANCES: Final[Columns] = {
    "ID": "id",
    "REGION": "regionId",
    "TARGETS": "targets",
    "FROM": "startTime",
    "UNTIL": "endTime",
    "STATUS": "status",
    "REASON": "reason",
}
NOUNS: Final[Mapping[str, Noun]] = {
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
