"""Deletes holders of any organization: POST /operator/v1/…/force-delete."""

from gpu_capacity.operations.api.holders import delete_holder
from gpu_capacity.runtime.apis.operators import operator_function

lambda_handler = operator_function("operator_holders", force_delete_holder=delete_holder)
