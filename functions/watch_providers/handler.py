"""Schedule: compare what holders should have with what providers list."""

from dataclasses import asdict

from gpu_capacity.runtime.functions import task_function
from gpu_capacity.upkeep.watch.run import watch_providers

lambda_handler = task_function("watch_providers", lambda services, _event: asdict(watch_providers(services)))
