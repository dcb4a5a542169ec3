"""POST /reservations/calculate."""

from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.vms.api.replies import quoted

lambda_handler = vm_function("calculate_reservation", Kind.READ, quoted)
