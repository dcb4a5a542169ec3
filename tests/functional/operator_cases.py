"""The expected response to each event file of the operators' API."""

from __future__ import annotations

from typing import Final

from testkit.handlers import arrangements as given
from testkit.handlers import operator_arrangements as operated
from tests.functional import operator_contract as contract
from tests.functional.case import no, ok

_LIST_CORDONS, _CORDON, _UNCORDON = "list_cordons", "set_cordon", "lift_cordon"
_LIST, _GET = "list_maintenances", "get_maintenance"
_PLAN, _CHANGE, _CANCEL = "plan_maintenance", "change_maintenance", "cancel_maintenance"

OPERATOR_CASES: Final = (
    ok(_LIST_CORDONS, "all", contract.CORDONS, after=given.sample),
    ok(_LIST_CORDONS, "all", contract.CORDONS, after=operated.cordoned),
    ok(_CORDON, "domain", contract.CORDON_CHANGE, after=given.sample),
    ok(_CORDON, "domain", contract.CORDON_CHANGE, after=operated.cordoned),
    no(_CORDON, "reason_missing", 400, "invalid_request"),
    no(_CORDON, "domain_without_pod", 400, "invalid_request"),
    no(_CORDON, "target_unknown", 404, "not_found"),
    ok(_UNCORDON, "domain", contract.CORDON_CHANGE, after=operated.cordoned),
    no(_UNCORDON, "domain", 404, "not_found"),
    no(_UNCORDON, "domain_without_pod", 400, "invalid_request"),
    ok(_LIST, "all", contract.MAINTENANCES, after=given.sample),
    ok(_LIST, "all", contract.MAINTENANCES, after=operated.maintenance_planned),
    ok(_LIST, "filtered", contract.MAINTENANCES, after=operated.maintenance_open),
    no(_LIST, "status_unknown", 400, "invalid_request"),
    ok(_GET, "found", contract.MAINTENANCE_DETAIL, after=operated.maintenance_planned),
    ok(_GET, "found", contract.MAINTENANCE_DETAIL, after=operated.maintenance_open),
    no(_GET, "found", 404, "not_found"),
    ok(_PLAN, "rack", contract.MAINTENANCE, 201, after=given.sample),
    ok(_PLAN, "with_force", contract.MAINTENANCE, 201, after=given.sample),
    ok(_PLAN, "dry_run", contract.MAINTENANCE, after=given.sample),
    no(_PLAN, "ends_before_it_begins", 400, "invalid_request"),
    no(_PLAN, "notice_too_short", 400, "invalid_request"),
    no(_PLAN, "time_malformed", 400, "invalid_request"),
    no(_PLAN, "region_unknown", 404, "not_found"),
    ok(_CHANGE, "later", contract.MAINTENANCE, after=operated.maintenance_planned),
    ok(_CHANGE, "dry_run", contract.MAINTENANCE, after=operated.maintenance_planned),
    no(_CHANGE, "later", 400, "invalid_request", after=operated.maintenance_open),
    no(_CHANGE, "ends_before_it_begins", 400, "invalid_request", after=operated.maintenance_planned),
    no(_CHANGE, "later", 404, "not_found"),
    ok(_CANCEL, "planned", contract.MAINTENANCE, 202, after=operated.maintenance_planned),
    ok(_CANCEL, "planned", contract.MAINTENANCE, 202, after=operated.maintenance_open),
    no(_CANCEL, "planned", 404, "not_found"),
)
