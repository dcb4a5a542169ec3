"""Hooks with what a schema does not say of this service. Runs in the fuzzer's environment.

A schema says which requests are well formed. It cannot say that an id in the body has to be the one in the
path, or that a zone has to exist. The hooks make the first true; for the second, a refusal has to give one of
the reasons below.
"""

from __future__ import annotations

import atexit
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

import schemathesis
from schemathesis.checks import CHECKS

from tools.fuzz.known import ORGANIZATION, Known

REFUSED: Final = frozenset({400, 422})
FOUND: Final = 200

UNKNOWABLE: Final = re.compile(
    r"^("
    # reservations and capacity claims
    r"spec\.(accelerator|unit): not offered in the region, which has .*"
    r"|spec\.count: one claim has at most \d+ units"
    r"|metadata\.tags: .*tag names must be unique"
    r"|resources\.zones\[\d+\]: no such zone"
    r"|resources\.instance_id: not in every zone: .*"
    r"|(name|resources\.(instance_id|capacity_type)): cannot be changed"
    r"|the capacity claim is being deleted"
    r"|(query )?cursor: (is none that this list gave out|goes with limit)"
    # VMs: what exists, what is free, and the status of a VM
    r"|the node (does not exist|is not rented|is out of service)"
    r"|gpu_type: (the node has GPUs of type .*|not rented, there are .*)"
    r"|gpu_count: the node has only \d+ GPUs?"
    r"|the node takes no new VMs at the moment"
    r"|no GPU of the node is free for a VM of \d"
    r"|the node has no free slice of \d GPUs; the largest that it could give has \d"
    r"|(query[ .])?cursor: (is none that this list gave out|goes with limit)"
    r"|query\.cursor: must be one that the Link of a page says"
    r"|a VM that is [a-z]+ cannot be (started|stopped)"
    r"|the VM is still being interrupted"
    # SSH keys: what the account has; which texts are keys; which characters Unicode calls printable
    r"|the account has no SSH key(: add one first, or use a password| of this id)"
    r"|this key is on the account already"
    r"|the account has 5 SSH keys, which is all it may have"
    r"|body\.ssh_public_key: (must be|must begin|this is a private key|an RSA key must) .*"
    r"|the template does not exist: offered are [0-9, ]+ \(GET /templates lists them\)"
    r"|the account has 20 API keys, which is all it may have"
    r"|body\.(label|name|password): must have printable characters only"
    r")$"
)
"""Refusals of well-formed requests that depend on state, so that no schema can describe them."""

LIMITS: Final = re.compile(
    r"^(spec\.count: Input should be less than or equal to 2147483647"
    r"|metadata\.(description|tags\.\d+\.(name|value)): must have at most \d+ bytes in UTF-8"
    r"|metadata\.tags: List should have at most \d+ items after validation, not \d+"
    r"|(query )?limit: must be a whole number from 1 to 1000"
    r"|resources\.instance_count: Input should be less than or equal to \d+"
    r"|resources\.zones: List should have at most \d+ items after validation, not \d+"
    r"|resources\.zones: zones must be unique, whatever their case"
    r"|resources\.(instance_id|zones\[\d+\]): String should have at (least 1 character|most 253 characters)"
    r"|body\.(storage_gb|template_vmid): Input should be (greater|less) than or equal to \d+"
    r"|query\.(limit|offset|gpu_count): Input should be less than or equal to \d+"
    r"|(body|query)\.(node|gpu_type|ssh_key_id): String should have at (least 1 character|most 63 characters)"
    r"|body\.password: String should have at most 256 characters"
    r"|body\.scopes: List should have at (least 1 item|most 16 items) after validation, not \d+"
    r")$"
)
"""Limits that this service's own document states and the published contract does not."""

IS_PUBLISHED: Final = "FUZZ_PUBLISHED"
"""Environment variable: set if the document is a published contract."""

VM_BODIES: Final = frozenset({"/vms", "/ssh-keys", "/auth/api-key", "/reservations/calculate"})
"""Paths of the VM API whose requests have bodies."""

ENDING: Final = frozenset({"deprovisioning", "STATUS_DELETING", "destroyed"})
"""Statuses that a resource may show after it was deleted."""

