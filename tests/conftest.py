"""Fixtures and checks for all tests."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator  # noqa: TC003 - pytest reads the annotations of fixtures
from importlib.util import find_spec
from typing import Any

import pytest

from testkit.doubles import RecordedPause
from testkit.dynamodb import MemoryDynamoDB
from testkit.handlers.aws import EVERYTHING
from testkit.world import World, create_tables, pod

if find_spec("hypothesis"):  # the tests of the benchmarks need none
    from testkit.searching import register_profiles

    register_profiles()


def pytest_make_parametrize_id(val: object) -> str | None:
    """The workers of a run must give a test the same name, and gzip writes the second of the packing."""
    assert not (isinstance(val, bytes) and val[:2] == b"\x1f\x8b" and any(val[4:8])), "compress with mtime=0"
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """In CI a skipped test fails, because it leaves a promise unchecked."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"skipped, where CI is set: {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def _nothing_that_a_role_forbids() -> Iterator[None]:
    """The role of a function in the template allows every AWS request that the function made in any test of
    this process.
    """
    yield
    if not EVERYTHING:
        return
    from tests.template.roles import granted  # noqa: PLC0415 - translates the template, which takes seconds

    forbidden = {
        function: sorted(access for access in used if not access.is_allowed_by(granted(function)))
        for function, used in EVERYTHING.items()
    }
    assert not {function: accesses for function, accesses in forbidden.items() if accesses}


@pytest.fixture
def db() -> MemoryDynamoDB:
    """Empty tables."""
    made = MemoryDynamoDB()
    create_tables(made)
    return made


@pytest.fixture
def pause() -> RecordedPause:
    """A pause that takes no real time."""
    return RecordedPause()


@pytest.fixture
def world() -> World:
    """One pod of eight racks."""
    return World(pods=(pod("pod1", 8),))
