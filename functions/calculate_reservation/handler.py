"""POST /reservations/calculate."""

from gpu_capacity.http.vm_replies import quoted
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.request_counts import Kind

lambda_handler = vm_function("calculate_reservation", Kind.READ, quoted)
