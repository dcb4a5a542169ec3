"""Validates texts: their size in bytes of UTF-8, as they are stored, and their characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError, core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler


@dataclass(frozen=True, slots=True)
class AtMostBytes:
    """Annotates a text field with its size limit in bytes. JSON Schema has the same limit in characters."""

    bytes_max: int

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """The field's own validation, then the size."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The same limit in characters, as a character has at least one byte."""
        return {**handler(schema), "maxLength": self.bytes_max}

    def _checked(self, text: str) -> str:
        if len(text.encode("utf-8", "surrogatepass")) > self.bytes_max:
            raise PydanticCustomError(
                "text_too_long", "must have at most {bytes_max} bytes in UTF-8", {"bytes_max": self.bytes_max}
            )
        return text


def printable(text: str) -> str:
    """Refuse characters such as line breaks, which do harm where a text is shown, logged or parsed."""
    if not text.isprintable():
        raise PydanticCustomError("string_not_printable", "must have printable characters only")
    return text


def saying(text: str) -> str:
    """Refuse a text without a letter or a digit: it tells nobody anything."""
    if not any(character.isalnum() for character in text):
        raise PydanticCustomError("string_says_nothing", "must have words")
    return text
