"""The files of the pages: small, of this project or vendored as published, and never markup from data."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "functions" / "serve_console"
CONSOLE, DOCS = ROOT / "console", ROOT / "docs"
MODULES = sorted(path.name for path in CONSOLE.glob("*.js"))
BYTES_MAX = 150_000
LINES_MAX = 400


def test_the_console_is_small() -> None:
    assert sum(path.stat().st_size for path in CONSOLE.iterdir()) <= BYTES_MAX


@pytest.mark.parametrize("name", MODULES)
def test_a_module_makes_nodes_and_no_markup(name: str) -> None:
    text = (CONSOLE / name).read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser", text
    )
    assert text.count("\n") < LINES_MAX


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_what_exists(name: str) -> None:
    text = (CONSOLE / name).read_text(encoding="utf-8")
    for names, source in re.findall(
        r'^import (?:\{([^}]*)\}|\* as \w+) from "\./([\w.]+)";$', text, re.MULTILINE
    ):
        exported = (CONSOLE / source).read_text(encoding="utf-8")
        for one in filter(None, (part.strip() for part in names.split(","))):
            assert re.search(rf"^export (async )?(function|const|class) {one}\b", exported, re.MULTILINE), one
            assert len(re.findall(rf"\b{one}\b", text)) > 1, f"{one} is not used"


@pytest.mark.parametrize("path", [*CONSOLE.glob("*.js"), DOCS / "page.js"], ids=lambda path: path.name)
def test_a_script_is_javascript(path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node: the tests in a browser run the scripts")
    kind = "commonjs" if path.parent == DOCS else "module"
    text = path.read_text(encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - a file of this repository, which is not run
        [node, "--check", f"--input-type={kind}", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["console", "docs"])
def test_a_page_has_no_script_style_or_address_of_its_own(page: str) -> None:
    text = (ROOT / page / "index.html").read_text(encoding="utf-8")
    assert "<style" not in text
    assert not re.search(r"\s(on\w+|style)=", text)
    assert all(re.search(r"\ssrc=", tag) for tag in re.findall(r"<script[^>]*>", text))
    assert "//" not in text.replace("<!doctype", "")
    for name in re.findall(r'(?:src|href)="(?:console|docs)/([\w.-]+)"', text):
        assert (ROOT / "console" / name).exists() or (ROOT / "docs" / name).exists()


def test_the_viewer_is_as_published() -> None:
    vendored = json.loads((DOCS / "vendored.json").read_text(encoding="utf-8"))
    assert vendored["license"] == "Apache-2.0"
    digests = {name: hashlib.sha256((DOCS / name).read_bytes()).hexdigest() for name in vendored["files"]}
    assert digests == vendored["files"]
    others = {"index.html", "page.js", "openapi.json", "vendored.json"}
    assert {path.name for path in DOCS.iterdir()} == set(vendored["files"]) | others
