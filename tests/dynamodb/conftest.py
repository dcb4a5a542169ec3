"""Empty tables, and a pause that nobody waits for."""

from __future__ import annotations

import pytest

from testkit.doubles import RecordedPause
from testkit.dynamodb import MemoryDynamoDB
from testkit.world import create_tables


@pytest.fixture
def db() -> MemoryDynamoDB:
    made = MemoryDynamoDB()
    create_tables(made)
    return made


@pytest.fixture
def pause() -> RecordedPause:
    return RecordedPause()
