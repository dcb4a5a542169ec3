"""What holds for all tests together."""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - pytest reads the annotations of fixtures

import pytest

from tests.functional.aws import EVERYTHING


@pytest.fixture(scope="session", autouse=True)
def _nothing_that_a_role_forbids() -> Iterator[None]:
    """Whatever a function asked AWS for in any test of this process, its role in the template allows."""
    yield
    if not EVERYTHING:
        return
    from tests.template.roles import granted  # noqa: PLC0415 - translates the template, which takes seconds

    forbidden = {
        function: sorted(access for access in used if not access.is_allowed_by(granted(function)))
        for function, used in EVERYTHING.items()
    }
    assert not {function: accesses for function, accesses in forbidden.items() if accesses}
