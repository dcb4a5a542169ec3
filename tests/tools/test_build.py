"""What `make build` does beyond `sam build`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.build import compile_layers, parameters, run_build


@pytest.fixture
def build(tmp_path: Path) -> Path:
    for folder in ("SharedLayer/python/product", "SomeFunction"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "module.py").write_text("def place():\n    return __file__\n")
    return tmp_path


def compiled(folder: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(folder / "module.py")))


def test_the_layer_is_compiled_and_functions_are_unchanged(build: Path) -> None:
    assert compile_layers(build, sys.executable, dict(os.environ))

    assert compiled(build / "SharedLayer/python/product").is_file()
    assert not compiled(build / "SomeFunction").exists()


def test_the_same_sources_give_the_same_files_whenever_they_are_built(build: Path) -> None:
    folder = build / "SharedLayer/python/product"
    compile_layers(build, sys.executable, dict(os.environ))
    first = compiled(folder).read_bytes()
    os.utime(folder / "module.py", (1, 1))
    compile_layers(build, sys.executable, dict(os.environ))

    assert compiled(folder).read_bytes() == first
    assert str(build).encode() not in first
    assert b"/opt/python/product/module.py" in first


def test_compiled_files_are_used_although_the_archive_changes_all_times(build: Path) -> None:
    folder = build / "SharedLayer/python/product"
    compile_layers(build, sys.executable, dict(os.environ))
    os.utime(folder / "module.py", (1, 1))

    shown = subprocess.run(
        [sys.executable, "-v", "-c", "import module"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stderr

    assert f"code object from '{compiled(folder)}'" in shown


def test_a_missing_interpreter_is_reported(build: Path) -> None:
    assert not compile_layers(build, "python-that-is-not-there", dict(os.environ))


def sam_that_says(*lines: str, code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"import sys; sys.stderr.write({chr(10).join(lines)!r}); sys.exit({code})"]


def test_only_the_warning_about_functions_without_requirements_is_left_out(
    capfd: pytest.CaptureFixture[str],
) -> None:
    expected = "requirements.txt file not found. Continuing the build without dependencies."
    other = "requirements.txt file not found in the layer."

    assert run_build(sam_that_says("Building", expected, other, f"{expected} "), dict(os.environ)) == 0

    assert capfd.readouterr().err == f"Building\n{other}\n"


def test_a_failed_build_exits_with_its_own_code(capfd: pytest.CaptureFixture[str]) -> None:
    assert run_build(sam_that_says("Build Failed", code=3), dict(os.environ)) == 3
    assert "Build Failed" in capfd.readouterr().err


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "module.py").write_text("a = 1\n")
    return tmp_path


def release(root: Path, **configured: str) -> str:
    return parameters("deploy", configured, "python3.13", root)["Release"]


def test_deploying_the_same_again_is_no_new_release(sources: Path) -> None:
    assert release(sources, LogLevel="INFO") == release(sources, LogLevel="INFO")


def test_other_sources_are_a_new_release(sources: Path) -> None:
    before = release(sources)
    (sources / "layers" / "module.py").write_text("a = 2\n")
    assert release(sources)[:10] != before[:10]


def test_another_parameter_alone_is_a_new_release(sources: Path) -> None:
    assert release(sources, LogLevel="INFO")[:10] != release(sources, LogLevel="DEBUG")[:10]


def test_a_release_configured_earlier_is_replaced(sources: Path) -> None:
    assert release(sources, Release="configured0") != "configured0"


def test_a_build_has_no_release(sources: Path) -> None:
    assert parameters("build", {"Architecture": "arm64"}, "python3.13", sources) == {
        "Architecture": "arm64",
        "PythonRuntime": "python3.13",
    }
