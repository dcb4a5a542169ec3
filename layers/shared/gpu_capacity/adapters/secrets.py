"""Reads secrets of Secrets Manager, of which settings have the ARN only."""

from __future__ import annotations

import json
from typing import Any, Final

from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from gpu_capacity.errors import Misconfigured, SecretUnavailable

SECRET_SECONDS: Final = 300
"""How long a secret is kept before it is read again."""


def secret_object(arn: str) -> dict[str, Any]:
    """The content of a secret that is a JSON object.

    Raises:
        SecretUnavailable: it cannot be read now.
        Misconfigured: it is no JSON object.
    """
    try:
        text = parameters.get_secret(arn, max_age=SECRET_SECONDS)
    except GetParameterError as error:
        raise SecretUnavailable("a secret with credentials cannot be read") from error
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Misconfigured("a secret with credentials is no JSON object")
    return content
