"""Create, list and revoke API keys of the VM API: `make -s api-key ORG=… [SUBJECT=… | REVOKE=…]`.

With SUBJECT, creates a key for that subject of the organization and prints it. Only its hash is stored, so
it cannot be shown again. SCOPE is read_write (the default), read_only or billing_only, or several separated
by commas; NAME is a label. With REVOKE, deletes the key with that id. With ORG alone, lists the keys of the
organization. STACK names a deployed stack, in the account and region of the usual AWS settings; without it
the command works on the running local stack.
"""

import argparse
import getpass
import sys

from botocore.exceptions import BotoCoreError, ClientError

from gpu_capacity.access import Scope
from gpu_capacity.accounts.account import Account
from gpu_capacity.accounts.api_key import NAME_DEFAULT, NAME_LENGTH_MAX, ApiKey
from gpu_capacity.accounts.api_keys import ApiKeyIssuer
from gpu_capacity.accounts.store import AccountStore
from gpu_capacity.adapters.system import SystemClock, SystemIds
from gpu_capacity.dynamodb.database import Database
from gpu_capacity.errors import CapacityError
from gpu_capacity.times import rfc3339
from tools.interrupts import heed_interrupts
from tools.local_stack.errors import LaunchError
from tools.operator_stack import Stderr, stack_of

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


def answer(options: argparse.Namespace, book: ApiKeyIssuer) -> str:
    """Do what the options ask for and return the lines to print.

    Raises:
        LaunchError: the options are incomplete or contradict each other.
        NotFound: there is no key with that id.
    """
    check(options)
    if options.revoke:
        return f"revoked: {_line(book.revoke(options.org, options.revoke))}"
    if not options.subject:
        return "\n".join(_line(key) for key in book.of_organization(options.org)) or "no API keys"
    words = [word.strip() for word in (options.scope or Scope.READ_WRITE).split(",")]
    if not set(words) <= set(Scope):
        raise LaunchError(f"SCOPE is one of {', '.join(Scope)}, or several separated by commas")
    if len(options.name) > NAME_LENGTH_MAX or not options.name.isprintable():
        raise LaunchError(f"NAME has at most {NAME_LENGTH_MAX} printable characters")
    account = Account(options.org, options.subject)
    return book.create(account, [Scope(word) for word in words], options.name or NAME_DEFAULT)[0]


def main() -> int:
    """Print the answer, or one line on stderr."""
    options = parse(sys.argv[1:])
    try:
        check(options)
        client, outputs = stack_of(options.stack, options.state)
        book = ApiKeyIssuer(
            accounts=AccountStore(Database(client), outputs["HoldersTableName"]),
            clock=SystemClock(),
            ids=SystemIds(),
            telemetry=Stderr(),
            actor=f"operator:{getpass.getuser()}",
        )
        print(answer(options, book))
    except (LaunchError, CapacityError, ClientError, BotoCoreError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _line(key: ApiKey) -> str:
    scopes = ",".join(key.scopes)
    ending = f"…{key.last_four}" if key.last_four else "?"
    state = "" if key.revoked_at is None else f"  revoked {_day(key.revoked_at)}"
    return f"{key.id}  {scopes:12}  {_day(key.created_at)}  {ending:5}  {key.subject}  {key.name}{state}"


def _day(seconds: int) -> str:
    return rfc3339(seconds)[: len("2026-01-01")]


if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
