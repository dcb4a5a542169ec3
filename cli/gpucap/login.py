"""Makes, tries, lists and forgets profiles."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from gpu_capacity_client.refusals import Kind, Refused
from gpucap import profiles, running, showing
from gpucap.exits import BY_KIND, Ended, usage
from gpucap.profiles import Config

if TYPE_CHECKING:
    from gpucap.profiles import Profile

TRIED: Final = "listReservationUnits"
"""An operation that looks at the token, and changes nothing."""


def log_in(name: str, profile: Profile) -> None:
    """Try a profile, store it, and make it the one in use.

    Raises:
        Ended: the service does not answer, or rejects the token; nothing is stored.
    """
    if profile.token_command is not None and profile.token_variable is not None:
        raise usage("--token-command and --token-variable exclude each other")
    source = profiles.token_source(profile)
    if source is None:
        raise usage(
            "name a source of tokens: --token-command or --token-variable, "
            f"or set {profiles.TOKEN_VARIABLE} for each call"
        )
    address = str(profile.address)
    with running.client_of(address, source) as client:
        try:
            service = client.get_version()
            client.call(TRIED)
        except Refused as refused:
            # A token that lacks this permission is one of the service all the same.
            if refused.kind is not Kind.NOT_ALLOWED or refused.status == UNAUTHORIZED:
                showing.refusal(refused, json_wanted=False)
                raise Ended(BY_KIND[refused.kind]) from None
    config = profiles.read()
    profiles.write(Config(name, {**config.profiles, name: profile}))
    showing.say(f"logged in to {service['name']} {service['version']} at {address} with the profile {name}")


UNAUTHORIZED: Final = 401


def change_profiles(use: str | None, delete: str | None) -> None:
    """Change which profile is used, forget one, or list them.

    Raises:
        Ended: there is no such profile.
    """
    config = profiles.read()
    for name in (use, delete):
        if name is not None and name not in config.profiles:
            raise usage(f"there is no profile {name}")
    kept = {name: profile for name, profile in config.profiles.items() if name != delete}
    if use is not None or delete is not None:
        profiles.write(Config(use or config.current, kept))
    rows = [
        {"used": "*" if name == (use or config.current) else "", "name": name, **asdict(profile)}
        for name, profile in sorted(kept.items())
    ]
    columns = ("used", "name", "address", "organization", "project", "token_command", "token_variable")
    showing.table(
        rows, {column.upper().replace("_", " ") if column != "used" else "": column for column in columns}
    )
