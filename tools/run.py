"""Run the whole application on this machine: `make run`."""

import argparse
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.local_stack.launch import IRONIC, SIMULATED, Options, run
from tools.local_stack.state import DEFAULT_STATE, IRONIC_STATE, ROOT
from tools.template_parameters import check_names
from tools.whole_numbers import whole

PORT_MAX = 65535


def parse(arguments: list[str]) -> Options:
    """Read the command line. An empty value counts as not given: make passes unset variables so."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument(
        "--port", default="", help="port on loopback, 0 for any free one (PORT=, default 3000)"
    )
    parser.add_argument(
        "--state", default="", help="state folder (STATE=, default .local, or .local/ironic with ironic)"
    )
    parser.add_argument(
        "--provider", default="", help="what holds hosts: simulated or ironic (PROVIDER=, default simulated)"
    )
    parser.add_argument(
        "--venvs", default="", help="folder of the virtual environments (VENVS=, default .venvs)"
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a template parameter; may be repeated",
    )
    parser.add_argument("--no-seed", action="store_true", help="leave the inventory empty")
    found = parser.parse_args(arguments)
    if any("=" not in text for text in found.parameter):
        raise LaunchError("--parameter takes NAME=VALUE")
    parameters = dict(text.split("=", 1) for text in found.parameter)
    check_names(parameters, ROOT / "template.yaml")
    provider = found.provider or SIMULATED
    if provider not in (SIMULATED, IRONIC):
        raise LaunchError(f"PROVIDER must be {SIMULATED} or {IRONIC}")
    return Options(
        port=whole("PORT", found.port or "3000", 0, PORT_MAX),
        state=Path(found.state or (IRONIC_STATE if provider == IRONIC else DEFAULT_STATE)),
        venvs=Path(found.venvs or ROOT / ".venvs"),
        parameters=parameters,
        seed=not found.no_seed,
        provider=provider,
    )


def main() -> int:
    """Run until stopped; one line on stderr and exit code 1 if it cannot start."""
    try:
        run(parse(sys.argv[1:]))
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"the emulator refused a call: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
