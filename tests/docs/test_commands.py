"""Commands shown on pages exist, and the README shows a first success within two screens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.docs.test_links import PAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

MAKEFILE: Final = (ROOT / "Makefile").read_text("utf-8")
TARGETS: Final = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
VARIABLES: Final = set(re.findall(r"\$\((\w+)\)", MAKEFILE))
CODE: Final = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
MAKE: Final = re.compile(r"\bmake (?:-s )?([a-z-]+)([^`\n]*)")
MODULE: Final = re.compile(r"python3? -m (tools|proof|benchmarks)((?:\.\w+)*)")
LINES_TO_SUCCESS_MAX: Final = 60


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_exist(page: Path) -> None:
    code = "\n".join(CODE.findall(page.read_text("utf-8")))

    for target, rest in MAKE.findall(code):
        assert target in TARGETS
        assert set(re.findall(r"\b([A-Z]+)=", rest)) <= VARIABLES, (target, rest)
    for package, modules in MODULE.findall(code):
        path = ROOT.joinpath(package, *modules.split(".")[1:])
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), path


def test_the_readme_begins_with_the_two_commands_and_shows_a_success_within_two_screens() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()

    assert lines[lines.index("```sh") + 1].startswith("make run ")
    assert lines[lines.index("```sh") + 2].startswith("make test ")
    assert (
        next(n for n, line in enumerate(lines, 1) if '"provisioningStatus"' in line) <= LINES_TO_SUCCESS_MAX
    )
