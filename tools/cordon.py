"""What takes no new holder: `make cordon [REGION=… [POD=… [DOMAIN=…] | HOST=…]] [REASON='…' | LIFT=1]`.

Without REASON and LIFT it lists what operators have cordoned, in all regions or in REGION; also hosts in
quarantine, and hardware in a maintenance. REASON cordons a region, a pod, a domain (with POD) or a host;
LIFT=1 takes that back, and lifts the quarantine of a host. STACK names a deployed stack, with a token in
TOKEN; without it the command works on the running local stack.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.operator_api import OperatorApi, at, operator_api


def main() -> int:
    """Print the cordons, or one line on stderr."""
    parser = argparse.ArgumentParser(prog="make cordon", description=__doc__)
    parser.add_argument("--region", default="", help="region id (REGION=)")
    parser.add_argument("--pod", default="", help="pod id (POD=)")
    parser.add_argument("--domain", default="", help="id of a domain of the pod (DOMAIN=)")
    parser.add_argument("--host", default="", help="host id (HOST=)")
    parser.add_argument("--reason", default="", help="why it is cordoned (REASON=)")
    parser.add_argument("--lift", default="", help="take the cordon or quarantine back (LIFT=1)")
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
    target = _target(options)
    if options.reason and options.lift:
        raise LaunchError("REASON cordons and LIFT=1 takes back: give one of them")
    if target and not (options.reason or options.lift):
        raise LaunchError("to do what? REASON='…' cordons it, LIFT=1 takes the cordon back")
    if (options.reason or options.lift) and not options.region:
        raise LaunchError("REGION is missing: the id of a region")
    api = operator_api(options.stack, options.state)
    if options.reason:
        wanted = {"target": target, "reason": options.reason}
        return _changed(options.region, [api.call("POST", at("regions", options.region, "cordons"), wanted)])
    if options.lift:
        return _changed(options.region, _lift(api, options.region, target))
    regions = [options.region] if options.region else [r["regionId"] for r in api.call("GET", "/regions")]
    found = {region: api.call("GET", at("regions", region, "cordons")) for region in regions}
    return _describe((region, one) for region, cordons in found.items() for one in cordons)


def _lift(api: OperatorApi, region_id: str, target: Mapping[str, str]) -> list[Any]:
    """Lift the cordon of a target and, of a host, the quarantine: whatever there is."""
    place = at("regions", region_id)
    here = [one["cause"] for one in api.call("GET", f"{place}/cordons") if one["target"] == target]
    changes = []
    if "quarantine" in here:
        changes.append(api.call("DELETE", f"{place}/quarantines{at(target['hostId'])}"))
    if not changes or "cordon" in here:
        query = {f"{name.removesuffix('Id')}ID": value for name, value in target.items()}
        changes.append(api.call("DELETE", f"{place}/cordons", query=query))
    return changes


def _target(options: argparse.Namespace) -> dict[str, str]:
    """What the options name.

    Raises:
        LaunchError: they do not name one thing.
    """
    if options.host and (options.pod or options.domain):
        raise LaunchError("HOST is enough: its id is unique")
    if options.domain and not options.pod:
        raise LaunchError("POD is missing: a domain is named with its pod")
    named = {"podId": options.pod, "domainId": options.domain, "hostId": options.host}
    return {name: value for name, value in named.items() if value}


def _changed(region_id: str, changes: list[Any]) -> str:
    left = _describe((region_id, one) for one in changes[-1]["cordons"])
    return f"{left}\npods written: {sum(change['podsWritten'] for change in changes)}"


def _describe(cordons: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    lines = [f"{region}: {_described(one)}" for region, one in cordons if one["source"] == "operator"]
    return "\n".join(lines) or "nothing is cordoned beside the fleet document"


def _described(cordon: Mapping[str, Any]) -> str:
    cause = {
        "cordon": "",
        "quarantine": " in quarantine",
        "maintenance": f" in maintenance {cordon.get('maintenanceId')}",
    }[cordon["cause"]]
    evidence = f" ({cordon['evidence']})" if "evidence" in cordon else ""
    named = _named(cordon["target"])
    return f"{named}{cause}, since {cordon['since']}, by {cordon['by']}: {cordon['reason']}{evidence}"


def _named(target: Mapping[str, str]) -> str:
    if "hostId" in target:
        return f"host {target['hostId']}"
    if "domainId" in target:
        return f"domain {target['podId']}/{target['domainId']}"
    return f"pod {target['podId']}" if "podId" in target else "the region"


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
