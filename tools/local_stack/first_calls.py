"""What `make run` prints: a token of the developer's organization, and example calls of every API."""

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.local_stack import issuer
from tools.local_stack.state import DEFAULT_STATE, ROOT, State

if TYPE_CHECKING:
    from tools.local_stack.metal import Metal

# The organization of the printed token and calls.
DEVELOPER_ORGANIZATION = "a1b2c3d4-0000-4000-8000-000000000001"
DEVELOPER_PROJECT = "b1b2c3d4-0000-4000-8000-000000000001"

_RESERVATION: Final = {
    "metadata": {"name": "training"},
    "spec": {
        "organizationId": DEVELOPER_ORGANIZATION,
        "projectId": DEVELOPER_PROJECT,
        "regionId": "us-tex-1",
        "accelerator": "GB300",
        "unit": "NVL72",
        "count": 2,
    },
}
_SAMPLE: Final = ROOT / "layers" / "shared" / "gpu_capacity" / "neighbours" / "sample.json"

_PLACEMENT: Final = {
    "metadata": {"name": "workers"},
    "spec": {
        "reservationId": "$ID",
        "networkId": "training",
        "count": 4,
        "constraints": {"policy": "spread"},
        "serverSpec": {"imageId": "ubuntu-24.04"},
    },
}
_CLAIM: Final = {
    "resources": {
        "instanceId": "gb300-4x",
        "instanceCount": 20,
        "zones": ["us-chi-1", "us-tex-1"],
        "capacityType": "CAPACITY_TYPE_CUSTOMER",
    }
}
_METAL_CLAIM: Final = {"resources": {**_CLAIM["resources"], "zones": ["us-tex-1"]}}
_VM: Final = {"node": "vm05", "gpu_type": "4090", "gpu_count": 2, "storage_gb": 100, "template_vmid": 101}

_API_KEY: Final = {"name": "first", "scopes": ["read_only"]}

_CURL = 'curl -s -H "Authorization: Bearer $TOKEN"'
_JSON = "-H 'Content-Type: application/json'"
_EXPANDED: Final = "'\"$ID\"'"
_KEY = r'''"{\"label\": \"first\", \"ssh_public_key\": \"$(cat $KEY.pub)\"}"'''


def how_to_use(state: State, url: str, machines: "Metal | None" = None) -> str:
    """Return a token and calls to copy into a shell, one API after the other."""
    token = _token(state)
    return "\n".join(
        (
            "",
            f"# a token (12 hours; `make -s token ORG= PROJECT={_naming(state)}` makes others)",
            f"TOKEN={token}",
            *(() if machines is None else ("", "# the nodes, in another shell", machines.listing)),
            "",
            "# the console, as a customer and as an operator; and the page of the APIs",
            console_link(state, url),
            console_link(state, url, issuer.OPERATOR_PERMISSION),
            f"{url}/docs",
            "",
            "# the command line: log it in, and go on with `gpucap --help`",
            login_line(state, url),
            "gpucap units list",
            "",
            *_reserving(url),
            "",
            *_claiming(url, _CLAIM if machines is None else _METAL_CLAIM),
            *(() if machines else ("", *_renting(url))),
            "",
            f"Ctrl-C stops the stack and keeps its state ({_forgetting(state)} deletes it).",
        )
    )


def console_link(state: State, url: str, *permissions: str) -> str:
    """Return a link that signs in to the console. Browsers send the fragment to nobody."""
    return f"{url}/console#token={_token(state, *permissions)}"


def _token(state: State, *permissions: str) -> str:
    return issuer.mint(
        state.issuer_key,
        organization=DEVELOPER_ORGANIZATION,
        project=DEVELOPER_PROJECT,
        permissions=permissions or issuer.CUSTOMER_PERMISSIONS,
    )


def login_line(state: State, url: str) -> str:
    """Return a line that puts the command line on the path and logs it in; it gets tokens by itself."""
    here = f"ORG={DEVELOPER_ORGANIZATION} PROJECT={DEVELOPER_PROJECT}{_naming(state)}"
    source = shlex.quote(f"make -s -C {shlex.quote(str(ROOT))} token {here}")
    return (
        f'export PATH={shlex.quote(str(Path(sys.prefix).parent / "cli" / "bin"))}:"$PATH"; '
        f"gpucap login --profile local --address {url} --token-command {source} "
        f"--organization {DEVELOPER_ORGANIZATION} --project {DEVELOPER_PROJECT}"
    )


