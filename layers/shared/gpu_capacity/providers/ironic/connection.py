"""Connects to Ironic: without credentials, with HTTP basic authentication, or through Keystone.

Credentials are in a secret of Secrets Manager, of which settings have the ARN only. It is a JSON object with
``username`` and ``password``. For Keystone it has ``auth_url`` as well, and what else openstacksdk's ``auth``
takes, such as ``project_name`` and ``user_domain_name``, or ``application_credential_id`` and
``application_credential_secret``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openstack.connection import Connection

from gpu_capacity.errors import ProviderUnavailable, SecretUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable


def connector(endpoint: str, secret: str) -> Callable[[], Connection]:
    """What connects to Ironic at this URL, with the credentials in a secret; with none if it has no name."""

    def connect() -> Connection:
        credentials = _credentials(secret) if secret else {}
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


def _credentials(secret: str) -> dict[str, Any]:
    from gpu_capacity.adapters.secrets import secret_object  # noqa: PLC0415 - noauth needs none

    try:
        return secret_object(secret)
    except SecretUnavailable as error:
        raise ProviderUnavailable("the secret with the credentials for Ironic cannot be read") from error
