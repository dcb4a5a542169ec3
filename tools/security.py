"""Runs the security scanners: all with `make security`, the quick ones with `make lint`.

bandit          deployed code, every rule; ruff's S rules, which are bandit's, check everything else
detect-secrets  every file under version control, against `.secrets.baseline`
checkov         template.yaml, against checkov's own rules; `.checkov.yaml` has the exceptions
pip-audit       every lock file, against a database of known vulnerabilities on the network

Exit code: 0 if nothing was found, 1 if something was. If the database cannot be reached, the scanner reports
NOT CHECKED, which does not change the exit code.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.interrupts import heed_interrupts
from tools.local_stack.state import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEPLOYED: Final = ("layers/shared/gpu_capacity", "functions")
BASELINE: Final = ROOT / ".secrets.baseline"
LOCKS: Final = (
    *sorted(ROOT.glob("layers/*/requirements.txt")),
    *sorted((ROOT / "requirements").glob("*.txt")),
)

# Random values that are public (ids of API Gateway in sample events, trace ids, holders' tags in golden
# writes, ids of API keys), and texts and names that mention API keys.
PUBLIC: Final = (
    r'"(apiId|domainPrefix|requestId)": |"[SB]": "[0-9a-f]{16,32}"|"[0-9a-f]{16}": \{'
    r'|"(id|path)": "(/auth/api-keys/)?[0-9a-f]{16}"|"api_key": "nv_…"'
    r'|^ +[\w.]*API_KEY\w*( =|:) "[a-zA-Z_:,. ]+",?$'
)

# Lock files are written by `make lock`: names, versions and thousands of hashes. What is vendored is as
# published: a test compares it with the digests beside it.
UNREAD: Final = (
    rf"^{re.escape(BASELINE.name)}$|(^|/)requirements(/.*)?\.txt$"
    r"|^functions/serve_console/docs/(vendored\.json|swagger-ui.*)$"
)

Secret = tuple[str, str, str]


class Found(Exception):
    """A scanner found something; the message names it."""


class Unknown(Exception):
    """A scanner could not run; the message says why."""


def main(arguments: list[str] | None = None) -> int:
    """Run the checks, print the result of each, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make security", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="bandit and detect-secrets only")
    parser.add_argument("--accept-secrets", action="store_true", help="rewrite the baseline of false alarms")
    options = parser.parse_args(arguments)
    if options.accept_secrets:
        return accept_secrets()
    checks = QUICK if options.quick else (*QUICK, *THOROUGH)
    passed = [_passes(name, check) for name, check in checks]
    return 0 if all(passed) else 1


def _passes(name: str, check: Callable[[], str]) -> bool:
    began = time.monotonic()
    passed = True
    try:
        words = check()
    except Found as found:
        words, passed = f"FOUND\n{found}", False
    except Unknown as unknown:
        words = f"NOT CHECKED: {unknown}"
    print(f"{name}: {words} ({time.monotonic() - began:.1f} s)", flush=True)
    return passed


def bandit() -> str:
    """Check deployed code with every rule but the one for asserts: ruff wants a reason at each of those."""
    done = _run("security", "bandit", "-q", "-r", *DEPLOYED, "--skip", "B101")
    if done.returncode:
        raise Found(done.stdout)
    return "nothing found"


def detect_secrets() -> str:
    """Compare with the baseline: no secret may be missing from it, and no entry of it may be gone."""
    found, known = _secrets(_scan()), _secrets(json.loads(BASELINE.read_text(encoding="utf-8")))
    if new := sorted(found - known):
        raise Found(
            "\n".join(f"{file}: {kind}" for file, kind, _ in new)
            + "\nRemove it. If it is no secret: make security ARGS=--accept-secrets, and say why in review."
        )
    if gone := sorted(known - found):
        raise Found(f"no longer there, remove it from the baseline: {gone}")
    return f"nothing found beyond {len(known)} known false alarms"


def accept_secrets() -> int:
    """Rewrite the baseline: everything that is found now counts as a false alarm."""
    scanned = _scan()
    for entries in scanned["results"].values():
        for entry in entries:
            entry["is_secret"] = False
    scanned.pop("generated_at")
    BASELINE.write_text(json.dumps(scanned, indent=2) + "\n", encoding="utf-8")
    print(f"{len(_secrets(scanned))} false alarms in {BASELINE.name}")
    return 0


def _scan() -> dict[str, Any]:
    excluded = ("--exclude-files", UNREAD, "--exclude-lines", PUBLIC)
    scanned: dict[str, Any] = json.loads(
        _run("security", "detect-secrets", "--cores", "2", "scan", *excluded).stdout
    )
    return scanned


def _secrets(scanned: dict[str, Any]) -> set[Secret]:
    return {
        (file, entry["type"], entry["hashed_secret"])
        for file, entries in scanned["results"].items()
        for entry in entries
    }


def checkov() -> str:
    """Check the template against checkov's own rules; nothing is fetched or sent."""
    done = _run("checkov", "checkov", "--config-file", ".checkov.yaml", "--file", "template.yaml")
    if done.returncode:
        raise Found(done.stdout)
    return " ".join(line for line in done.stdout.splitlines() if line.startswith("Passed checks"))


def pip_audit() -> str:
    """Check every locked version against the database. A version that it does not have is not checked."""
    audited = 0
    for lock in LOCKS:
        done = _run(
            "security", "pip-audit", "--no-deps", "--disable-pip", "--progress-spinner", "off",
            "--format", "json", "--requirement", str(lock),
        )  # fmt: skip
        try:
            packages = json.loads(done.stdout)["dependencies"]
        except ValueError:
            raise Unknown(f"no database of vulnerabilities could be reached: {_last(done.stderr)}") from None
        audited += sum("vulns" in package for package in packages)
        if vulnerable := [package for package in packages if package.get("vulns")]:
            raise Found("\n".join(f"{lock.name}: {_described(package)}" for package in vulnerable))
    if not audited:
        raise Unknown("the index that pip uses here has no database of vulnerabilities: it knew no package")
    return f"{audited} locked versions, no known vulnerability"


def _described(package: dict[str, Any]) -> str:
    known = ", ".join(f"{v['id']} (fixed in {', '.join(v['fix_versions'])})" for v in package["vulns"])
    return f"{package['name']} {package['version']}: {known}"


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else "no answer"


def _run(environment: str, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    venvs = ROOT / os.environ.get("VENVS", ".venvs")
    command: Sequence[str] = (str(Path(venvs) / environment / "bin" / program), *arguments)
    return subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


QUICK: Final = (("bandit", bandit), ("detect-secrets", detect_secrets))
THOROUGH: Final = (("checkov", checkov), ("pip-audit", pip_audit))

if __name__ == "__main__":
    heed_interrupts()
    sys.exit(main())
