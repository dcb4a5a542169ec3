"""GET /templates."""

from gpu_capacity.http.vm_replies import templates_reply
from gpu_capacity.runtime.vm_functions import vm_function
from gpu_capacity.services.request_counts import Kind

lambda_handler = vm_function("list_templates", Kind.READ, templates_reply)
