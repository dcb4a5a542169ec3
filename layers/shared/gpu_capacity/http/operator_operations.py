"""The operations of operators: the part of ``operations.OPERATIONS`` under ``/operator/v1``.

One function serves all that only read, and one each the writes of a noun.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from gpu_capacity.access import Permission
from gpu_capacity.http.operation import Operation

OPERATOR: Final = "/operator/v1"
_CORDONS: Final = f"{OPERATOR}/regions/{{regionID}}/cordons"
_MAINTENANCES: Final = f"{OPERATOR}/maintenances"
_MAINTENANCE: Final = f"{_MAINTENANCES}/{{maintenanceID}}"
_PART: Final = ("podID", "domainID", "hostID")

_reading = partial(Operation, permission=Permission.OPERATE, shared="operator_reads")
_cordoning = partial(Operation, permission=Permission.OPERATE, shared="operator_cordons")
_maintaining = partial(Operation, permission=Permission.OPERATE, shared="operator_maintenances")

OPERATOR_OPERATIONS: Final = (
    _reading("list_cordons", "GET", _CORDONS),
    _cordoning("set_cordon", "POST", _CORDONS),
    _cordoning("lift_cordon", "DELETE", _CORDONS, once=_PART),
    _reading("list_maintenances", "GET", _MAINTENANCES, repeated=("regionID", "status")),
    _reading("get_maintenance", "GET", _MAINTENANCE),
    _maintaining("plan_maintenance", "POST", _MAINTENANCES, once=("dryRun",)),
    _maintaining("change_maintenance", "PUT", _MAINTENANCE, once=("dryRun",)),
    _maintaining("cancel_maintenance", "DELETE", _MAINTENANCE),
)
