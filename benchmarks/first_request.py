"""Measures the first request to a function, in addition to its import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.options import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LAYER: Final = ROOT / "layers" / "shared"

# Clients are real except for sending: the first request includes their creation, but no network. Logs go to
# stderr.
_PROGRAM: Final = """
import json, os, sys, time
import handler
import botocore.client

def answer(_client, _operation, _parameters):
    return {"Attributes": {"count": {"N": "1"}}, "Items": [], "Responses": {}, "UnprocessedKeys": {}}

class Context:
    function_name = "f"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:us-east-1:0:function:f"
    aws_request_id = "r"

    def get_remaining_time_in_millis(self):
        return 20_000

botocore.client.BaseClient._make_api_call = answer
shown = os.dup(1)
os.dup2(2, 1)
taken = []
for event in json.loads(sys.argv[1]):
    began = time.process_time()
    status = handler.lambda_handler(event, Context())["statusCode"]
    taken.append((time.process_time() - began) * 1000)
os.write(shown, json.dumps([status, *taken]).encode())
"""


@dataclass(frozen=True, slots=True)
class FirstRequest:
    """Processor time of requests to one environment, in ms. ``status`` is the second one's."""

    status: int
    first: float
    second: float


def first_request(function: str, folder: Path, times: int) -> FirstRequest:
    """Return the minimum of several environments, each with an empty database and an access token."""
    # Imported here, because only the environments of tests and benchmarks have these packages.
    from testkit.handlers import sample_events  # noqa: PLC0415 - see above
    from testkit.handlers.authority import Authority  # noqa: PLC0415 - see above
    from testkit.handlers.stage import default_settings  # noqa: PLC0415 - see above
    from testkit.handlers.vm_stage import NOUNS  # noqa: PLC0415 - see above

    authority = Authority(NOUNS)
    case = min((ROOT / "events" / function).glob("*.json")).stem
    event = sample_events.with_tokens(sample_events.read(function, case), authority.token)
    event = sample_events.with_headers(event, authorization=f"Bearer {authority.token('member')}")
    runs = [_run(folder, event, default_settings(authority)) for _ in range(times)]
    return FirstRequest(runs[0].status, min(run.first for run in runs), min(run.second for run in runs))


def _run(folder: Path, event: dict[str, Any], settings: dict[str, str]) -> FirstRequest:
    done = subprocess.run(  # noqa: S603 - this interpreter, this program
        [sys.executable, "-c", _PROGRAM, json.dumps([event, event])],
        env={
            **os.environ,
            **settings,
            "PYTHONPATH": os.pathsep.join((str(LAYER), str(folder))),
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": "us-east-1",
            "POWERTOOLS_TRACE_DISABLED": "true",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    status, first, second = json.loads(done.stdout)
    return FirstRequest(status, first, second)
