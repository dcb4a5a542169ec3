"""Runs inside the emulator's own environment: the emulator, which stops cleanly when its launcher is gone.

The launcher holds the other end of stdin. When it ends, for whatever reason, stdin reaches its end and the
emulator gets the one signal on which it saves its state.
"""

import os
import runpy
import signal
import sys
import threading


def stop_with_launcher() -> None:
    """Wait until the launcher is gone, then ask this process to stop."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=stop_with_launcher, daemon=True).start()
    runpy.run_module("ministack", run_name="__main__")
