"""The stage of the functional tests, for what is proved by running."""

from tests.functional.conftest import stage

__all__ = ["stage"]
