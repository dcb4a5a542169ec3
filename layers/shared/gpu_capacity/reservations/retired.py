"""Steps that the reservation workflows of earlier versions have, for executions that began before an upgrade.

Such an execution keeps its definition. It ends at its next step, and as the record is still unsettled,
reconcile starts the next attempt with the definition of this version.
"""

from __future__ import annotations

from typing import Any, Final

STEPS: Final = (
    *("begin_provisioning", "pin_unit_servers", "check_servers", "complete_provisioning"),
    *("abandon_provisioning", "fail_provisioning"),
    *("begin_deprovisioning", "delete_unit_servers", "sweep_servers", "complete_deprovisioning"),
)


def superseded(_services: object) -> dict[str, Any]:
    """The outcome that ends an execution, with all fields that the definitions read."""
    return {"outcome": "superseded", "units": [], "message": ""}
