"""Everything under /operator/v1 that only reads."""

from gpu_capacity.operations.api import (
    api_keys,
    cordons,
    fault_reports,
    holders,
    impact,
    maintenances,
    quotas,
    region_map,
    work,
)
from gpu_capacity.runtime.apis.operators import operator_function
from gpu_capacity.usage.api.replies import usage_of_all

lambda_handler = operator_function(
    "operator_reads",
    list_operator_regions=region_map.show_regions,
    get_region_map=region_map.show_map,
    list_holders=holders.list_holders,
    get_holder=holders.show_holder,
    list_unsettled=work.show_unsettled,
    list_queues=work.show_queues,
    list_operator_quotas=quotas.show_quotas,
    list_operator_api_keys=api_keys.show_keys,
    list_cordons=cordons.show_cordons,
    list_fault_reports=fault_reports.show_fault_reports,
    get_pod_drain=impact.show_drain,
    list_all_usage=usage_of_all,
    list_maintenances=maintenances.show_all,
    get_maintenance=maintenances.show,
)
