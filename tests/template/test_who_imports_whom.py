"""The import contracts cover all code. ``make lint`` checks what they say."""

from __future__ import annotations

import sys
import tomllib
from typing import Any, Final

import grimp
import pytest

from tests.template.loading import ROOT

SETTINGS: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LINTER: Final = SETTINGS["tool"]["importlinter"]
CONTRACTS: Final[dict[str, dict[str, Any]]] = {contract["id"]: contract for contract in LINTER["contracts"]}
PRODUCT: Final = "gpu_capacity"


def _packages() -> set[str]:
    """Every top-level package of the repository, as the code imports it.

    What is in ``cli`` is installed by itself, and ``tests/cli`` checks what it imports.
    """
    folders = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("[!.]*/**/*.py")}
    return folders - {"layers", "cli"} | {path.parent.name for path in ROOT.glob("layers/*/*/__init__.py")}


def test_every_package_is_under_the_contracts() -> None:
    in_order = [name for layer in CONTRACTS["repository"]["layers"] for name in layer.split(" | ")]
    assert sorted(in_order) == sorted(LINTER["root_packages"]) == sorted(_packages())


def test_every_package_with_modules_is_checked_for_import_cycles() -> None:
    """Handlers import only the product, as the order of packages says, so they form no cycle."""
    assert set(CONTRACTS["circles"]["ancestors"]) == _packages() - {"functions"}


def test_records_and_placement_rules_are_pure() -> None:
    pure = set(CONTRACTS["pure"]["source_modules"])
    records = {".".join(path.parts[-3:-1]) + ".record" for path in ROOT.glob("layers/*/*/*/record.py")}
    assert records | {f"{PRODUCT}.placement", f"{PRODUCT}.inventory.model", f"{PRODUCT}.errors"} <= pure


def test_every_noun_with_an_api_is_in_the_contracts() -> None:
    apis = {f"{PRODUCT}.{path.parent.name}" for path in ROOT.glob("layers/*/*/*/api")}
    assert apis == set(CONTRACTS["columns"]["containers"])
    assert {f"{noun}.api" for noun in apis} | {f"{PRODUCT}.http"} == set(CONTRACTS["edge"]["source_modules"])


@pytest.mark.parametrize("contract", ["pure", "use-cases"])
def test_pure_modules_import_no_library_beyond_the_listed_ones(contract: str) -> None:
    """The linter forbids libraries by name; this test covers whatever is not the standard library."""
    rooms = tuple(source.removesuffix(".*") for source in CONTRACTS[contract]["source_modules"])
    graph = grimp.build_graph(PRODUCT, include_external_packages=True, cache_dir=None)
    modules = [module for module in graph.modules if module.startswith(rooms) and ".api" not in module]
    libraries = {
        f"{module} -> {imported}"
        for module in modules
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.partition(".")[0] not in {PRODUCT, *sys.stdlib_module_names}
    }
    assert modules
    named = {line for line in CONTRACTS[contract].get("ignore_imports", ()) if f"-> {PRODUCT}" not in line}
    assert libraries == named
