"""Workflow task: the next round of a capacity claim."""

from gpu_capacity.capacity_claims.settle import settle_capacity_claim
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "settle_capacity_claim",
    lambda services, event: {
        "outcome": settle_capacity_claim(services, event["organization"], event["claim"]).value
    },
)
