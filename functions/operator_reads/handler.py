"""Everything under /operator/v1 that only reads."""

from gpu_capacity.operations.api import maintenances
from gpu_capacity.operations.api.cordons import show_cordons
from gpu_capacity.runtime.apis.operators import operator_function

lambda_handler = operator_function(
    "operator_reads",
    list_cordons=show_cordons,
    list_maintenances=maintenances.show_all,
    get_maintenance=maintenances.show,
)
