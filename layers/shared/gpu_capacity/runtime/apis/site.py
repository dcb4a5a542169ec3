"""The function of the pages that people look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from gpu_capacity.errors import Misconfigured
from gpu_capacity.http.proxy import proxy_response
from gpu_capacity.http.site import INDEX, SignIn, Site
from gpu_capacity.runtime import composition
from gpu_capacity.runtime.functions import logged

if TYPE_CHECKING:
    from pathlib import Path

    from gpu_capacity.http.call import Involved
    from gpu_capacity.http.proxy import ProxyRequest
    from gpu_capacity.http.shapes import ErrorShape
    from gpu_capacity.runtime.observability import LambdaHandler
    from gpu_capacity.runtime.settings import Environment

CLAIMS: Final = {
    "organizations": "organizations",
    "projects": "projects",
    "permissions": "permissions",
    "name": "email",
}
"""The claims that the console reads, with the names that they have unless others are configured."""


def pages_function(name: str, errors: ErrorShape, folder: Path) -> LambdaHandler:
    """A handler of the pages for people. Everybody gets the files: they hold no data.

    Args:
        name: of the function.
        errors: renders the reply to unknown names.
        folder: has a folder for each page.
    """

    def answer(request: ProxyRequest, trace_id: str, _involved: Involved) -> dict[str, Any]:
        site = Site(folder, sign_in(composition.environment()))
        page = request.resource.split("/")[1]
        reply = site.reply(page, request.path_parameters.get("file", INDEX), request.headers)
        return proxy_response(reply or errors.unknown_route(trace_id), trace_id)

    return logged(name, answer)


def sign_in(env: Environment) -> SignIn:
    """How people sign in at the console.

    Raises:
        Misconfigured: the issuer is no https address, or a further origin is none.
    """
    origins = tuple(env.words("CONSOLE_ORIGINS"))
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme != "https" or not parts.netloc or parts.path:
            raise Misconfigured("CONSOLE_ORIGINS must be https origins, such as https://login.example.com")
    return SignIn(
        issuer=env.https_url("CONSOLE_ISSUER"),
        client_id=env.optional("CONSOLE_CLIENT_ID"),
        scope=env.text("CONSOLE_SCOPE", "openid"),
        audience=env.text("AUTH_AUDIENCE"),
        claims={name: env.text(f"AUTH_CLAIM_{name.upper()}", usual) for name, usual in CLAIMS.items()},
        origins=origins,
    )
