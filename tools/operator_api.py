"""Calls the operators' API of a stack, for the operators' commands.

Of the local stack it knows the address, and signs a token. Of a deployed stack (STACK=) it reads the address
from the outputs, and takes the token from TOKEN, a variable of make or of the environment.
"""

import getpass
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from tools.local_stack import issuer
from tools.local_stack.errors import LaunchError
from tools.local_stack.state import DEFAULT_STATE, State
from tools.operator_stack import connect

SECONDS_MAX: Final = 30
"""The gateway itself gives up after 29 s."""

_PREFIX: Final = "/operator/v1"


@dataclass(frozen=True)
class OperatorApi:
    """The operators' API at an address, for the holder of a token."""

    url: str
    token: str

    def call(
        self, method: str, path: str, body: object = None, query: Mapping[str, str | None] | None = None
    ) -> Any:
        """Send a request; returns the answer's body, None if it has none.

        Args:
            method: in upper case.
            path: below ``/operator/v1``; its parts are to be quoted by ``at``.
            body: sent as JSON; None for none.
            query: parameters; those that are None or empty are left out.

        Raises:
            LaunchError: the API refused it, or does not answer.
        """
        given = {name: value for name, value in (query or {}).items() if value}
        address = f"{self.url.rstrip('/')}{_PREFIX}{path}"
        if given:
            address += f"?{urllib.parse.urlencode(given)}"
        request = urllib.request.Request(  # noqa: S310 - the stack's own address
            address,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS_MAX) as answer:  # noqa: S310  # nosec B310
                return parsed(answer.status, answer.read())
        except urllib.error.HTTPError as refused:
            return parsed(refused.code, refused.read())
        except OSError as error:
            raise LaunchError(f"{self.url} does not answer: {error}") from None


def parsed(status: int, text: bytes) -> Any:
    """The body of an answer.

    Raises:
        LaunchError: it is a refusal, whose description is the message.
    """
    try:
        body = json.loads(text) if text else None
    except ValueError:
        body = None
    if status < HTTPStatus.BAD_REQUEST:
        return body
    said = body.get("error_description") if isinstance(body, dict) else None
    raise LaunchError(str(said or f"the API answered {status}"))


def at(*parts: str) -> str:
    """A path of these parts, each of which may have any characters."""
    return "".join(f"/{urllib.parse.quote(part, safe='')}" for part in parts)


def operator_api(stack: str, state: str) -> OperatorApi:
    """The operators' API of a deployed stack, or of the running local one if ``stack`` is empty.

    Raises:
        LaunchError: no local stack is running on that folder; the deployed one is not of this service; there
            is no token for it.
    """
    if not stack:
        folder = State(Path(state or DEFAULT_STATE))
        url = str(folder.read_running()["url"])
        who = f"operator:{getpass.getuser()}"
        token = issuer.mint(
            folder.issuer_key,
            organization="operators",
            project="*",
            permissions=[issuer.OPERATOR_PERMISSION],
            subject=who,
        )
        return OperatorApi(url, token)
    given = os.environ.get("TOKEN", "")
    if not given:
        raise LaunchError(f"TOKEN is missing: a token with the permission `operator` that {stack} accepts")
    _, outputs = connect(stack, state)
    return OperatorApi(outputs["ApiUrl"], given)
