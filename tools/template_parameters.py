"""The parameters of `template.yaml`, for commands that set some of them."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tools.local_stack.errors import LaunchError


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short intrinsics (`!Ref`) as plain text: only parameters matter here."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, node: str(node.value))


def parameters(template: Path) -> dict[str, dict[str, Any]]:
    """Return the template's declaration of each parameter, by name."""
    content = yaml.load(template.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    found: dict[str, dict[str, Any]] = content["Parameters"]
    return found


def check_names(given: Iterable[str], template: Path) -> None:
    """Raise LaunchError for a name that the template does not have: `sam` ignores such names silently."""
    known = parameters(template)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"is it {near[0]}?" if near else "docs/configuration.md has all of them"
            raise LaunchError(f"template.yaml has no parameter {name}: {hint}")
