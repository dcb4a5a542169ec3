"""Takes hardware out of sale, and puts it back: cordons and quarantines under /operator/v1/regions."""

from gpu_capacity.operations.api.cordons import lift_cordon, lift_quarantine, set_cordon, set_quarantine
from gpu_capacity.runtime.apis.operators import operator_function

lambda_handler = operator_function(
    "operator_cordons",
    set_cordon=set_cordon,
    lift_cordon=lift_cordon,
    set_quarantine=set_quarantine,
    lift_quarantine=lift_quarantine,
)
