"""Schedule: restart the workflows of unsettled holders."""

from dataclasses import asdict

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.upkeep.reconcile import reconcile

lambda_handler = task_function("reconcile_holders", lambda services, _event: asdict(reconcile(services)))
