"""The expected response to each event file of the operators' API."""

from __future__ import annotations

from typing import Final

from testkit.handlers import arrangements as given
from testkit.handlers import operator_arrangements as operated
from tests.functional import operator_contract as contract
from tests.functional.case import no, ok

_LIST_CORDONS, _CORDON, _UNCORDON = "list_cordons", "set_cordon", "lift_cordon"

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
)
