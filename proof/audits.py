"""The independent auditors of the tests over the tables of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proof.unreadable import MARK
from proof.vm_rules import settled
from testkit.claim_auditor import about_reservations, audit_claim_tables

if TYPE_CHECKING:
    from proof.items import Item
    from proof.vm_rules import VmRules
    from testkit.dynamodb import MemoryDynamoDB

DISK, ROSTER = "VMDISK#", "VMS"


def findings(db: MemoryDynamoDB, now: int) -> list[str]:
    """Everything that is wrong with the tables at a time (seconds), servers included."""
    tables = _readable(db)
    found = about_reservations(tables, now=now)
    # The auditor of claims knows nothing of GPUs that are owned one by one; the ledger does.
    racks = tables | {"inventory": [_without_gpus(item) for item in tables["inventory"]]}
    return sorted({*found, *audit_claim_tables(racks)})


def findings_about_vms(db: MemoryDynamoDB, rules: VmRules) -> list[str]:
    """What is wrong with VMs when everybody has settled."""
    tables = db.dump()
    disks = [i["pk"]["S"].removeprefix(DISK) for i in tables["servers"] if i["pk"]["S"].startswith(DISK)]
    roster = [item["vm"]["S"] for item in tables["holders"] if item["pk"]["S"] == ROSTER]
    return [*settled(rules.rentals.values(), rules.living(), disks, roster)]


def _readable(db: MemoryDynamoDB) -> dict[str, list[Item]]:
    return {table: [item for item in items if MARK not in item] for table, items in db.dump().items()}


def _without_gpus(item: dict[str, Any]) -> dict[str, Any]:
    if not item["pk"]["S"].startswith("CLAIMS#"):
        return item
    kept = {}
    for name, value in item.items():
        if "M" in value and name[0] == "d":
            parts = {tag: mask for tag, mask in value["M"].items() if not tag.startswith("g")}
            if parts or not value["M"]:
                kept[name] = {"M": parts}
        else:
            kept[name] = value
    return kept
