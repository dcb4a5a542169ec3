"""Invoke the scheduled inventory sync of the running local stack once: `make sync`."""

import argparse
import sys
from pathlib import Path

from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.local_stack.launch import clients
from tools.local_stack.sample_data import sync
from tools.local_stack.state import DEFAULT_STATE, State


def main() -> int:
    """Print the sync's answer, or one line on stderr."""
    parser = argparse.ArgumentParser(prog="make sync", description=__doc__)
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    state = State(Path(parser.parse_args().state or DEFAULT_STATE))
    try:
        running = state.read_running()
        print(
            sync(clients(running["emulatorUrl"])("lambda"), running["outputs"]["SyncInventoryFunctionName"])
        )
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
