"""The tag of all operations of operators."""

from typing import Final

OPERATORS_TAG: Final = "Operators"
