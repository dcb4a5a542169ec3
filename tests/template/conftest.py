"""The stage of the functional tests, for tests of permissions by execution."""

from tests.functional.conftest import stage

__all__ = ["stage"]
