"""``make check``: which tests belong to a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.template.loading import ROOT
from tools import check

if TYPE_CHECKING:
    from pathlib import Path

PRODUCT = "layers/shared/gpu_capacity"


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        (f"{PRODUCT}/vms/create.py", ["tests/vms"]),
        (f"{PRODUCT}/vms/api/models.py", ["tests/vms"]),
        (f"{PRODUCT}/times.py", ["tests/test_times.py"]),
        ("tests/holders/test_ids.py", ["tests/holders/test_ids.py"]),
        ("tests/capacity_claims/golden_requests.py", ["tests/capacity_claims"]),
        ("docs/errors.md", ["tests/docs"]),
        ("LICENSE", []),
        ("tests/vms/test_that_is_gone.py", []),
        ("tests/benchmarks/test_times.py", []),
    ],
)
def test_a_changed_room_is_tested_in_the_folder_of_its_name(changed: str, tests: list[str]) -> None:
    assert check.tests_for([changed], ROOT / "tests") == tests


def test_a_test_within_a_selected_folder_is_not_run_twice() -> None:
    changed = [f"{PRODUCT}/vms/create.py", "tests/vms/test_store.py", "tests/holders/test_ids.py"]
    assert check.tests_for(changed, ROOT / "tests") == ["tests/holders/test_ids.py", "tests/vms"]


@pytest.mark.parametrize("room", sorted(path.parent.name for path in ROOT.glob("layers/*/*/*/__init__.py")))
def test_every_room_has_tests_of_its_name(room: str) -> None:
    assert check.tests_for([f"{PRODUCT}/{room}/module.py"], ROOT / "tests") == [f"tests/{room}"]


def test_the_tests_for_changes_outside_the_package_exist() -> None:
    missing = [
        name for names in check.BESIDE.values() for name in names if not (ROOT / "tests" / name).exists()
    ]
    assert not missing


def test_modified_and_untracked_files_count_as_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "ROOT", tmp_path)
    check._git("init", "--quiet")
    (tmp_path / "kept.py").write_text("1")
    (tmp_path / "changed.py").write_text("1")
    check._git("add", ".")
    check._git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "one")
    (tmp_path / "changed.py").write_text("2")
    (tmp_path / "new.py").write_text("3")

    assert check.changed_since("HEAD") == ["changed.py", "new.py"]
