"""The launcher's notes about the emulator's content, stored in the emulator.

An emulator that was killed starts again with the state of its last clean stop. Notes outside of it would then
be ahead of its content; notes inside are restored with it.
"""

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

PARAMETER = "/local-stack/notes"


class Memory:
    """Named notes (JSON values) in one parameter of the emulator's Parameter Store."""

    def __init__(self, ssm: "SSMClient") -> None:
        self._ssm = ssm

    def read(self) -> dict[str, Any]:
        """Return all notes; empty in a fresh emulator."""
        try:
            text = self._ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ParameterNotFound":
                raise
            return {}
        notes: dict[str, Any] = json.loads(text)
        return notes

    def remember(self, **notes: object) -> None:
        """Add notes, or replace those of the same name."""
        value = json.dumps(self.read() | notes, sort_keys=True)
        self._ssm.put_parameter(Name=PARAMETER, Value=value, Type="String", Overwrite=True)
