"""The operators' API: its operations, parameters and errors."""

from __future__ import annotations

from typing import Final

from gpu_capacity.inventory.audit_runs import AuditStatus
from gpu_capacity.inventory.maintenances import MaintenanceStatus
from gpu_capacity.operations.api.cordons import Source
from gpu_capacity.operations.list_dead_letters import Origin
from tools.openapi import usage
from tools.openapi.description import ApiText
from tools.openapi.operators import (
    accounts,
    audits,
    cordons,
    dead_letters,
    fault_reports,
    holders,
    maintenances,
)
from tools.openapi.operators.tag import OPERATORS_TAG
from tools.openapi.reservation_errors import ERRORS

_NOUNS: Final = (holders, accounts, cordons, fault_reports, maintenances, audits, dead_letters)

OPERATORS: Final = ApiText(
    tags={OPERATORS_TAG: "What those who run the service see and do, in every organization."},
    parameters={name: words for noun in _NOUNS for name, words in noun.PARAMETERS.items()},
    errors=ERRORS,
    schema_names={
        **usage.SCHEMA_NAMES,
        Source.__name__: "cordonSource",
        MaintenanceStatus.__name__: "maintenanceStatus",
        AuditStatus.__name__: "auditStatus",
        Origin.__name__: "deadLetterOrigin",
    },
    operations={name: words for noun in _NOUNS for name, words in noun.OPERATIONS.items()}
    | {"list_all_usage": usage.of(OPERATORS_TAG, "every organization, or those that are named,")},
)
