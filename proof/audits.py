"""The independent auditors of the tests over the tables of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from tests.claims.auditor import audit_claims
from tests.support.auditor import audit

if TYPE_CHECKING:
    from tests.fakes.dynamodb import MemoryDynamoDB


def findings(db: MemoryDynamoDB, now: int) -> list[str]:
    """Everything that is wrong with the tables at a time (seconds), servers included."""
    # The reservations' auditor knows nothing of the claims' quota; the other one does.
    about_reservations = [finding for finding in audit(db, now=now) if "'instances'" not in finding]
    # Nor does the one of claims know of GPUs that are owned one by one; the ledger does.
    return sorted({*about_reservations, *audit_claims(cast("MemoryDynamoDB", _WithoutVms(db)))})


class _WithoutVms:
    """The same tables, but for the parts of domains that VMs own."""

    def __init__(self, db: MemoryDynamoDB) -> None:
        self._db = db

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        tables = self._db.dump()
        tables["inventory"] = [_without_gpus(item) for item in tables["inventory"]]
        return tables


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
