"""Profiles: which service, with whose token, for which organization and project.

They are kept in one file that only its owner can read, ``~/.config/gpucap/config.toml``, or where
``GPUCAP_CONFIG`` says. It never has a token: a profile says which command prints one, or which variable of
the environment has it.
"""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gpucap import surroundings
from gpucap.exits import Ended, Exit, usage

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN_VARIABLE: Final = "GPUCAP_TOKEN"  # noqa: S105 - the name of a variable
DEFAULT_PROFILE: Final = "default"


@dataclass(frozen=True)
class Profile:
    """One profile. Every field may be missing; the environment's variables win over all of them."""

    address: str | None = None
    token_command: str | None = None
    """A command that prints a token; run without a shell."""
    token_variable: str | None = None
    """The variable of the environment that has a token."""
    organization: str | None = None
    project: str | None = None


@dataclass(frozen=True)
class Config:
    """All profiles and the name of the one in use."""

    current: str
    profiles: dict[str, Profile]

    def profile(self, name: str | None) -> Profile:
        """Return a profile by its name, else the one in use, as the environment changes it.

        Raises:
            Ended: there is no such profile.
        """
        wanted = name or surroundings.variable("GPUCAP_PROFILE") or self.current
        found = self.profiles.get(wanted)
        if found is None and (name is not None or wanted != self.current):
            raise usage(f"there is no profile {wanted}: `gpucap login --profile {wanted}` makes it")
        found = found or Profile()
        given = {field: surroundings.variable(f"GPUCAP_{field.upper()}") for field in ENVIRONMENT}
        return replace(found, **{field: value for field, value in given.items() if value is not None})


ENVIRONMENT: Final = ("address", "organization", "project")
"""Fields that ``GPUCAP_ADDRESS`` and so on replace."""


def path() -> Path:
    """Return where the profiles are."""
    named = surroundings.variable("GPUCAP_CONFIG")
    if named is not None:
        return Path(named)
    folder = surroundings.variable("XDG_CONFIG_HOME")
    return (Path(folder) if folder else Path.home() / ".config") / "gpucap" / "config.toml"


def read() -> Config:
    """Return the profiles; none if there is no file.

    Raises:
        Ended: the file cannot be read or is no configuration.
    """
    try:
        told = tomllib.loads(path().read_text("utf-8"))
    except FileNotFoundError:
        return Config(DEFAULT_PROFILE, {})
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise usage(f"{path()}: {error}") from None
    known = {field.name for field in fields(Profile)}
    profiles = {}
    for name, entries in told.get("profiles", {}).items():
        if unknown := sorted(entries.keys() - known):
            raise usage(f"{path()}: profile {name} has an unknown field {unknown[0]}")
        profiles[name] = Profile(**entries)
    return Config(told.get("current", DEFAULT_PROFILE), profiles)


def write(config: Config) -> None:
    """Replace the file. A string of JSON is one of TOML, too."""
    lines = [f"current = {json.dumps(config.current)}"]
    for name, profile in sorted(config.profiles.items()):
        lines += ["", f"[profiles.{json.dumps(name)}]"]
        lines += [
            f"{key} = {json.dumps(value)}" for key, value in asdict(profile).items() if value is not None
        ]
    where = path()
    where.parent.mkdir(parents=True, exist_ok=True)
    beside = where.with_name(f"{where.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join([*lines, ""]))
    beside.replace(where)


def token_source(profile: Profile) -> Callable[[], str] | None:
    """Return what gives a token for a profile; None if it has no source.

    ``GPUCAP_TOKEN`` goes before the profile's own source. What is returned raises Ended if there is no token.
    """
    given = surroundings.variable(TOKEN_VARIABLE)
    if given is not None:
        return lambda: given
    if profile.token_command is not None:
        command = profile.token_command
        return lambda: _printed(command)
    if profile.token_variable is not None:
        variable = profile.token_variable
        return lambda: _held(variable)
    return None


def _held(variable: str) -> str:
    token = surroundings.variable(variable)
    if token is None:
        raise Ended(Exit.NOT_ALLOWED, f"{variable} is not set: the profile takes its token from there")
    return token


def _printed(command: str) -> str:
    """Run the command of a profile, and return what it prints."""
    import subprocess

    try:
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    except (OSError, ValueError) as error:
        raise Ended(Exit.NOT_ALLOWED, f"the command for tokens cannot be run: {error}") from None
    token = done.stdout.strip()
    if done.returncode or not token:
        # All of it: which line says why differs, `make` puts one of its own behind.
        said = done.stderr.strip() or "it printed no token"
        raise Ended(Exit.NOT_ALLOWED, f"the command for tokens failed (exit code {done.returncode}): {said}")
    return token
