"""Fills a new local stack: the sample fleet in the inventory and the sample tenant's reservations."""

import hashlib
import http.client
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from botocore.exceptions import ClientError

from testkit.sample_fleet import SampleReservation
from tools.local_stack import issuer
from tools.local_stack.errors import LaunchError
from tools.local_stack.state import State

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

FLEET_OBJECT = "fleet.json"
CATALOGUE_OBJECT = "catalogue.json"
DIGEST = "sample-sha256"
SETTLE_SECONDS_MAX = 120
POLL_SECONDS = 0.3


def upload(s3: "S3Client", bucket: str, document: Mapping[str, Any], name: str = FLEET_OBJECT) -> bool:
    """Put a sample document in the bucket; False if this one was uploaded before.

    An object that was edited since then is not replaced until the sample itself changes.
    """
    body = json.dumps(document, separators=(",", ":")).encode()
    digest = hashlib.sha256(body).hexdigest()
    try:
        known = s3.head_object(Bucket=bucket, Key=name)["Metadata"].get(DIGEST)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchKey"}:
            raise
        known = None
    if known == digest:
        return False
    s3.put_object(
        Bucket=bucket, Key=name, Body=body, ContentType="application/json", Metadata={DIGEST: digest}
    )
    return True


def sync(functions: "LambdaClient", name: str) -> str:
    """Invoke the scheduled sync once and return its answer (JSON text); LaunchError if it failed."""
    answer = functions.invoke(FunctionName=name, Payload=b"{}")
    text = answer["Payload"].read().decode()
    if answer.get("FunctionError"):
        raise LaunchError(f"the inventory sync failed: {text[:1000]}")
    return text


def reserve(state: State, base_url: str, wanted: Sequence[SampleReservation]) -> str:
    """Create the sample tenant's reservations through the API, wait for them, and describe the result.

    Each has its own idempotency key, so that a repeat after a crash creates none twice. The description names
    those that were refused or not provisioned; the stack runs without them.
    """
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    problems = []
    made = []
    for number, entry in enumerate(wanted):
        try:
            made.append((entry, create(state, base_url, number, entry)))
        except LaunchError as error:
            problems.append(str(error))
    for entry, reservation_id in made:
        try:
            wait_until_provisioned(state, base_url, entry, reservation_id, deadline)
        except LaunchError as error:
            problems.append(str(error))
    return "; ".join([f"{len(wanted) - len(problems)} of {len(wanted)} reservations", *problems])


def create(state: State, base_url: str, number: int, entry: SampleReservation) -> str:
    """Send one POST and return the reservation's id."""
    body = {
        "metadata": {"name": f"sample-{number + 1}", "description": "Held by the sample tenant"},
        "spec": {
            "organizationId": entry.organization,
            "projectId": entry.project,
            "regionId": entry.region,
            "accelerator": entry.accelerator,
            "unit": entry.unit,
            "count": entry.units,
        },
    }
    key = str(uuid5(NAMESPACE_URL, f"sample-reservation/{number}/{'/'.join(map(str, entry))}"))
    status, answer = call(
        state,
        base_url,
        entry,
        "POST",
        "/api/v2/reservations",
        headers={"Idempotency-Key": key},
        body=json.dumps(body),
    )
    if status != http.client.ACCEPTED:
        raise LaunchError(f"sample reservation in {entry.region} was refused: {status} {answer[:1000]}")
    reservation_id: str = json.loads(answer)["metadata"]["id"]
    return reservation_id


def wait_until_provisioned(
    state: State, base_url: str, entry: SampleReservation, reservation_id: str, deadline: float
) -> None:
    """Poll one reservation; LaunchError if it fails or is not done by the deadline (monotonic seconds)."""
    path = f"/api/v2/reservations/{reservation_id}"
    phase = None
    while time.monotonic() < deadline and phase != "error":
        _, answer = call(state, base_url, entry, "GET", path)
        phase = json.loads(answer).get("metadata", {}).get("provisioningStatus")
        if phase == "provisioned":
            return
        time.sleep(POLL_SECONDS)
    raise LaunchError(f"reservation {reservation_id} in {entry.region} is not provisioned but {phase}")


def call(
    state: State,
    base_url: str,
    entry: SampleReservation,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
) -> tuple[int, str]:
    """Call the API as the sample tenant; return status and body."""
    token = issuer.mint(
        state.issuer_key,
        organization=entry.organization,
        project=entry.project,
        subject="sample-tenant@example.com",
    )
    address = urlsplit(base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(headers or {})}
    try:
        connection.request(method, address.path + path, body, sent)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
