from __future__ import annotations

import re
from pathlib import Path

from gpu_capacity.errors import FeedRefusal
from gpu_capacity.inventory.fleet.document import schema_text
from gpu_capacity.inventory.fleet.parsing import parse

PUBLISHED = Path(__file__).parents[3] / "docs" / "fleet-document.schema.json"


def test_the_published_schema_is_the_enforced_one() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text()


def test_the_example_of_the_documentation_is_valid() -> None:
    (example,) = re.findall(
        r"```json\n(.*?)```", PUBLISHED.with_name("fleet-document.md").read_text("utf-8"), re.DOTALL
    )

    assert parse(example.encode()).sequence == 4711


def test_the_documentation_names_every_refusal() -> None:
    text = PUBLISHED.with_name("fleet-document.md").read_text("utf-8")

    assert [code for code in FeedRefusal if f"`{code.value}`" not in text] == []
