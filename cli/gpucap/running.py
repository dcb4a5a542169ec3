"""Carries out a command: asks the service, waits, and prints the answer."""

from __future__ import annotations

import json
import secrets
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity_client.client import Client
from gpu_capacity_client.document import KEY, operations
from gpu_capacity_client.refusals import Refused, Unreachable
from gpucap import options, profiles, showing, surroundings
from gpucap.exits import BY_KIND, Ended, Exit, usage
from gpucap.looks import Goal
from gpucap.nouns import NOUNS
from gpucap.progress import shown_progress
from gpucap.verbs import MADE_UP
from gpucap.waiting import Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gpu_capacity_client.document import Operation
    from gpucap.looks import Kind
    from gpucap.profiles import Profile
    from gpucap.verbs import Verb

OPERATORS: Final = "/operator/"
IF_MATCH: Final = "If-Match"
"""Operations under this path look at all organizations: a profile's own would narrow them."""


def run_verb(noun_name: str, verb_name: str, values: dict[str, Any]) -> None:
    """Carry out the operation of a verb. ``values`` are those of its options and arguments.

    Raises:
        Ended: the command line cannot be carried out, or the service said no.
    """
    noun = NOUNS[noun_name]
    verb = noun.verbs[verb_name]
    operation = operations()[verb.operation]
    as_json: bool = values["as_json"]
    with connected(values["profile"], as_json=as_json, public=operation.public) as (client, profile):
        filled = with_profile(operation, verb, values, profile)
        parameters = options.parameters(operation, verb, filled)
        body = _body(client, operation, verb, filled, parameters)
        if operation.is_keyed:
            parameters[KEY] = filled.get(options.identifier("idempotency-key")) or str(uuid.uuid4())
        answer = _asked(client, operation, parameters, body)
        shown = answer
        if parameters.get("dryRun"):
            showing.say("dry run: this is what you would get; nothing was written")
        elif values.get("wait") and noun.kind is not None and verb.goal is not None:
            identity = _identity(noun.kind, parameters, answer)
            shown = _waited(client, noun.kind, identity, verb.goal, values, where(noun.kind, filled))
        if shown is not None:
            _print(verb, shown, as_json=as_json)
        elif answer is None and not values.get("wait"):
            showing.say(
                f"accepted: the {noun.kind.name} is going"
                if verb.goal is Goal.GONE and noun.kind
                else "accepted"
            )


def run_wait(noun_name: str, values: dict[str, Any]) -> None:
    """Wait for a holder that is there already.

    Raises:
        Ended: as ``run_verb``.
    """
    kind = NOUNS[noun_name].kind
    assert kind is not None  # noqa: S101 - only nouns of holders have this command
    with connected(values["profile"], as_json=values["as_json"]) as (client, profile):
        filled = values | {"organization_": values["organization_"] or profile.organization}
        goal = Goal(values["goal_"])
        shown = _waited(client, kind, values["id_"], goal, values, where(kind, filled))
        if values["as_json"]:
            showing.as_json(shown)
        else:
            showing.answer(shown, None, "")


@contextmanager
def connected(
    profile_name: str | None, *, as_json: bool = False, public: bool = False
) -> Iterator[tuple[Client, Profile]]:
    """Open a client with the token of a profile for the time of the block.

    Raises:
        Ended: there is no address or token, or the service said no within the block; that is printed.
    """
    profile = profiles.read().profile(profile_name)
    if profile.address is None:
        raise usage("no address is known: `gpucap login` makes a profile, or set GPUCAP_ADDRESS")
    source = profiles.token_source(profile)
    if source is None and not public:
        raise Ended(
            Exit.NOT_ALLOWED,
            "no token is known: `gpucap login` names a source of tokens, or set GPUCAP_TOKEN",
        )
    with client_of(profile.address, source) as client:
        try:
            yield client, profile
        except Refused as refused:
            showing.refusal(refused, json_wanted=as_json)
            raise Ended(BY_KIND[refused.kind]) from None


def client_of(address: str, source: Callable[[], str] | None) -> Client:
    """Return a client that says when it repeats a request.

    Raises:
        Ended: the address is none of a service.
    """
    try:
        return Client(
            address,
            source,
            transport=surroundings.transport,
            sleep=surroundings.sleep,
            on_repeat=lambda reason, seconds: showing.say(f"{reason}; once more in {seconds:.1f} s"),
        )
    except ValueError as error:
        raise usage(str(error)) from None


