"""Empty tables, and a pause that nobody waits for."""

from __future__ import annotations

import pytest

from tests.fakes.dynamodb import MemoryDynamoDB
from tests.support.fakes import RecordedPause
from tests.support.world import create_tables


@pytest.fixture
def db() -> MemoryDynamoDB:
    made = MemoryDynamoDB()
    create_tables(made)
    return made


@pytest.fixture
def pause() -> RecordedPause:
    return RecordedPause()
