"""GET /templates."""

from gpu_capacity.http.request_counts import Kind
from gpu_capacity.runtime.apis.vms import vm_function
from gpu_capacity.vms.api.replies import templates_reply

lambda_handler = vm_function("list_templates", Kind.READ, templates_reply)
