"""GET /pricing."""

from gpu_capacity.runtime.apis.vms import open_vm_function
from gpu_capacity.vms.api.replies import pricing

lambda_handler = open_vm_function("get_pricing", pricing)
