"""Part 5: import times of the handlers, and the size of the layer."""

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
_EDGE: Final = re.compile(r"gpu_capacity\.(?:http|\w+\.api|runtime\.apis)\b")
"""Modules that only functions of an API import."""

LAYER_MB_MAX: Final = 250
LAYER: Final = ROOT / "layers" / "shared"

BARE: Final = "boto3 alone"
PACKAGES: Final = "boto3, pydantic and Powertools"
IMPORT_OF_PACKAGES: Final = (
    "import boto3, pydantic.main, aws_lambda_powertools.logging, aws_lambda_powertools.metrics\n"
)
"""Imports of third-party packages that every function makes."""

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
    """Time to import a module with its dependencies, in ms.

    Args:
        shown: wall-clock time, from ``python -X importtime``.
        processor: processor time; the same on an idle machine.
    """

    shown: float
    processor: float


def import_of(module: str, folder: Path | None = None) -> Import:
    """Measure in a new interpreter with compiled files, without the interpreter's own imports."""
    run = _python(["-X", "importtime", "-c", _IMPORT.format(module=module)], folder)
    shown = next(whole for name, _, whole in _imports(run.stderr) if name == module)
    return Import(shown, float(run.stdout) * 1000)


def imports_of(folders: Mapping[str, Path | None], times: int) -> dict[str, Import]:
    """Return the minimum of several measurements for boto3 (without a folder) and for handlers.

    The measurements alternate, so that other load on the machine disturbs one round of all modules instead of
    all rounds of one.
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
    """Return the slowest module, after measuring it again to confirm that it is.

    Among modules with similar times, the slowest may only have been disturbed in all of its rounds. Updates
    ``taken`` with the repeated measurements.
    """
    confirmed: set[str] = set()
    while (slowest := max(names, key=lambda name: taken[name].processor)) not in confirmed:
        confirmed.add(slowest)
        for name, again in measure_again(slowest).items():
            before = taken[name]
            taken[name] = Import(min(before.shown, again.shown), min(before.processor, again.processor))
    return slowest


def _imports(listing: str) -> list[tuple[str, float, float]]:
    """Parse the output of ``-X importtime``: (module, own ms, ms with its imports)."""
    found = []
    for line in listing.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        whole, _, name = rest.partition("|")
        if own.strip().isdigit():
            found.append((name.strip(), int(own) / 1000, int(whole) / 1000))
    return found


def own_ms_by_package(folder: Path) -> dict[str, float]:
    """Return the wall-clock time (ms) of a handler's import by package."""
    own: dict[str, float] = {}
    for name, ms, _ in _imports(_python(["-X", "importtime", "-c", "import handler"], folder).stderr):
        package = name.split(".")[0]
        own[package] = own.get(package, 0.0) + ms
    return own


def client_ms(folder: Path, times: int) -> float:
    """Return the processor time (ms) to create the DynamoDB client after imports, the minimum of several."""
    return min(float(_python(["-c", _CLIENT], folder).stdout) for _ in range(times)) * 1000


def uncompiled_ms(folder: Path, times: int) -> float:
    """Return the processor time (ms) of the import without compiled files."""
    program = ["-B", "-c", _IMPORT.format(module="handler")]
    with TemporaryDirectory() as empty:
        return min(float(_python(program, folder, cache=empty).stdout) for _ in range(times)) * 1000


def compile_all() -> None:
    """Compile the product's files, as `make build` does.

    With ``PYTHONDONTWRITEBYTECODE`` every import would otherwise compile the product, but not the libraries,
    which were compiled at installation.

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
    """Return the folder of every function's handler, by name."""
    return {path.parent.name: path.parent for path in sorted((ROOT / "functions").glob("*/handler.py"))}


def is_api(folder: Path) -> bool:
    """Whether the function serves the API; others serve workflows and schedules."""
    return _EDGE.search((folder / "handler.py").read_text()) is not None


def layer_bytes() -> dict[str, int]:
    """Return the sizes of the layer's locked distributions and of its own package."""
    names = [
        line.split("==")[0].strip()
        for line in (LAYER / "requirements.txt").read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    ]
    own = sum(path.stat().st_size for path in (LAYER / "gpu_capacity").rglob("*.py"))
    return {name: _installed_bytes(name) for name in names} | {"gpu_capacity": own}


def _installed_bytes(name: str) -> int:
    """Return the size without compiled files; 0 for a requirement of another platform or interpreter."""
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return 0
    found = [Path(str(file.locate())) for file in files if "__pycache__" not in str(file)]
    return sum(path.stat().st_size for path in found if path.is_file())


def measure(options: Options) -> Section:
    """Measure import times, compared with boto3 alone, and the layer's size."""
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
    section.figure(
        "the slowest over boto3 alone", f"{taken[slowest].processor / bare.processor:.2f} times", detail=True
    )
    section.figure(f"import of {PACKAGES}, without a line of ours", f"{packages:.0f} ms", detail=True)
    request = first_request(slowest, chosen[slowest], times)
    section.figure(
        f"first request to `{slowest}`, on top of its import", f"{request.first:.0f} ms", detail=True
    )
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
