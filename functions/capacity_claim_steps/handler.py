"""Workflow steps of a capacity claim: its next round."""

from gpu_capacity.capacity_claims.settle import settle_capacity_claim
from gpu_capacity.runtime.functions import steps_function

lambda_handler = steps_function(
    "capacity_claim_steps",
    {
        "settle_capacity_claim": lambda services, event: {
            "outcome": settle_capacity_claim(services, event["organization"], event["claim"]).value
        },
    },
)
