"""Everything under /operator/v1 that only reads."""

from gpu_capacity.operations.api.reads import READS
from gpu_capacity.runtime.apis.operators import operator_function
from gpu_capacity.usage.api.replies import usage_of_all

lambda_handler = operator_function("operator_reads", list_all_usage=usage_of_all, **READS)
