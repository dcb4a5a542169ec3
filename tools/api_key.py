"""Create, list and revoke API keys of the VM API: `make -s api-key ORG=… [SUBJECT=… | REVOKE=…]`.

With SUBJECT, creates a key for that subject of the organization and prints it. Only its hash is stored, so
it cannot be shown again. SCOPE is read_write (the default), read_only or billing_only, or several separated
by commas; NAME is a label. With REVOKE, deletes the key with that id. With ORG alone, lists the keys of the
organization. STACK names a deployed stack, with a token in TOKEN; without it the command works on
the running local stack.
"""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from gpu_capacity.access import Scope
from gpu_capacity.accounts.api_key import NAME_DEFAULT, NAME_LENGTH_MAX
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.operator_api import OperatorApi, at, operator_api

_USAGE = (
    "usage: make -s api-key ORG=<organization id> "
    "[SUBJECT=<who> SCOPE=<scopes> NAME=<name> | REVOKE=<key id>]"
)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line. An empty value counts as not given: make passes unset variables so."""
    parser = argparse.ArgumentParser(prog="make api-key", description=__doc__)
    parser.add_argument("--org", default="", help="organization id (ORG=)")
    parser.add_argument("--subject", default="", help="subject who gets the key, as in tokens (SUBJECT=)")
    parser.add_argument("--scope", default="", help=f"{', '.join(Scope)} (SCOPE=)")
    parser.add_argument("--name", default="", help="label of the key (NAME=)")
    parser.add_argument("--revoke", default="", help="id of a key, as the list shows it (REVOKE=)")
    parser.add_argument("--stack", default="", help="a deployed stack (STACK=)")
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    return parser.parse_args(arguments)


def check(options: argparse.Namespace) -> None:
    """Raise LaunchError if the options are incomplete or contradict each other.

    SCOPE or NAME without SUBJECT is an error: listing the keys instead would hide the mistake.
    """
    makes = bool(options.scope or options.name)
    if not options.org or (options.revoke and (options.subject or makes)):
        raise LaunchError(_USAGE)
    if makes and not options.subject:
        raise LaunchError(f"SUBJECT= is missing: the subject that gets the key\n{_USAGE}")


def answer(options: argparse.Namespace, api: OperatorApi) -> str:
    """Do what the options ask for and return the lines to print.

    Raises:
        LaunchError: the options are incomplete or contradict each other, or there is no key with that id.
    """
    check(options)
    keys = at("organizations", options.org, "api-keys")
    if options.revoke:
        return f"revoked: {_line(api.call('DELETE', keys + at(options.revoke)))}"
    if not options.subject:
        return "\n".join(_line(key) for key in api.call("GET", keys)) or "no API keys"
    words = [word.strip() for word in (options.scope or Scope.READ_WRITE).split(",")]
    if not set(words) <= set(Scope):
        raise LaunchError(f"SCOPE is one of {', '.join(Scope)}, or several separated by commas")
    if len(options.name) > NAME_LENGTH_MAX or not options.name.isprintable():
        raise LaunchError(f"NAME has at most {NAME_LENGTH_MAX} printable characters")
    wanted = {"subject": options.subject, "scopes": words, "name": options.name or NAME_DEFAULT}
    return str(api.call("POST", keys, wanted)["key"])


def main() -> int:
    """Print the answer, or one line on stderr."""
    options = parse(sys.argv[1:])
    try:
        check(options)
        print(answer(options, operator_api(options.stack, options.state)))
    except (LaunchError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _line(key: Mapping[str, Any]) -> str:
    scopes = ",".join(key["scopes"])
    ending = f"…{key['lastFour']}" if "lastFour" in key else "?"
    state = f"  revoked {_day(key['revocationTime'])}" if "revocationTime" in key else ""
    made = _day(key["creationTime"])
    return f"{key['id']}  {scopes:12}  {made}  {ending:5}  {key['subject']}  {key['name']}{state}"


def _day(moment: str) -> str:
    return moment[: len("2026-01-01")]


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
