"""Connects to Ironic: without credentials, with HTTP basic authentication, or through Keystone.

Credentials are in a secret of Secrets Manager, of which settings have the ARN only. It is a JSON object with
``username`` and ``password``. For Keystone it has ``auth_url`` as well, and what else openstacksdk's ``auth``
takes, such as ``project_name`` and ``user_domain_name``, or ``application_credential_id`` and
``application_credential_secret``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from openstack.connection import Connection

from gpu_capacity.errors import Misconfigured, ProviderUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET_SECONDS: Final = 300
"""How long a secret is kept before it is read again."""


def connector(endpoint: str, secret: str) -> Callable[[], Connection]:
    """What connects to Ironic at this URL, with the credentials in a secret; with none if it has no name."""

    def connect() -> Connection:
        credentials = _read(secret) if secret else {}
        return Connection(
            auth_type=auth_type(credentials),
            auth=credentials if "auth_url" in credentials else {"endpoint": endpoint, **credentials},
            baremetal_endpoint_override=endpoint,
            app_name="gpu-capacity",
        )

    return connect


def auth_type(credentials: dict[str, Any]) -> str:
    """The kind of authentication that these credentials are for, as openstacksdk calls it."""
    if "application_credential_id" in credentials:
        return "v3applicationcredential"
    if "auth_url" in credentials:
        return "password"
    return "http_basic" if credentials else "none"


def _read(secret: str) -> dict[str, Any]:
    """The content of a secret.

    Raises:
        ProviderUnavailable: it cannot be read now.
        Misconfigured: it is no JSON object.
    """
    from aws_lambda_powertools.utilities import parameters  # noqa: PLC0415 - noauth needs none
    from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError  # noqa: PLC0415

    try:
        text = parameters.get_secret(secret, max_age=SECRET_SECONDS)
    except GetParameterError as error:
        raise ProviderUnavailable("the secret with the credentials for Ironic cannot be read") from error
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Misconfigured("the secret with the credentials for Ironic is no JSON object")
    return content
