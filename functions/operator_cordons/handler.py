"""Takes hardware out of sale, and puts it back: /operator/v1/regions/{regionID}/cordons."""

from gpu_capacity.operations.api.cordons import lift_cordon, set_cordon
from gpu_capacity.runtime.apis.operators import operator_function

lambda_handler = operator_function("operator_cordons", set_cordon=set_cordon, lift_cordon=lift_cordon)
