"""What the launcher remembers about the emulator's content, kept inside the emulator.

An emulator that was killed comes back as it was at its last clean stop. Notes outside of it would then be
ahead of what it holds; notes inside go back with the rest.
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
