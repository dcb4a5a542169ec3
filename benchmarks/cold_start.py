"""Part 5: what importing each handler costs, and how large the layer is."""

from __future__ import annotations

import compileall
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from benchmarks.first_request import first_request
from benchmarks.options import ROOT
from benchmarks.report import Section

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.options import Options

GOAL_MS: Final = 250.0
_EDGE: Final = re.compile(r"gpu_capacity\.(?:http|\w+\.api)\.")
"""What only functions of an API import."""

LAYER_MB_MAX: Final = 250
LAYER: Final = ROOT / "layers" / "shared"

BARE: Final = "boto3 alone"
PACKAGES: Final = "boto3, pydantic and Powertools"
IMPORT_OF_PACKAGES: Final = (
    "import boto3, pydantic.main, aws_lambda_powertools.logging, aws_lambda_powertools.metrics\n"
)
"""The packages that the service is built on, as far as every function imports them."""

_IMPORT: Final = """
import time
began = time.process_time()
import {module}
print(time.process_time() - began)
"""
_CLIENT: Final = """
import time
import handler, boto3
began = time.process_time()
boto3.client("dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
print(time.process_time() - began)
"""


@dataclass(frozen=True, slots=True)
class Import:
    """What importing a module and everything it brings in takes, in ms.

    Args:
        shown: as ``python -X importtime`` shows it: time on the clock.
        processor: of one core; on an idle machine the same.
    """

    shown: float
    processor: float


def import_of(module: str, folder: Path | None = None) -> Import:
    """In a fresh interpreter, with compiled files. The interpreter's own imports are not part of it."""
    run = _python(["-X", "importtime", "-c", _IMPORT.format(module=module)], folder)
    shown = next(whole for name, _, whole in _imports(run.stderr) if name == module)
    return Import(shown, float(run.stdout) * 1000)


def imports_of(folders: Mapping[str, Path | None], times: int) -> dict[str, Import]:
    """The least of several for boto3 (where there is no folder) and for handlers.

    They take turns: other work of the machine then spoils one round of all, and not all rounds of one.
    """
    rounds = [
        {name: import_of("handler" if folder else "boto3", folder) for name, folder in folders.items()}
        for _ in range(times)
    ]
    return {
        name: Import(min(r[name].shown for r in rounds), min(r[name].processor for r in rounds))
        for name in folders
    }


def slowest_confirmed(
    taken: dict[str, Import], names: Sequence[str], measure_again: Callable[[str], Mapping[str, Import]]
) -> str:
    """The slowest of these, once it has been measured twice as often as the others and still is.

    Of many that take about as long the slowest is the one that other work of the machine met in all of its
    rounds. ``taken`` is corrected on the way, by all that is measured again.
    """
    confirmed: set[str] = set()
    while (slowest := max(names, key=lambda name: taken[name].processor)) not in confirmed:
        confirmed.add(slowest)
        for name, again in measure_again(slowest).items():
            before = taken[name]
            taken[name] = Import(min(before.shown, again.shown), min(before.processor, again.processor))
    return slowest


def _imports(listing: str) -> list[tuple[str, float, float]]:
    """(module, own ms, ms with all it imports) of what ``-X importtime`` lists."""
    found = []
    for line in listing.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        whole, _, name = rest.partition("|")
        if own.strip().isdigit():
            found.append((name.strip(), int(own) / 1000, int(whole) / 1000))
    return found


def own_ms_by_package(folder: Path) -> dict[str, float]:
    """Where the time of a handler's import goes, in ms on the clock."""
    own: dict[str, float] = {}
    for name, ms, _ in _imports(_python(["-X", "importtime", "-c", "import handler"], folder).stderr):
        package = name.split(".")[0]
        own[package] = own.get(package, 0.0) + ms
    return own


def client_ms(folder: Path, times: int) -> float:
    """Processor ms to make the DynamoDB client once everything is imported, the least of several."""
    return min(float(_python(["-c", _CLIENT], folder).stdout) for _ in range(times)) * 1000


def uncompiled_ms(folder: Path, times: int) -> float:
    """Processor ms of the import where Python finds no compiled files and cannot keep any."""
    program = ["-B", "-c", _IMPORT.format(module="handler")]
    with TemporaryDirectory() as empty:
        return min(float(_python(program, folder, cache=empty).stdout) for _ in range(times)) * 1000


def compile_all() -> None:
    """Write compiled files of the product, as `make build` does.

    A machine may be told to keep none (``PYTHONDONTWRITEBYTECODE``): every import would then compile all of
    the product, and none of the libraries, which were compiled when they were installed.

    Raises:
        RuntimeError: some file was not compiled.
    """
    for folder in (LAYER, ROOT / "functions"):
        if not compileall.compile_dir(folder, quiet=1):
            raise RuntimeError(f"not compiled: {folder}")


def _python(
    arguments: list[str], folder: Path | None, cache: str | None = None
) -> subprocess.CompletedProcess[str]:
    path = [str(each) for each in (LAYER, folder) if each is not None]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    return subprocess.run(  # noqa: S603 - this interpreter, these programs
        [sys.executable, *arguments],
        env=environment | ({"PYTHONPYCACHEPREFIX": cache} if cache else {}),
        capture_output=True,
        text=True,
        check=True,
    )


def handlers() -> dict[str, Path]:
    """The folder of every function's handler, by name."""
    return {path.parent.name: path.parent for path in sorted((ROOT / "functions").glob("*/handler.py"))}


