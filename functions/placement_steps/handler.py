"""Workflow steps of a placement: its next round."""

from gpu_capacity.placements.settle import settle_placement
from gpu_capacity.runtime.functions import steps_function

lambda_handler = steps_function(
    "placement_steps",
    {
        "settle_placement": lambda services, event: {
            "outcome": settle_placement(
                services, event["organization"], event["placement"], event.get("execution")
            ).value
        },
    },
)
