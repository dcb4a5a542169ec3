"""Reads settings from environment variables, and checks them. ``docs/configuration.md`` lists them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gpu_capacity import strict_json
from gpu_capacity.errors import Misconfigured
from gpu_capacity.plain_numbers import decimal, whole

if TYPE_CHECKING:
    from collections.abc import Mapping


class Environment:
    """Typed access to environment variables; an empty one counts as absent."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, default: str | None = None) -> str:
        """A text, without blanks around it.

        Raises:
            Misconfigured: it is absent and has no default.
        """
        value = self._variables.get(name, "").strip() or default
        if value is None:
            raise Misconfigured(f"{name} is not set")
        return value

    def optional(self, name: str) -> str | None:
        """A text, without blanks around it; None if it is absent."""
        return self._variables.get(name, "").strip() or None

    def whole(self, name: str, default: int, *, least: int = 0) -> int:
        """A whole number of at least ``least``.

        Raises:
            Misconfigured: it is none.
        """
        try:
            value = whole(self.text(name, str(default)))
        except ValueError:
            value = least - 1
        if value < least:
            raise Misconfigured(f"{name} must be a whole number of at least {least}")
        return value

    def share(self, name: str, default: float) -> float:
        """A number between 0 and 1.

        Raises:
            Misconfigured: it is none.
        """
        try:
            value = float(decimal(self.text(name, str(default))))
        except ValueError:
            value = -1.0
        if not 0.0 <= value <= 1.0:
            raise Misconfigured(f"{name} must be a number between 0 and 1")
        return value

    def words(self, name: str, default: str = "") -> list[str]:
        """Words separated by commas."""
        return [word.strip() for word in (self.optional(name) or default).split(",") if word.strip()]

    def amounts(self, name: str) -> dict[str, int]:
        """Whole numbers by word, from ``word=number,word=number``; empty if it is absent.

        Raises:
            Misconfigured: it has another form, or a negative number.
        """
        found: dict[str, int] = {}
        for entry in (self.optional(name) or "").split(","):
            word, equals, number = entry.strip().rpartition("=")
            try:
                if entry.strip():
                    found[word.strip()] = whole(number.strip())
            except ValueError:
                equals = ""
            if entry.strip() and (not equals or not word.strip() or found.get(word.strip(), 0) < 0):
                raise Misconfigured(f"{name} must be words with whole numbers, as in instances=100,vms=20")
        return found

    def key_set(self, name: str) -> dict[str, Any] | None:
        """A JWKS, as JSON or as base64url of it (which survives every shell); None if it is absent.

        Raises:
            Misconfigured: it is none, or has no key.
        """
        text = self.optional(name)
        if text is None:
            return None
        try:
            if not text.startswith("{"):
                octets = text.encode() + b"=" * (-len(text) % 4)
                text = base64.b64decode(octets, altchars=b"-_", validate=True).decode()
            document = strict_json.loads(text)
        except ValueError as error:
            raise Misconfigured(f"{name} must be a JWKS as JSON or base64url of it") from error
        if not isinstance(document, dict) or not document.get("keys"):
            raise Misconfigured(f"{name} must be a JWKS with at least one key")
        return document

    def https_url(self, name: str) -> str | None:
        """An https address; http only of this machine, for development. None if it is absent.

        Raises:
            Misconfigured: it is another address.
        """
        url = self.optional(name)
        if url is not None:
            parts = urlsplit(url)
            local = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
            if parts.scheme != "https" and not local:
                raise Misconfigured(f"{name} must be an https address")
        return url


@dataclass(frozen=True, slots=True)
class TableNames:
    """The names of this service's tables. Providers have their own settings for theirs."""

    inventory: str
    holders: str
    history: str

    @classmethod
    def read(cls, environment: Environment) -> TableNames:
        """Read ``INVENTORY_TABLE``, ``HOLDERS_TABLE`` and ``HISTORY_TABLE``.

        Raises:
            Misconfigured: one of them is absent.
        """
        return cls(
            inventory=environment.text("INVENTORY_TABLE"),
            holders=environment.text("HOLDERS_TABLE"),
            history=environment.text("HISTORY_TABLE"),
        )
