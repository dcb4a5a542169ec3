"""Schedule: restart what a crash left unsettled."""

from dataclasses import asdict

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.upkeep.reconcile import reconcile

lambda_handler = task_function("reconcile_holders", lambda services, _event: asdict(reconcile(services)))