REPLACED: Final = "use_after_free"
"""The one check of the fuzzer that is off, see schemathesis.toml; `stays_deleted` replaces it."""

TALLY: Final = "FUZZ_TALLY"
"""Environment variable: the file for the statuses of each operation's answers and the names of the checks."""

_deleted: set[str] = set()
_known = Known()
_answers: dict[str, Counter[int]] = {}


def before_call(_context: Any, case: Any, _arguments: Any) -> None:
    """Make a well-formed request consistent, and in most cases refer to an existing resource."""
    if not _is_well_formed(case):
        return
    if not _known.made_up():
        _name_what_there_is(case)
    if not isinstance(case.body, dict):
        return
    if "id" in case.body and "claimID" in (case.path_parameters or {}):
        case.body["id"] = case.path_parameters["claimID"]
    if isinstance(resources := case.body.get("resources"), dict) and "zones" in resources:
        resources["zones"] = list(dict.fromkeys(resources["zones"]))


def after_call(_context: Any, case: Any, response: Any) -> None:
    """Count the answer and remember a created resource."""
    counts = _answers.setdefault(case.operation.label, Counter())
    counts[response.status_code] += 1
    if response.status_code // 100 == 2:  # noqa: PLR2004 - a success
        body = response.json() if response.content else None
        _known.remember(case.method, case.operation.path, case.path_parameters or {}, body)


def _name_what_there_is(case: Any) -> None:
    path = case.operation.path
    for name, value in (case.path_parameters or {}).items():
        if name == "organizationID":
            case.path_parameters[name] = ORGANIZATION
            continue
        # An id that came through a link is known, and stays.
        if not _known.is_known(path, str(value)):
            known = _known.one_of(path, to_end=case.method == "DELETE")
            case.path_parameters[name] = known or value
    if "X-Organization-Id" in (case.headers or {}):
        case.headers["X-Organization-Id"] = ORGANIZATION
    if isinstance(case.body, dict) and case.operation.path in VM_BODIES:
        _known.fit(case.body)


def refused_for_a_reason(_context: Any, response: Any, case: Any) -> None:
    """Check that a well-formed request is refused only for a reason that its schema cannot state.

    Raises:
        AssertionError: it was refused as malformed.
    """
    if not _is_well_formed(case) or response.status_code not in REFUSED:
        return
    allowed = (UNKNOWABLE, LIMITS) if os.environ.get(IS_PUBLISHED) else (UNKNOWABLE,)
    for reason in reasons(response.json()):
        if not any(pattern.search(reason) for pattern in allowed):
            raise AssertionError(f"refused although it is well formed: {reason}")


def stays_deleted(_context: Any, response: Any, case: Any) -> None:
    """Check that a deleted resource is 404 or shows that it is being deleted.

    Replaces the fuzzer's check REPLACED, which demands 404 at once: a teardown takes time.

    Raises:
        AssertionError: its status does not show the deletion.
    """
    path = case.formatted_path
    if case.method == "DELETE" and response.status_code // 100 == 2:  # noqa: PLR2004 - a success
        _deleted.add(path)
    elif case.method == "GET" and path in _deleted and response.status_code == FOUND:
        status = _status(response.json())
        if status not in ENDING:
            raise AssertionError(f"deleted, and now it is {status}")


def reasons(body: dict[str, Any]) -> list[str]:
    """Return the problems that an error answer names, in the shape of any of the APIs."""
    if "errors" in body:
        return [f"{problem['field']}: {problem['problem']}" for problem in body["errors"]]
    if "error_description" in body:
        return [str(body["error_description"])]
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


def _write_tally() -> None:
    operations = {label: dict(sorted(counts.items())) for label, counts in sorted(_answers.items())}
    checks = sorted(set(CHECKS.get_all_names()) - {REPLACED})
    tally = {"checks": checks, "operations": operations}
    Path(os.environ[TALLY]).write_text(json.dumps(tally), encoding="utf-8")


if TALLY in os.environ:
    atexit.register(_write_tally)
schemathesis.hook(before_call)
schemathesis.hook(after_call)
schemathesis.check(refused_for_a_reason)
schemathesis.check(stays_deleted)
