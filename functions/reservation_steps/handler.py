"""Workflow steps of a reservation: provisioning, its undo, and the teardown."""

from gpu_capacity.reservations import deprovisioning, provisioning
from gpu_capacity.runtime.functions import step, steps_function

IT = ("organization", "reservation")

lambda_handler = steps_function(
    "reservation_steps",
    {
        "begin_provisioning": step(provisioning.begin_provisioning, *IT),
        "pin_unit_servers": step(provisioning.pin_unit_servers, *IT, "position"),
        "check_servers": step(provisioning.check_servers, *IT),
        "complete_provisioning": step(provisioning.complete_provisioning, *IT),
        "abandon_provisioning": step(provisioning.abandon_provisioning, *IT, "message"),
        "fail_provisioning": step(provisioning.fail_provisioning, *IT),
        "begin_deprovisioning": step(deprovisioning.begin_deprovisioning, *IT),
        "delete_unit_servers": step(deprovisioning.delete_unit_servers, *IT, "position"),
        "sweep_servers": step(deprovisioning.sweep_servers, *IT),
        "complete_deprovisioning": step(deprovisioning.complete_deprovisioning, *IT),
    },
)
