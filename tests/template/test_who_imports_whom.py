"""The contracts of imports are about all code that there is. What they say is checked by ``make lint``."""

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
    """Every top-level package of the repository, as the code imports it."""
    folders = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("[!.]*/**/*.py")}
    return folders - {"layers"} | {path.parent.name for path in ROOT.glob("layers/*/*/__init__.py")}


def test_every_package_is_under_the_contracts() -> None:
    in_order = [name for layer in CONTRACTS["repository"]["layers"] for name in layer.split(" | ")]
    assert sorted(in_order) == sorted(LINTER["root_packages"]) == sorted(_packages())


def test_every_package_with_modules_of_its_own_is_looked_through_for_circles() -> None:
    """Handlers import the product alone, as the order of packages says, so they make none."""
    assert set(CONTRACTS["circles"]["ancestors"]) == _packages() - {"functions"}


def test_every_room_from_the_fleet_on_is_pure() -> None:
    layers = CONTRACTS["rooms"]["layers"]
    below = {room for layer in layers[layers.index("fleet") :] for room in layer.split(" | ")}
    assert {source.split(".")[1] for source in CONTRACTS["pure"]["source_modules"]} == below


@pytest.mark.parametrize("contract", ["pure", "services"])
def test_what_knows_no_library_imports_none_that_no_contract_names(contract: str) -> None:
    """The linter forbids libraries by name; here it is whatever is not the standard library."""
    rooms = tuple(source.removesuffix(".*") for source in CONTRACTS[contract]["source_modules"])
    graph = grimp.build_graph(PRODUCT, include_external_packages=True, cache_dir=None)
    modules = [module for module in graph.modules if module.startswith(rooms)]
    libraries = {
        f"{module} -> {imported}"
        for module in modules
        for imported in graph.find_modules_directly_imported_by(module)
        if imported.partition(".")[0] not in {PRODUCT, *sys.stdlib_module_names}
    }
    assert modules
    assert libraries == set(CONTRACTS[contract].get("ignore_imports", ()))
