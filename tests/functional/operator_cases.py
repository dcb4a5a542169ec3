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

_MAP, _HOLDERS, _HOLDER, _DELETE = (
    "get_region_map",
    "list_holders",
    "get_holder",
    "force_delete_holder",
)
_UNSETTLED, _QUEUES = "list_unsettled", "list_queues"
_QUOTAS, _LIMIT = "list_operator_quotas", "set_operator_quota"
_KEYS, _MAKE_KEY, _REVOKE = "list_operator_api_keys", "make_operator_api_key", "revoke_operator_api_key"
_SET_ASIDE, _RETURN = "set_quarantine", "lift_quarantine"

OPERATOR_CASES: Final = (
    ok("list_operator_regions", "all", contract.REGIONS, after=given.sample),
    ok(_MAP, "all", contract.MAP, after=given.sample),
    ok(_MAP, "all", contract.MAP, after=operated.cordoned),
    ok(_MAP, "all", contract.MAP, after=operated.maintenance_open),
    ok(_MAP, "with_hosts", contract.MAP, after=given.servers_up),
    ok(_MAP, "with_hosts", contract.MAP, after=operated.quarantined),
    no(_MAP, "pod_unknown", 404, "not_found"),
    no(_MAP, "hosts_malformed", 400, "invalid_request"),
    ok(_HOLDERS, "all", contract.HOLDERS, after=given.placed),
    ok(_HOLDERS, "filtered", contract.HOLDERS, after=given.placed),
    ok(_HOLDERS, "of_host", contract.HOLDERS, after=given.placed),
    no(_HOLDERS, "host_unknown", 404, "not_found"),
    no(_HOLDERS, "region_missing", 400, "invalid_request"),
    no(_HOLDERS, "kind_unknown", 400, "invalid_request"),
    no(_HOLDERS, "age_malformed", 400, "invalid_request"),
    ok(_HOLDER, "reservation", contract.HOLDER),
    ok(_HOLDER, "reservation", contract.HOLDER, after=given.failed),
    ok(_HOLDER, "reservation", contract.HOLDER, after=given.claimant_died),
    ok(_HOLDER, "placement", contract.HOLDER, after=given.placed),
    no(_HOLDER, "reservation", 404, "not_found", after=given.gone),
    no(_HOLDER, "absent", 404, "not_found"),
    no(_HOLDER, "kind_unknown", 404, "not_found"),
    ok(_DELETE, "reservation", None, 202),
    ok(_DELETE, "reservation", None, 202, after=given.provisioned),
    ok(_DELETE, "reservation", None, 202, after=given.deleted),
    ok(_DELETE, "placement", None, 202, after=given.placed),
    no(_DELETE, "reservation", 409, "conflict", after=given.claimant_died),
    no(_DELETE, "reservation", 404, "not_found", after=given.gone),
    no(_DELETE, "absent", 404, "not_found"),
    no(_DELETE, "reason_missing", 400, "invalid_request"),
    no(_DELETE, "reason_blank", 400, "invalid_request"),
    ok(_UNSETTLED, "all", contract.UNSETTLED),
    ok(_UNSETTLED, "all", contract.UNSETTLED, after=given.claimant_died),
    ok(_UNSETTLED, "filtered", contract.UNSETTLED),
    ok(_QUEUES, "all", contract.QUEUES),
    ok(_QUEUES, "of_zone", contract.QUEUES),
    ok(_QUOTAS, "all", contract.OPERATOR_QUOTAS, after=given.sample_with_quota_of_one),
    ok(_LIMIT, "accelerator", contract.OPERATOR_QUOTA_CHANGE),
    ok(_LIMIT, "accelerator", contract.OPERATOR_QUOTA_CHANGE, after=given.sample_with_quota_of_one),
    ok(_LIMIT, "no_limit", contract.OPERATOR_QUOTA_CHANGE, after=given.sample_with_quota_of_one),
    no(_LIMIT, "limit_malformed", 400, "invalid_request"),
    no(_LIMIT, "subject_unknown", 400, "invalid_request"),
    ok(_KEYS, "all", contract.API_KEYS, after=operated.with_an_api_key),
    ok(_MAKE_KEY, "read_only", contract.API_KEY_MADE, 201),
    no(_MAKE_KEY, "scope_unknown", 400, "invalid_request"),
    no(_MAKE_KEY, "subject_unprintable", 400, "invalid_request"),
    ok(_REVOKE, "revoked", contract.API_KEY, after=operated.with_an_api_key),
    no(_REVOKE, "revoked", 404, "not_found"),
    ok(_LIST_CORDONS, "quarantines", contract.CORDONS, after=operated.quarantined),
    no(_LIST_CORDONS, "cause_unknown", 400, "invalid_request"),
    ok(_SET_ASIDE, "host", contract.CORDON_CHANGE, after=given.sample),
    ok(_SET_ASIDE, "host", contract.CORDON_CHANGE, after=operated.quarantined),
    no(_SET_ASIDE, "host_unknown", 404, "not_found"),
    no(_SET_ASIDE, "reason_missing", 400, "invalid_request"),
    ok(_RETURN, "host", contract.CORDON_CHANGE, after=operated.quarantined),
    no(_RETURN, "host", 404, "not_found"),
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
    ok("list_fault_reports", "all", contract.FAULT_REPORTS, after=given.sample),
    ok("list_fault_reports", "all", contract.FAULT_REPORTS, after=operated.fault_reported),
    ok("get_pod_drain", "pod", contract.DRAIN, after=given.reserved),
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
