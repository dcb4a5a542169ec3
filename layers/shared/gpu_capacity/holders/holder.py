"""The part of a record that all kinds of holders have."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum


class Holder(Protocol):
    """A record of any kind."""

    NOUN: ClassVar[str]
    """What messages call it, and the name of its id in the input of workflows."""

    @property
    def id(self) -> str:
        """The id within the organization."""

    @property
    def organization_id(self) -> str:
        """The organization that owns it."""

    @property
    def life(self) -> bytes | None:
        """Random bytes, see ``new_life``; ``None`` if a version without lives wrote the record."""

    @property
    def revision(self) -> int:
        """The revision of the record. Rises with every write."""

    @property
    def status(self) -> StrEnum:
        """The status in its lifecycle."""

    @property
    def fingerprint(self) -> str | None:
        """The fingerprint of the request that created it; ``None`` if its id identifies no request."""

    @property
    def is_shown(self) -> bool:
        """Whether the API shows it."""

    @property
    def attempt(self) -> int:
        """The number of its current workflow execution."""

    @property
    def workflow(self) -> str | None:
        """The workflow that its status requires; ``None`` if it requires none."""

    @property
    def execution(self) -> str:
        """The name of that execution. Every caller uses the same name, so it is started once."""

    @property
    def uncounted(self) -> Mapping[str, int]:
        """What it uses and no quota counts yet, by subject."""