def _reserving(url: str) -> Iterator[str]:
    yield "# reservations: what each region offers"
    yield f"{_CURL} {url}/api/v2/reservation-units"
    yield "# reserve two adjacent racks"
    yield _keeping("ID", f"{_sending(_RESERVATION)} {url}/api/v2/reservations", '["metadata"]["id"]')
    yield "# watch it become provisioned"
    yield f"{_CURL} {url}/api/v2/reservations/$ID"
    yield ""
    yield "# when it is: boot servers on four of its hosts, two in each rack"
    yield _keeping("PLACEMENT", f"{_sending(_PLACEMENT)} {url}/api/v2/placements", '["metadata"]["id"]')
    yield "# watch them; each has an address when it is Running"
    yield f"{_CURL} {url}/api/v2/placements/$PLACEMENT"
    yield f"{_CURL} {url}/api/v2/placements/$PLACEMENT/servers"
    yield "# networks, images and the like that a placement may name, by name or id"
    yield from (f"#   {line}" for line in _neighbours())


def _claiming(url: str, claim: dict[str, Any]) -> Iterator[str]:
    yield "# capacity claims: 20 single instances, in the first zone as far as possible, then in the next"
    yield f"{_sending(claim)} {url}/v1alpha1/inference/capacityclaims"


def _renting(url: str) -> Iterator[str]:
    yield "# VMs: what nodes have free, without a token"
    yield f"curl -s '{url}/search?gpu_type={_VM['gpu_type']}'"
    yield "# the templates for their disks"
    yield f"{_CURL} {url}/templates"
    yield "# an API key, which reads VMs as the token does; it is shown only here"
    yield f"{_sending(_API_KEY)} {url}/auth/api-key"
    yield "# add an SSH key to the account, a new one here"
    yield "KEY=$(mktemp -d)/key && ssh-keygen -q -t ed25519 -N '' -C first -f $KEY"
    yield f"{_CURL} {_JSON} -d {_KEY} {url}/ssh-keys"
    yield "# rent two GPUs of a node, and watch them become running"
    yield _keeping("VM", f"{_sending(_VM)} {url}/vms", '["id"]')
    yield f"{_CURL} {url}/vms/$VM"
    yield "# when it runs: stop it (the disk stays), start it again, or delete it"
    yield f"{_CURL} -X POST {url}/vms/$VM/stop"
    yield f"{_CURL} -X POST {url}/vms/$VM/start"
    yield f"{_CURL} -X DELETE {url}/vms/$VM"


def _neighbours() -> Iterator[str]:
    """Yield a line for each network, image and other resource of the sample."""
    for row in json.loads(_SAMPLE.read_text()):
        of = f" ({row['architecture']})" if "architecture" in row else ""
        yield f"{row['regionId']} {row['kind']} {row['name']}{of}: {row['id']}"


def _naming(state: State) -> str:
    """Return the argument that a command needs to find this stack; empty for the default state folder."""
    return "" if _is_usual(state) else f" STATE={shlex.quote(str(state.folder))}"


def _forgetting(state: State) -> str:
    return "make clean" if _is_usual(state) else f"rm -r {shlex.quote(str(state.folder))}"


def _is_usual(state: State) -> bool:
    return state.folder == DEFAULT_STATE


def _sending(body: dict[str, Any]) -> str:
    text = shlex.quote(json.dumps(body, separators=(",", ":")))
    # The shell puts in what an earlier call returned.
    return f"{_CURL} {_JSON} -d {text.replace('$ID', _EXPANDED)}"


def _keeping(variable: str, call: str, field: str) -> str:
    """Return a line that prints a call's answer and puts one field of it into a shell variable."""
    reading = f"python3 -c 'import json,sys;print(json.load(sys.stdin){field})'"
    return f"{variable}=$({call} | tee /dev/stderr | {reading})"
