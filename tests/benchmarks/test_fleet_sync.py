"""The benchmark of the sync syncs what its report says."""

from __future__ import annotations

from pathlib import Path

from benchmarks.fleet_sync import document, measure
from benchmarks.options import Options
from gpu_capacity.inventory.fleet.parsing import parse


def test_the_documents_have_the_reported_size() -> None:
    region = parse(document(1, 100)).regions["us-tex-1"]

    domains = [domain for pod in region.pods.values() for domain in pod.domains]
    assert (len(region.pods), len(domains), sum(len(d.hosts) for d in domains)) == (2, 100, 1800)


def test_every_document_is_applied_and_only_what_changed_is_written() -> None:
    section = measure(Options(quick=True, plots=Path("unused")))

    assert section.figures[0].name == "CPU seconds of the slowest sync of 200 racks"
    (table,) = [block for block in section.blocks if not isinstance(block, str)]
    assert [row[1] for row in table["rows"]] == ["3", "0", "3"]
