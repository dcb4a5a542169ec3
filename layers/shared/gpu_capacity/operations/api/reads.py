"""Every operation of the operators' API that only reads, by its name: one function serves them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gpu_capacity.operations.api import (
    api_keys,
    audits,
    cordons,
    dead_letters,
    fault_reports,
    holders,
    impact,
    maintenances,
    quotas,
    region_map,
    work,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gpu_capacity.http.call import Call, Reply

READS: Final[Mapping[str, Callable[[Call[Any]], Reply]]] = {
    "list_operator_regions": region_map.show_regions,
    "get_region_map": region_map.show_map,
    "list_holders": holders.list_holders,
    "get_holder": holders.show_holder,
    "list_unsettled": work.show_unsettled,
    "list_queues": work.show_queues,
    "list_operator_quotas": quotas.show_quotas,
    "list_operator_api_keys": api_keys.show_keys,
    "list_cordons": cordons.show_cordons,
    "list_fault_reports": fault_reports.show_fault_reports,
    "get_pod_drain": impact.show_drain,
    "list_maintenances": maintenances.show_all,
    "get_maintenance": maintenances.show,
    "list_audits": audits.show_all,
    "get_audit": audits.show,
    "list_dead_letters": dead_letters.show_dead_letters,
}
