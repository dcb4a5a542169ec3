"""Schedule: read the fleet document and write topology and usability."""

from dataclasses import asdict

from gpu_capacity.runtime import composition
from gpu_capacity.runtime.functions import schedule_function

lambda_handler = schedule_function("sync_inventory", lambda _event: asdict(composition.synchronize()))
