"""Print a sample event, complete, with a fresh token: `make -s event NAME=create_reservation/full`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from testkit.handlers import sample_events
from testkit.handlers.authority import claims
from tools.interrupts import heed_interrupts
from tools.local_stack import issuer
from tools.local_stack.errors import LaunchError
from tools.local_stack.state import DEFAULT_STATE, State


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line. An empty value counts as not given: make passes unset variables so."""
    parser = argparse.ArgumentParser(prog="make event", description=__doc__)
    parser.add_argument("--name", default="", help="<function>/<case>, as in events/ (NAME=)")
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    return parser.parse_args(arguments)


def check(name: str) -> None:
    """Raise LaunchError if there is no such event; it lists the cases of the function, or the functions."""
    cases = sample_events.cases()
    function, _, case = name.partition("/")
    if (function, case) in cases:
        return
    problem = f"there is no event {name}" if name else "usage: make -s event NAME=<function>/<case> [STATE=]"
    if there := [case for owner, case in cases if owner == function]:
        raise LaunchError(f"{problem}\ncases of {function}: {', '.join(there)}")
    functions = ", ".join(dict.fromkeys(function for function, _ in cases))
    raise LaunchError(f"{problem}\nfunctions that have events: {functions}")


def event(name: str, state: State) -> dict[str, Any]:
    """Return the complete event, with a token of the development issuer for the profile that it names."""
    function, _, case = name.partition("/")

    def mint(profile: str) -> str:
        issuer.ensure_key(state.issuer_key)
        return issuer.sign(state.issuer_key, claims(profile))

    return sample_events.with_tokens(sample_events.read(function, case), mint)


def main() -> int:
    """Print the event alone, or an error on stderr."""
    options = parse(sys.argv[1:])
    try:
        check(options.name)
        complete = event(options.name, State(Path(options.state or DEFAULT_STATE)))
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(complete, indent=2))
    return 0


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
