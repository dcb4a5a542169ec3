"""Print a bearer token of the development issuer: `make -s token ORG=… PROJECT=…`."""

import argparse
import re
import sys
from pathlib import Path

from tools.interrupts import heed_interrupts
from tools.local_stack import issuer
from tools.local_stack.errors import LaunchError
from tools.local_stack.state import DEFAULT_STATE, State
from tools.whole_numbers import whole


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line. An empty value counts as not given: make passes unset variables so."""
    parser = argparse.ArgumentParser(prog="make token", description=__doc__)
    parser.add_argument("--org", default="", help="organization id (ORG=)")
    parser.add_argument("--project", default="", help="project id (PROJECT=)")
    parser.add_argument(
        "--permissions",
        default="",
        help="separated by commas or spaces (PERMISSIONS=); "
        f"default: {' '.join(issuer.CUSTOMER_PERMISSIONS)}; "
        f"{issuer.OPERATOR_PERMISSION!r} only if named",
    )
    parser.add_argument("--subject", default="", help="the caller (SUBJECT=)")
    parser.add_argument("--ttl", default="", help="lifetime in seconds (TTL=)")
    parser.add_argument("--state", default="", help="state folder of the local stack (STATE=)")
    return parser.parse_args(arguments)


def token(options: argparse.Namespace) -> str:
    """Sign the token that the options describe; LaunchError if they are incomplete or there is no key yet."""
    if not options.org or not options.project:
        raise LaunchError(
            "usage: make -s token ORG=<organization id> PROJECT=<project id> "
            "[PERMISSIONS= SUBJECT= TTL= STATE=]"
        )
    ttl = options.ttl or str(issuer.LIFETIME_SECONDS_DEFAULT)
    permissions = [word for word in re.split(r"[,\s]+", options.permissions) if word]
    known = (*issuer.CUSTOMER_PERMISSIONS, issuer.OPERATOR_PERMISSION)
    if unknown := [word for word in permissions if word not in known]:
        raise LaunchError(f"PERMISSIONS: there is no {unknown[0]!r}: they are {', '.join(known)}")
    return issuer.mint(
        State(Path(options.state or DEFAULT_STATE)).issuer_key,
        organization=options.org,
        project=options.project,
        permissions=permissions or issuer.CUSTOMER_PERMISSIONS,
        subject=options.subject or "developer@example.com",
        lifetime_seconds=whole("TTL", ttl, 1, issuer.LIFETIME_SECONDS_MAX),
    )


def main() -> int:
    """Print the token and nothing else, or one line on stderr."""
    try:
        print(token(parse(sys.argv[1:])))
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
