"""Invoked for operators: repair findings of an audit, as its run says."""

from gpu_capacity.runtime import composition
from gpu_capacity.runtime.functions import schedule_function

lambda_handler = schedule_function("repair_findings", composition.audit)
