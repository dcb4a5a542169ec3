"""Keeps track of whether an attempt of a write may have been committed although its response got lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from gpu_capacity.errors import StorageUnavailable, TryAgain

if TYPE_CHECKING:
    from types import TracebackType


class Tries:
    """The attempts of one write.

    ``outcome_unknown`` is true if the response to one of them got lost, so that it may have been committed.
    ``committed`` is true if the last one is known to be committed.

    As a context manager it lets every error pass. But if an outcome is unknown, it turns a ``TryAgain`` into
    a ``StorageUnavailable`` of unknown outcome, because no later failure can say that nothing was written.
    """

    def __init__(self) -> None:
        self.outcome_unknown = False
        self.committed = False

    def note(self, error: StorageUnavailable) -> None:
        """Record that an attempt failed."""
        self.outcome_unknown = self.outcome_unknown or error.outcome_unknown

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, TryAgain) and self.outcome_unknown:
            raise StorageUnavailable(str(error), outcome_unknown=True) from error
