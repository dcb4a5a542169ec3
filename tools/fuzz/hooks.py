"""What the fuzzer cannot know of this service. Runs in the fuzzer's environment, not in that of the tests.

A schema says which requests are well formed. That an id in the body is the one in the path, or that a zone
exists, it cannot say. The first is brought about here; of the second, every refusal has to give one of the
reasons listed here.
"""

from __future__ import annotations

import os
import re
from typing import Any, Final

import schemathesis

REFUSED: Final = frozenset({400, 422})
FOUND: Final = 200

UNKNOWABLE: Final = re.compile(
    r"^(spec\.accelerator, spec\.unit: not offered in the region"
    r"|spec\.count: one claim has at most \d+ units"
    r"|metadata\.tags: .*tag names must be unique"
    r"|resources\.zones\[\d+\]: no such zone"
    r"|resources\.instanceId: resources\.zones\[\d+\] does not have this type"
    r"|resources\.(instanceId|capacityType): cannot be changed)$"
)
"""Refusals of well-formed requests that no schema foretells: what there is, and what a thing was before."""

LIMITS: Final = re.compile(
    r"^(spec\.count: Input should be less than or equal to 2147483647"
    r"|resources\.instanceCount: Input should be less than or equal to \d+"
    r"|resources\.zones: List should have at most \d+ items after validation, not \d+"
    r"|resources\.zones: Value error, zones must be unique"
    r"|resources\.(instanceId|zones\.\d+): String should have at (least 1 character|most 253 characters))$"
)
"""Limits that this service has and its own document states, where the published contract names none."""

IS_PUBLISHED: Final = "FUZZ_PUBLISHED"
"""Environment variable: set where the document is a published contract and not the service's own."""

ENDING: Final = frozenset({"deprovisioning", "STATUS_DELETING", "destroyed"})
"""What a thing may still say of itself after it was deleted."""

_deleted: set[str] = set()


def before_call(_context: Any, case: Any, _arguments: Any) -> None:
    """Let a well-formed change of a claim name the claim in its path, and each zone stand once."""
    if not _is_well_formed(case) or not isinstance(case.body, dict):
        return
    if "id" in case.body and "claimID" in (case.path_parameters or {}):
        case.body["id"] = case.path_parameters["claimID"]
    if isinstance(resources := case.body.get("resources"), dict) and "zones" in resources:
        resources["zones"] = list(dict.fromkeys(resources["zones"]))


def refused_for_a_reason(_context: Any, response: Any, case: Any) -> None:
    """A well-formed request is refused only for something that its schema cannot say.

    Raises:
        AssertionError: it was refused as if it were not well formed.
    """
    if not _is_well_formed(case) or response.status_code not in REFUSED:
        return
    allowed = (UNKNOWABLE, LIMITS) if os.environ.get(IS_PUBLISHED) else (UNKNOWABLE,)
    for reason in reasons(response.json()):
        if not any(pattern.search(reason) for pattern in allowed):
            raise AssertionError(f"refused although it is well formed: {reason}")


def stays_deleted(_context: Any, response: Any, case: Any) -> None:
    """What was deleted is gone, or says that it is going.

    Takes the place of the fuzzer's `use_after_free`, which demands 404 at once: a teardown takes its time.

    Raises:
        AssertionError: it is there as if nothing had been.
    """
    path = case.formatted_path
    if case.method == "DELETE" and response.status_code // 100 == 2:  # noqa: PLR2004 - a success
        _deleted.add(path)
    elif case.method == "GET" and path in _deleted and response.status_code == FOUND:
        status = _status(response.json())
        if status not in ENDING:
            raise AssertionError(f"deleted, and now it is {status}")


def reasons(body: dict[str, Any]) -> list[str]:
    """What an error answer says is wrong, in whichever API's shape."""
    if "error_description" in body:
        return str(body["error_description"]).split("; ")
    violations = [v for detail in body.get("details", ()) for v in detail.get("fieldViolations", ())]
    if violations:
        return [f"{violation['field']}: {violation['description']}" for violation in violations]
    if isinstance(body.get("detail"), list):
        return [f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in body["detail"]]
    return [str(body.get("message") or body.get("detail"))]


def _is_well_formed(case: Any) -> bool:
    return case.meta is not None and bool(case.meta.generation.mode.is_positive)


def _status(body: Any) -> Any:
    if "metadata" in body:
        return body["metadata"]["provisioningStatus"]
    return body["capacityClaim"]["status"]["status"] if "capacityClaim" in body else body.get("status")


schemathesis.hook(before_call)
schemathesis.check(refused_for_a_reason)
schemathesis.check(stays_deleted)
