"""Responses of the VM API about accounts: SSH keys and API keys."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from gpu_capacity.accounts.account import account_of
from gpu_capacity.accounts.api.models import (
    api_key_created_view,
    api_key_view,
    ssh_key_view,
)
from gpu_capacity.http.call import Reply
from gpu_capacity.http.rendering import NO_CACHE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.accounts.account import Account
    from gpu_capacity.accounts.api_key import ApiKey
    from gpu_capacity.accounts.ssh_key import SshKey
    from gpu_capacity.http.call import Call


def account_for(call: Call[object]) -> Account:
    """The account that a request is made for: see ``account_of``."""
    return account_of(call.caller, call.headers.get("x-organization-id"))


def ssh_key_created(key: SshKey) -> Reply:
    """201 with the new SSH key."""
    return Reply(HTTPStatus.CREATED, ssh_key_view(key), NO_CACHE)


def ssh_key_reply(key: SshKey) -> Reply:
    """200 with an SSH key, which may have been deleted."""
    return Reply(HTTPStatus.OK, ssh_key_view(key), NO_CACHE)


def ssh_keys_reply(keys: Sequence[SshKey]) -> Reply:
    """200 with a plain array, oldest first."""
    return Reply(HTTPStatus.OK, [ssh_key_view(key) for key in keys], NO_CACHE)


def api_key_created(key: str, record: ApiKey) -> Reply:
    """201 with a new API key, which is shown only here."""
    return Reply(HTTPStatus.CREATED, api_key_created_view(key, record), NO_CACHE)


def api_key_reply(key: ApiKey) -> Reply:
    """200 with an API key that was revoked."""
    return Reply(HTTPStatus.OK, api_key_view(key), NO_CACHE)


def api_keys_reply(keys: Sequence[ApiKey]) -> Reply:
    """200 with a plain array, oldest first."""
    return Reply(HTTPStatus.OK, [api_key_view(key) for key in keys], NO_CACHE)
