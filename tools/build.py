"""`sam build` of the template as it would be deployed: `make build`.

`sam` needs an interpreter of the version that it builds for. If the machine lacks the template's, `make
build` builds for an installed one and prints a note; `make deploy` stops and asks for RUNTIME instead.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tools import template_parameters
from tools.interrupts import heed_interrupts
from tools.local_stack.build import fingerprint
from tools.local_stack.errors import LaunchError
from tools.local_stack.state import ROOT


def default_runtime(template: Path) -> str:
    """Return the runtime that the template names by default, such as `python3.13`."""
    runtime: str = template_parameters.parameters(template)["PythonRuntime"]["Default"]
    return runtime


def environment_of(more: Sequence[str]) -> str:
    """Return which section of samconfig.toml the options for `sam` ask for (`--config-env`)."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-env", default="default")
    found: str = parser.parse_known_args(more)[0].config_env
    return found


def configured_overrides(samconfig: Path, command: str, section: str = "default") -> dict[str, str]:
    """Return the template parameters that a section of samconfig.toml sets for `sam build` or `sam deploy`.

    `--parameter-overrides` on the command line replaces them all, so the command line has to repeat them.

    Raises:
        LaunchError: there is no such section.
    """
    content = tomllib.loads(samconfig.read_text(encoding="utf-8"))
    if section not in content:
        raise LaunchError(f"samconfig.toml has no section {section}")
    sections = content[section]
    found: list[str] | str = []
    for part in ("global", command):
        found = sections.get(part, {}).get("parameters", {}).get("parameter_overrides", found)
    words = shlex.split(found) if isinstance(found, str) else found
    return dict(word.split("=", 1) for word in words)


def works(interpreter: str) -> bool:
    """Tell whether a command of this name starts: version managers leave shims that do not."""
    try:
        done = subprocess.run([interpreter, "-c", ""], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


def choose(template: Path, wanted: str, *, fall_back: bool) -> str:
    """Return the runtime to build for: the wanted one, else the template's, else this interpreter's.

    Raises:
        LaunchError: the machine cannot build for it, and may not or cannot fall back.
    """
    runtime = wanted or default_runtime(template)
    if works(runtime):
        return runtime
    own = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if wanted or not fall_back:
        raise LaunchError(
            f"{runtime} does not run on this machine, and `sam build` needs it: "
            f"install it, or choose RUNTIME={own}"
        )
    print(f"{runtime} does not run on this machine: building for {own} (RUNTIME= chooses)", file=sys.stderr)
    return own


def compile_layers(build: Path, interpreter: str, environment: dict[str, str]) -> bool:
    """Compile the layer's modules; return whether the interpreter could be started.

    Functions cannot write to a layer, so without compiled files every cold start would compile what it
    imports. The files do not depend on modification times, and the same sources give the same bytes, so that
    an unchanged layer is not published again.
    """
    command = [interpreter, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    try:
        for layer in sorted(each.parent for each in build.glob("*/python")):
            # With the paths that the files will have in a function: tracebacks show them.
            places = ["-s", str(layer), "-p", "/opt", str(layer / "python")]
            subprocess.run([*command, *places], env=environment, check=False)
    except FileNotFoundError:
        return False
    return True


def parameters(
    command: str, configured: Mapping[str, str], runtime: str, root: Path = ROOT
) -> dict[str, str]:
    """Return the template parameters of a command, from those that samconfig.toml sets for it.

    A deployment gets a `Release` that changes with sources and parameters: functions of the API serve a
    published version, and only a new release publishes one.
    """
    values = {**configured, "PythonRuntime": runtime}
    if command == "deploy":
        values["Release"] = fingerprint(root, json.dumps(values, sort_keys=True))[:16]
    return values


# `sam` prints this for every function without a requirements file; here the layer has all packages.
EXPECTED = "requirements.txt file not found. Continuing the build without dependencies."


def without_expected(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of `sam build` except the expected ones."""
    return (line for line in lines if line.rstrip() != EXPECTED)


def run_build(command: list[str], environment: dict[str, str]) -> int:
    """Run `sam build`, print its messages except the expected ones, and return its exit code."""
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        for line in without_expected(process.stderr or ()):
            sys.stderr.write(line)
    return process.returncode


def main() -> int:
    """Build into .aws-sam, pass everything after `--` to the command, and end with its exit code."""
    parser = argparse.ArgumentParser(prog="make build", description=__doc__)
    parser.add_argument("--sam", required=True, help="the sam command")
    parser.add_argument("--runtime", default="", help="python3.x (RUNTIME=)")
    parser.add_argument("--deploy", action="store_true", help="deploy afterwards, as samconfig.toml says")
    parser.add_argument("more", nargs="*", help="further options of the last command (ARGS=)")
    options = parser.parse_args()
    try:
        section = environment_of(options.more)
        samconfig = ROOT / "samconfig.toml"
        overrides = {name: configured_overrides(samconfig, name, section) for name in ("build", "deploy")}
        for given in overrides.values():
            template_parameters.check_names(given, ROOT / "template.yaml")
        wanted = options.runtime or overrides["deploy"].get("PythonRuntime", "")
        runtime = choose(ROOT / "template.yaml", wanted, fall_back=not options.deploy)
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    # `sam` may also use the interpreter that runs this.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    environment = {"SAM_CLI_TELEMETRY": "0", **os.environ, "PATH": path}
    commands = ["build", "deploy"] if options.deploy else ["build"]
    for command in commands:
        values = parameters(command, overrides[command], runtime)
        arguments = ["--parameter-overrides", *(f"{name}={value}" for name, value in values.items())]
        more = options.more if command == commands[-1] else []
        full = [options.sam, command, *arguments, *more]
        if command == "build":
            code = run_build(full, environment)
        else:
            code = subprocess.run(full, cwd=ROOT, env=environment, check=False).returncode
        if code:
            return code
        if command == "build" and not compile_layers(ROOT / ".aws-sam" / "build", runtime, environment):
            print(f"{runtime} does not run on this machine: the layer is not compiled", file=sys.stderr)
    return 0


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