def with_profile(
    operation: Operation, verb: Verb, values: dict[str, Any], profile: Profile
) -> dict[str, Any]:
    """Return the values of a command, with organization and project of the profile where none is given.

    The project fills what has to name one. Lists are not narrowed by it.
    """
    filled = dict(values)
    if OPERATORS in operation.path:
        return filled
    body = {field.option: field for field in options.fields(operation, verb)}
    for name, known in ((options.ORGANIZATION, profile.organization), (options.PROJECT, profile.project)):
        key = options.identifier(name)
        if known is None or filled.get(key):
            continue
        for one in options.given(operation, verb):
            if one.option == name == options.ORGANIZATION:
                filled[key] = [known] if one.parameter.repeats else known
        if name in body:
            filled[key] = known
    return filled


def where(kind: Kind, values: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that say in which organization a holder is looked for."""
    organization = values.get("organization_")
    if not organization:
        return {}
    read = operations()[kind.read]
    several = organization if isinstance(organization, list) else [organization]
    if read.parameter("organizationID") is not None:
        return {"organizationID": several}
    return {"X-Organization-Id": several[0]} if read.parameter("X-Organization-Id") is not None else {}


def _asked(client: Client, operation: Operation, parameters: dict[str, Any], body: Any) -> Any:
    """The body of the answer. What cannot be known of a create is said, with the key that tells it."""
    try:
        return client.call(operation.id, parameters, body).body
    except (Unreachable, KeyboardInterrupt) as error:
        if operation.is_keyed and not parameters.get("dryRun"):
            showing.say(
                "Whether the request was carried out is not known. To find out, repeat it as it was, with",
                f"  --idempotency-key {parameters[KEY]}",
            )
        if isinstance(error, KeyboardInterrupt):
            raise Ended(Exit.INTERRUPTED) from None
        raise


def _body(
    client: Client, operation: Operation, verb: Verb, values: dict[str, Any], parameters: dict[str, Any]
) -> Any:
    if operation.body is None:
        return None
    start = _from_file(values.get("body_from"))
    if start is None and verb.over is not None:
        start = _present(client, verb, parameters)
    chosen = dict(values)
    for field in options.fields(operation, verb):
        if field.is_secret and values.get(field.key):
            chosen[field.key] = _secret(field.option)
        if (
            verb.defaults.get(field.path) is MADE_UP
            and not values.get(field.key)
            and not options.get(start, field.path)
        ):
            chosen[field.key] = (
                f"{operation.path.rpartition('/')[2].removesuffix('s')}-{secrets.token_hex(3)}"
            )
    return options.body(operation, verb, chosen, start)


def _present(client: Client, verb: Verb, parameters: dict[str, Any]) -> dict[str, Any]:
    """What a change is laid over: the values as they are now. The request says which they were."""
    read = operations()[str(verb.over)]
    known = {name: value for name, value in parameters.items() if read.parameter(name) is not None}
    found = client.call(read.id, known).body
    if verb.tag and not parameters.get(IF_MATCH):
        parameters[IF_MATCH] = f'"{found[verb.tag]}"'
    start: dict[str, Any] = {}
    for path, source in verb.within.items():
        if (value := options.get(found, source)) is not None:
            options.put(start, path, value)
    return start


def _from_file(name: str | None) -> Any:
    if name is None:
        return None
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise usage(f"--body {name}: {error}") from None
    if not isinstance(found, dict):
        raise usage(f"--body {name}: has to be a JSON object")
    return found


def _secret(option: str) -> str:
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass(f"{option}: ")
    return sys.stdin.readline().rstrip("\n")


def _identity(kind: Kind, parameters: dict[str, Any], answer: Any) -> str:
    return str(parameters.get(kind.identifier) or kind.look(answer).id)


def _waited(
    client: Client, kind: Kind, identity: str, goal: Goal, values: dict[str, Any], found_in: dict[str, Any]
) -> Any:
    waiter = Waiter(client, kind, identity, found_in, values["profile"])
    with shown_progress() as progress:
        body = waiter.wait(goal, values.get("timeout"), progress)
    if goal is Goal.GONE:
        showing.say(f"the {kind.name} {identity} is gone")
    return body


def _print(verb: Verb, body: Any, *, as_json: bool) -> None:
    if as_json:
        showing.as_json(body)
    else:
        showing.answer(body, verb.columns, verb.rows)