def is_api(folder: Path) -> bool:
    """Whether the function answers requests; others are steps of workflows and schedules."""
    return _EDGE.search((folder / "handler.py").read_text()) is not None


def layer_bytes() -> dict[str, int]:
    """Size of what the layer's lock installs, by distribution, and of the layer's own package."""
    names = [
        line.split("==")[0].strip()
        for line in (LAYER / "requirements.txt").read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    ]
    own = sum(path.stat().st_size for path in (LAYER / "gpu_capacity").rglob("*.py"))
    return {name: _installed_bytes(name) for name in names} | {"gpu_capacity": own}


def _installed_bytes(name: str) -> int:
    """Without compiled files; 0 for a requirement of another platform or interpreter."""
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return 0
    found = [Path(str(file.locate())) for file in files if "__pycache__" not in str(file)]
    return sum(path.stat().st_size for path in found if path.is_file())


def measure(options: Options) -> Section:
    """Import times beside a bare boto3, and the layer's size."""
    section = Section("Cold start")
    compile_all()
    times = options.sized(5, 1)
    chosen = handlers()
    if options.quick:
        chosen = {name: chosen[name] for name in ("create_reservation", "sync_inventory")}
    with TemporaryDirectory() as folder:
        (Path(folder) / "handler.py").write_text(IMPORT_OF_PACKAGES)
        floors = {BARE: None, PACKAGES: Path(folder)}
        taken = imports_of({**floors, **chosen}, times)
        slowest = slowest_confirmed(
            taken,
            [name for name in chosen if is_api(chosen[name])],
            lambda name: imports_of({**floors, name: chosen[name]}, times),
        )
    bare, packages = taken.pop(BARE), taken.pop(PACKAGES).processor
    section.figure(
        f"import of the slowest API handler (`{slowest}`), one full core",
        f"{taken[slowest].processor:.0f} ms",
        f"{GOAL_MS:.0f} ms",
        met=taken[slowest].processor <= GOAL_MS,
        why=f"{packages:.0f} ms are the three packages that the service is built on.",
    )
    section.figure("import of boto3 alone", f"{bare.processor:.0f} ms", detail=True)
    section.figure("the slowest over boto3 alone", f"{taken[slowest].processor / bare.processor:.2f} times")
    section.figure(f"import of {PACKAGES}, without a line of ours", f"{packages:.0f} ms")
    request = first_request(slowest, chosen[slowest], times)
    section.figure(f"first request to `{slowest}`, on top of its import", f"{request.first:.0f} ms")
    section.text(
        f"Minimum of {times} fresh interpreters (Python {sys.version.split()[0]}), of more for the slowest "
        "handlers, under `-X importtime`, whose own work is counted in. *Shown* is what it says, time on the "
        "clock; *processor* is what one full core needs, and the figure above: the two differ where the "
        "machine had other work. Processor times depend on the processor; the ratio to a bare boto3 does "
        "not, and is what to compare between machines."
    )
    section.text(
        f"The first request takes {request.first:.0f} ms of a core before the network, the second "
        f"{request.second:.1f} ms (an access token, an empty database; answered {request.status}). It makes "
        "the clients for DynamoDB, Step Functions and Lambda, the first of them in "
        f"{client_ms(chosen[slowest], times):.0f} ms, because they need the environment, which importing a "
        "handler does not read; imports what verifies tokens, which calls with API keys and workflows do "
        "without; and builds the validators of the bodies it uses."
    )
    rows = [(BARE, "—", f"{bare.shown:.0f}", f"{bare.processor:.0f}", "—")]
    rows += [
        (
            f"`{name}`",
            "API" if is_api(chosen[name]) else "task",
            f"{took.shown:.0f}",
            f"{took.processor:.0f}",
            f"{took.processor - bare.processor:+.0f}",
        )
        for name, took in sorted(taken.items(), key=lambda item: -item[1].processor)
    ]
    section.table(("import of", "kind", "shown ms", "processor ms", "over boto3"), rows)
    section.text(f"Where the time of `{slowest}` goes, own time by package, from one run:")
    section.table(("package", "ms"), _largest(own_ms_by_package(chosen[slowest])))
    _layer(section, uncompiled_ms(chosen[slowest], times), slowest)
    return section


def _largest(own: dict[str, float]) -> list[tuple[str, str]]:
    largest = sorted(own.items(), key=lambda entry: -entry[1])[:6]
    rest = sum(own.values()) - sum(ms for _, ms in largest)
    return [(f"`{name}`", f"{ms:.0f}") for name, ms in largest] + [("all others", f"{rest:.0f}")]


def _layer(section: Section, uncompiled: float, slowest: str) -> None:
    sizes = layer_bytes()
    megabytes = sum(sizes.values()) / 1e6
    largest = sorted(sizes.items(), key=lambda entry: -entry[1])[:5]
    section.figure(
        "size of the layer, unpacked",
        f"{megabytes:.1f} MB",
        f"{LAYER_MB_MAX} MB (Lambda's limit)",
        met=megabytes <= LAYER_MB_MAX,
    )
    section.text(
        "The layer holds "
        + ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in largest)
        + " and smaller ones, without compiled files. In a function's sandbox a layer cannot be written to: "
        "without them everything is compiled at each cold start, and the import of "
        f"`{slowest}` takes {uncompiled:,.0f} ms."
    )
