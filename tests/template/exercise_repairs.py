"""Every repair of the audit, as operators order it: ``tests.upkeep.audit`` checks the results."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final

from testkit.handlers import sample_events
from tests.upkeep.audit.planted import PLANTED
from tests.upkeep.audit.planted_bookings import PLANTED_BOOKINGS
from tests.upkeep.audit.planted_servers import PLANTED_SERVERS
from tests.upkeep.audit.planted_vms import PLANTED_VMS

if TYPE_CHECKING:
    from testkit.handlers.stage import Stage
    from tests.upkeep.audit.planted import Planted


def _repair(case: Planted, stage: Stage) -> None:
    scene = case.scene.ready()
    case.plant(scene)
    stage.db.resume(scene.db)
    stage.clock.advance_ms(scene.world.clock.now_ms() - stage.clock.now_ms())
    audit = stage.request_event("start_audit", "started").json["id"]
    stage.run("audit_holders", {"auditId": audit})
    shown = sample_events.read("get_audit", "found")
    shown["pathParameters"] = {"auditID": audit}
    findings = stage.request("get_audit", shown).json["findings"]
    order = sample_events.read("order_repair", "applied")
    order["pathParameters"] = {"auditID": audit}
    order["body"] = json.dumps(
        {
            "findingIds": [one["id"] for one in findings if one["result"] == "repairable"],
            "takeAway": [one["takeAway"] for one in findings if "takeAway" in one],
            "reason": "exercise",
            "apply": True,
        }
    )
    run = stage.request("order_repair", order).json["id"]
    stage.run("repair_findings", {"auditId": run})


LIVES: Final = tuple(
    partial(_repair, case)
    for case in (*PLANTED, *PLANTED_BOOKINGS, *PLANTED_SERVERS, *PLANTED_VMS)
    if case.repaired
)
