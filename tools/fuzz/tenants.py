"""The two tenants of a fuzzing run: one sends the requests, and the other must see nothing of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from tools.local_stack import issuer

if TYPE_CHECKING:
    from pathlib import Path

# The first two are in the dictionaries of schemathesis.toml, too, and the first is in known.py.
ORGANIZATION: Final = "f0220000-0000-4000-8000-00000000000a"
PROJECT: Final = "f0220000-0000-4000-8000-00000000000b"
STRANGERS_ORGANIZATION: Final = "f0220000-0000-4000-8000-00000000000c"
STRANGERS_PROJECT: Final = "f0220000-0000-4000-8000-00000000000d"


def write(issuer_key: Path, target: Path) -> None:
    """Write both tenants' tokens in the format of Web Fuzzing Commons, readable by the file's owner only."""
    tenants = (
        ("owner", ORGANIZATION, PROJECT),
        ("stranger", STRANGERS_ORGANIZATION, STRANGERS_PROJECT),
    )
    entries = [
        {
            "name": name,
            "fixedHeaders": [
                {
                    "name": "Authorization",
                    "value": "Bearer "
                    + issuer.mint(
                        issuer_key,
                        organization=organization,
                        project=project,
                        subject=f"{name}@example.com",
                    ),
                }
            ],
        }
        for name, organization, project in tenants
    ]
    target.touch(mode=0o600)
    target.write_text(json.dumps({"auth": entries}), encoding="utf-8")
