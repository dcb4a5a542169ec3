"""What is mutated and what has to notice: `settings.toml` beside this file, as values."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
LAYER: Final = ROOT / "layers" / "shared"
PACKAGE: Final = LAYER / "gpu_capacity"
TESTS: Final = ROOT / "tests"
TESTKIT: Final = ROOT / "testkit"
HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Settings:
    """As in the file; ``modules`` are the files that the patterns match, in order."""

    modules: tuple[Path, ...]
    tests: tuple[str, ...]
    preload: tuple[str, ...]
    first_steps: int
    last_steps: int
    other_steps: int


def load(path: Path = HERE / "settings.toml") -> Settings:
    """Read the settings. Raises what TOML and missing entries raise: the file is part of the project."""
    found = tomllib.loads(path.read_text())
    modules = [
        module
        for module in sorted(PACKAGE.rglob("*.py"))
        if _matches(module, found["modules"]) and not _matches(module, found["except"])
    ]
    return Settings(
        modules=tuple(modules),
        tests=tuple(found["tests"]),
        preload=tuple(found["preload"]),
        first_steps=found["first_steps"],
        last_steps=found["last_steps"],
        other_steps=found["other_steps"],
    )


def short_name(module: Path) -> str:
    """A module as people and the reasons name it: ``placement/choose.py``."""
    return module.relative_to(PACKAGE).as_posix()


def import_name(module: Path) -> str:
    """A module as the code imports it: ``gpu_capacity.placement.choose``."""
    return ".".join(module.relative_to(LAYER).with_suffix("").parts)


def _matches(module: Path, patterns: list[str]) -> bool:
    return any(fnmatch(short_name(module), pattern) for pattern in patterns)
