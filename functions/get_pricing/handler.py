"""GET /pricing."""

from gpu_capacity.http.vm_replies import pricing
from gpu_capacity.runtime.vm_functions import open_vm_function

lambda_handler = open_vm_function("get_pricing", pricing)
