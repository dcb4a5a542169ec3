"""Schedule: look for disagreements between holders and pods; repairs nothing."""

from gpu_capacity.runtime import composition
from gpu_capacity.runtime.functions import schedule_function

lambda_handler = schedule_function("audit_holders", lambda: composition.audit().as_json())
