"""Show or set an organization's quota: `make quota ORG=… SUBJECT=… [LIMIT=…] [STACK=…]`.

SUBJECT is what the quota counts: an accelerator (its units), `instances` (of capacity claims),
`placement_servers` (the servers of placements), `vms` or `vm_gpus` (the GPUs of VMs). Without LIMIT the
command shows the quota; LIMIT=none removes it, so that the default applies, if there is one. STACK names a
deployed stack, with a token in TOKEN; without it the command works on the running local stack.
"""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gpu_capacity.operations.set_quota import LIMIT_MAX
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.operator_api import at, operator_api
from tools.whole_numbers import whole

_NONE = "none"
_USAGE = (
    "usage: make quota ORG=<organization id> "
    "SUBJECT=<accelerator|instances|placement_servers|vms|vm_gpus> [LIMIT=]"
)


def main() -> int:
    """Print the quota, or one line on stderr."""
    parser = argparse.ArgumentParser(prog="make quota", description=__doc__)
    parser.add_argument("--org", default="", help="organization id (ORG=)")
    parser.add_argument("--subject", default="", help="an accelerator, or instances (SUBJECT=)")
    parser.add_argument("--limit", default="", help="how many it may own in all, or none (LIMIT=)")
    parser.add_argument("--stack", default="", help="a deployed stack (STACK=)")
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    options = parser.parse_args()
    try:
        print(_run(options))
    except (LaunchError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> str:
    if not options.org or not options.subject:
        raise LaunchError(_USAGE)
    limit = None
    if options.limit not in ("", _NONE):
        limit = whole("LIMIT", options.limit, 0, LIMIT_MAX)
    api, quotas = operator_api(options.stack, options.state), at("organizations", options.org, "quotas")
    if not options.limit:
        known = [one for one in api.call("GET", quotas) if one["subject"] == options.subject]
        return _describe(known[0]) if known else "no quota of its own"
    change = api.call("PUT", quotas + at(options.subject), {"limit": limit})
    return f"{_describe(change)}; earlier ones counted in: {change['countedIn']}"


def _describe(quota: Mapping[str, Any]) -> str:
    if "limit" not in quota:
        return f"{quota['subject']}: {quota['used']} in use, no quota of its own"
    return f"{quota['subject']}: {quota['used']} of {quota['limit']} in use"


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
