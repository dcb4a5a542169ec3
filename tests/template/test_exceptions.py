"""Every exception from a check has its reason."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import yaml

from tests.template.loading import ROOT, TEMPLATE

SENTENCE: Final = 30
"""Characters below which nothing has been explained."""

HARMLESS: Final = ("tests/", "testkit/", "events/", "proof/results/", "tools/local_stack/")
"""What is not deployed, and has texts that look like secrets."""


def test_every_exception_in_the_template_has_its_reason() -> None:
    text = TEMPLATE.read_text(encoding="utf-8")
    exceptions = re.findall(r"# checkov:skip=(\w+):(.+)", text)
    assert len(exceptions) == text.count("checkov:skip") > 0
    for check, reason in exceptions:
        assert len(reason) > SENTENCE, check


def test_every_ignored_rule_of_the_template_linter_has_its_reason_above_it() -> None:
    path = ROOT / ".checkov.yaml"
    skipped = yaml.safe_load(path.read_text(encoding="utf-8"))["skip-check"]
    assert len(set(skipped)) == len(skipped) > 0
    lines = path.read_text(encoding="utf-8").splitlines()
    for check in skipped:
        above = lines[lines.index(f"  - {check}") - 1]
        assert above.startswith("  # "), check


def test_false_positives_of_the_secret_scan_are_all_in_tests_samples_results_or_the_local_stack() -> None:
    baseline: dict[str, Any] = json.loads((ROOT / ".secrets.baseline").read_text(encoding="utf-8"))
    for file, entries in baseline["results"].items():
        assert file.startswith(HARMLESS), file
        assert all(entry["is_secret"] is False for entry in entries), file
