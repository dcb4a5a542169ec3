"""Workflow steps of a reservation: provisioning with its undo, and the teardown."""

from gpu_capacity.reservations import deprovisioning, provisioning, retired
from gpu_capacity.runtime.functions import step, steps_function

IT = ("organization", "reservation")

lambda_handler = steps_function(
    "reservation_steps",
    {
        "provision_reservation": step(provisioning.provision_reservation, *IT),
        "release_reservation": step(deprovisioning.release_reservation, *IT),
        **dict.fromkeys(retired.STEPS, step(retired.superseded)),
    },
)
