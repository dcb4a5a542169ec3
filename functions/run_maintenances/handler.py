"""Schedule: open and close maintenances, and take hosts into them and back."""

from dataclasses import asdict

from gpu_capacity.operations.run_maintenances import run_maintenances
from gpu_capacity.runtime.functions import task_function

lambda_handler = task_function(
    "run_maintenances", lambda services, _event: asdict(run_maintenances(services))
)
