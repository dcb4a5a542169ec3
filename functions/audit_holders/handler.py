"""Schedule, and invoked for operators: check the consistency of holders and pods, without repairs."""

from gpu_capacity.runtime import composition
from gpu_capacity.runtime.functions import schedule_function

lambda_handler = schedule_function("audit_holders", composition.audit)
