"""Bodies of the VM API about accounts: SSH keys and API keys, with the published names and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictStr

from gpu_capacity.access import Scope
from gpu_capacity.accounts.api.body import VmBody
from gpu_capacity.accounts.api_key import NAME_DEFAULT, NAME_LENGTH_MAX
from gpu_capacity.accounts.ssh_key import LABEL_LENGTH_MAX
from gpu_capacity.http.rendering import Timestamp, as_json, timestamp
from gpu_capacity.http.text_sizes import printable

if TYPE_CHECKING:
    from gpu_capacity.accounts.api_key import ApiKey
    from gpu_capacity.accounts.ssh_key import SshKey
    from gpu_capacity.holders.quota import Quota

PUBLIC_KEY_LENGTH_MAX: Final = 16_000
SCOPES_MAX: Final = 16
"""More than there are scopes, because a repeated one does no harm."""


Label = Annotated[StrictStr, Field(max_length=LABEL_LENGTH_MAX), AfterValidator(printable)]
KeyName = Annotated[StrictStr, Field(max_length=NAME_LENGTH_MAX), AfterValidator(printable)]


class SshKeyCreate(VmBody):
    """Request to put an SSH key on the account."""

    model_config = ConfigDict(title="CreateSshKeyRequest")

    ssh_public_key: Annotated[StrictStr, Field(max_length=PUBLIC_KEY_LENGTH_MAX)] = Field(
        description="One OpenSSH public key: Ed25519, ECDSA, or RSA from 2048 bits"
    )
    label: Label = "Default SSH Key"


class SshKeyRead(VmBody):
    """An SSH key of the account."""

    model_config = ConfigDict(title="SshKey")

    id: str
    label: str
    key_type: str = Field(description="ssh-ed25519, ecdsa-sha2-nistp256, …-nistp384, …-nistp521 or ssh-rsa")
    fingerprint: str = Field(description="SHA256:… as ssh-keygen -l shows it")
    created_at: Timestamp


class ApiKeyCreate(VmBody):
    """Request for an API key."""

    model_config = ConfigDict(title="CreateApiKeyRequest")

    name: KeyName = NAME_DEFAULT
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=SCOPES_MAX)] = Field(
        [Scope.READ_WRITE], description="The key may do what any one of them allows"
    )


class ApiKeyCreated(VmBody):
    """A new API key, shown this once."""

    model_config = ConfigDict(title="NewApiKey")

    api_key: str
    created_at: Timestamp
    message: str


class ApiKeyRead(VmBody):
    """What is shown of an API key later: never the key."""

    model_config = ConfigDict(title="ApiKey")

    id: str
    name: str
    scopes: list[Scope]
    created_at: Timestamp
    last_four: str | None = Field(description="How the key ends; null for keys of earlier versions")


def ssh_key_view(key: SshKey) -> dict[str, Any]:
    """An SSH key as JSON."""
    return as_json(
        SshKeyRead.model_construct(
            id=key.id,
            label=key.label,
            key_type=key.key_type,
            fingerprint=key.fingerprint,
            created_at=timestamp(key.created_at),
        )
    )


def api_key_created_view(key: str, record: ApiKey) -> dict[str, Any]:
    """A new API key as JSON, with the key itself."""
    message = f"Keep this key: it is not shown again. Its id is {record.id}."
    return as_json(
        ApiKeyCreated.model_construct(api_key=key, created_at=timestamp(record.created_at), message=message)
    )


def api_key_view(record: ApiKey) -> dict[str, Any]:
    """An API key as JSON, without the key."""
    return as_json(
        ApiKeyRead.model_construct(
            id=record.id,
            name=record.name,
            scopes=list(record.scopes),
            created_at=timestamp(record.created_at),
            last_four=record.last_four,
        )
    )


class VmQuotaRead(VmBody):
    """How much of a subject the organization may have in all, and how much it has."""

    model_config = ConfigDict(title="VmQuota")

    subject: Literal["vms", "vm_gpus"] = Field(description="VMs that are not destroyed, or their GPUs.")
    limit: int = Field(ge=0)
    used: int = Field(ge=0)


def quota_view(quota: Quota) -> dict[str, Any]:
    """A quota as JSON."""
    view = {"subject": quota.subject, "limit": quota.limit, "used": quota.used}
    return as_json(VmQuotaRead.model_validate(view))
