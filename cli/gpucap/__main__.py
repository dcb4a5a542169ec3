"""Runs the program: what `gpucap` does, and `python -m gpucap`."""

from __future__ import annotations

import os
import sys

from gpucap.exits import Ended, Exit


def main() -> None:
    """Run the command line, and end with its exit code."""
    from gpucap.app import app

    try:
        app(prog_name="gpucap")
    except Ended as ended:
        for line in ended.lines:
            print(line, file=sys.stderr)
        sys.exit(ended.code)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        # Who reads has enough, as `head` does. Nothing may be flushed to there when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.DONE)


if __name__ == "__main__":
    main()
