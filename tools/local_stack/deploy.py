"""`sam deploy` of the build to the emulator, with the template as it is."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tools.local_stack import issuer
from tools.local_stack.build import (
    Build,
    Environments,
    architecture,
    own_sam_configuration,
    run_logged,
    runtime,
)
from tools.local_stack.emulator import REGION, client_environment
from tools.local_stack.errors import LaunchError
from tools.local_stack.memory import Memory
from tools.local_stack.state import ROOT, State

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

STACK = "gpu-capacity"
ARTIFACTS_BUCKET = "gpu-capacity-artifacts"
# Simulated delays long enough to see each status, and short enough to wait for.
SHORT_DELAYS = {
    "SimulatedReadySeconds": "5",
    "SimulatedDeleteSeconds": "3",
    "SimulatedBootSeconds": "5",
    "SimulatedRebuildSeconds": "5",
    "SimulatedRebootSeconds": "3",
    "SimulatedStopSeconds": "3",
    "PollSeconds": "1",
    "VmNoticeSeconds": "10",
}
# Placements may name only what the sample of other services has: `make run` prints it.
SAMPLE = {"Neighbours": "sample"}
API_URL = re.compile(r"^https://(?P<api>[^.]+)\.execute-api\.[^/]+/(?P<stage>[^/]+)/?$")


@dataclass(frozen=True)
class Stack:
    """A deployed stack: its outputs by name, and its resources (physical ids by logical ids)."""

    outputs: Mapping[str, str]
    resources: Mapping[str, str]

    def output(self, name: str) -> str:
        """Return one output; LaunchError if the template has none of that name."""
        try:
            return self.outputs[name]
        except KeyError:
            raise LaunchError(f"the template has no output {name}") from None

    def api(self) -> tuple[str, str]:
        """Return the REST API's id and its stage, read from the output ApiUrl."""
        found = API_URL.match(self.output("ApiUrl"))
        if not found:
            raise LaunchError(f"the output ApiUrl is no address of a REST API: {self.output('ApiUrl')}")
        return found["api"], found["stage"]


def parameters(state: State, emulator_url: str, more: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that differ from the template's defaults here; `more` (--parameter) overrides."""
    return {
        "PythonRuntime": runtime(),
        "Architecture": architecture(),
        "AwsEndpointUrl": emulator_url,
        "AuthIssuer": issuer.ISSUER,
        "AuthAudience": issuer.AUDIENCE,
        "AuthJwks": issuer.encoded_key_set(state.issuer_key),
        "DeletionProtection": "false",
        **SHORT_DELAYS,
        **SAMPLE,
        **more,
    }


def ensure_deployed(
    state: State,
    environments: Environments,
    build: Build,
    values: Mapping[str, str],
    *,
    memory: Memory,
    cloudformation: "CloudFormationClient",
    s3: "S3Client",
) -> tuple[Stack, bool]:
    """Deploy unless the emulator has this build with these parameters; return stack and whether it is new.

    Raises:
        LaunchError: `sam deploy` failed, or its stack did not reach a good state.
    """
    wanted = hashlib.sha256((build.fingerprint + json.dumps(values, sort_keys=True)).encode()).hexdigest()
    stack = describe(cloudformation)
    if stack and memory.read().get("deployed") == wanted:
        return stack, False
    memory.remember(deployed=None)
    ensure_bucket(s3)
    remove_remains(cloudformation)
    try:
        sam_deploy(state, environments, build, {**values, "Release": wanted[:16]})
    except LaunchError as error:
        raise LaunchError(failure(cloudformation) or str(error)) from None
    stack = describe(cloudformation)
    if not stack:
        raise LaunchError(f"the stack is incomplete after the deployment (log: {state.logs / 'deploy.log'})")
    memory.remember(deployed=wanted)
    return stack, True


def sam_deploy(state: State, environments: Environments, build: Build, values: Mapping[str, str]) -> None:
    """Run `sam deploy` against the emulator; LaunchError with the end of its output if it fails."""
    run_logged(
        [
            str(environments.sam),
            "deploy",
            f"--template-file={build.template}",
            f"--stack-name={STACK}",
            f"--s3-bucket={ARTIFACTS_BUCKET}",
            f"--region={REGION}",
            f"--config-file={own_sam_configuration(state)}",
            "--capabilities=CAPABILITY_IAM",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-progressbar",
            "--parameter-overrides",
            *(override(name, value) for name, value in values.items()),
        ],
        log=state.logs / "deploy.log",
        environment=client_environment(values["AwsEndpointUrl"]) | {"SAM_CLI_TELEMETRY": "0"},
        root=ROOT,
    )


def override(name: str, value: str) -> str:
    """Return a parameter as `sam deploy` reads it, which splits at blanks outside of quotes."""
    if not any(blank in value for blank in " \t\n"):
        return f"{name}={value}"
    return '{}="{}"'.format(name, value.replace("\\", "\\\\").replace('"', '\\"'))


def remove_remains(cloudformation: "CloudFormationClient") -> None:
    """Delete a stack whose creation failed: CloudFormation accepts no update of it."""
    if status(cloudformation) in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"}:
        cloudformation.delete_stack(StackName=STACK)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )


def failure(cloudformation: "CloudFormationClient") -> str:
    """Return which resources failed and why, oldest first; empty if CloudFormation names none."""
    if status(cloudformation) is None:
        return ""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=STACK)
    events = [event for page in pages for event in page["StackEvents"]]
    failed = (
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}"
        for event in reversed(events)
        if event["ResourceStatus"] in {"CREATE_FAILED", "UPDATE_FAILED"}
    )
    lines = list(dict.fromkeys(failed))
    return "\n".join(["the emulator could not deploy the template:", *lines]) if lines else ""


def status(cloudformation: "CloudFormationClient") -> str | None:
    """Return the stack's status, or None if there is no stack."""
    try:
        found = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    except ClientError as error:
        # CloudFormation's error for a stack that does not exist.
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return None
    return found["StackStatus"]


def ensure_bucket(s3: "S3Client") -> None:
    """Create the bucket for `sam deploy` unless it exists, as it does after the emulator was killed."""
    try:
        s3.create_bucket(Bucket=ARTIFACTS_BUCKET)
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise


def describe(cloudformation: "CloudFormationClient") -> Stack | None:
    """Return the stack if it is complete, else None."""
    if status(cloudformation) not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
        return None
    found = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    return Stack(
        outputs={output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])},
        resources={entry["LogicalResourceId"]: entry["PhysicalResourceId"] for entry in resources},
    )
