"""Makes and revokes API keys of any account: /operator/v1/organizations/{organizationID}/api-keys."""

from gpu_capacity.operations.api.api_keys import make_key, revoke_key
from gpu_capacity.runtime.apis.operators import operator_function

lambda_handler = operator_function(
    "operator_api_keys", make_operator_api_key=make_key, revoke_operator_api_key=revoke_key
)
