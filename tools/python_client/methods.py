"""The methods of the Python client: one for each operation of the document."""

from __future__ import annotations

import re
from textwrap import wrap as wrapped
from typing import TYPE_CHECKING, Any, Final

from gpu_capacity_client.document import KEY, PAGING, Operation, Parameter, operations

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

HEADER: Final = '''"""A method for each operation of docs/openapi.json, written by `make openapi`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from gpu_capacity_client import models


class Methods(ABC):
    """The operations of the service. Each returns the body of the answer, and raises ``Refused``.

    A method that lists returns everything, whatever the number of pages.
    """

    @abstractmethod
    def _call(self, operation: str, parameters: Mapping[str, Any], body: Any = None) -> Any:
        """Carry out an operation, and return the body of its answer."""
'''
WIDTH: Final = 98
PLAIN: Final = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}


def methods(models: AbstractSet[str]) -> str:
    """Return the module, in which types are those that a module of models defines."""
    return "\n".join([HEADER, *(line for one in operations().values() for line in _method(one, models))])


def snake(name: str) -> str:
    """Return a name of the document as Python spells it: ``reservationID`` becomes ``reservation_id``."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.removeprefix("X-"))
    return re.sub(r"\W", "_", parted).lower()


def _method(operation: Operation, models: AbstractSet[str]) -> Iterator[str]:
    shown = [p for p in operation.parameters if not (operation.is_paged and p.name in PAGING)]
    positional = [f"{snake(p.name)}: str" for p in shown if p.place == "path"]
    if operation.body is not None:
        positional.append(f"body: {_type(operation.body, models)}")
    named = [f"{snake(p.name)}: {_of(p)} | None = None" for p in shown if p.place != "path"]
    result = "None" if operation.result is None else _type(operation.result, models)
    yield f"    def {snake(operation.id)}("
    yield from (f"        {part}," for part in ("self", *positional, *(["*", *named] if named else ())))
    yield f"    ) -> {result}:"
    yield f'        """{operation.summary}.'
    yield ""
    yield from _paragraph(operation.description)
    if operation.is_keyed:
        yield from _paragraph(f"Without `{snake(KEY)}` one is made, under which the request may be repeated.")
    yield '        """'
    yield "        answer = self._call("
    yield f'            "{operation.id}",'
    given = ", ".join(f'"{p.name}": {snake(p.name)}' for p in shown)
    yield from (f"            {line}" for line in wrapped(f"{{{given}}},", WIDTH, break_on_hyphens=False))
    if operation.body is not None:
        yield "            body,"
    yield "        )"
    yield f'        return cast("{result}", answer)'
    yield ""


def _of(parameter: Parameter) -> str:
    if parameter.repeats:
        return "list[str]"
    return PLAIN.get(str(parameter.schema.get("type")), "str")


def _type(schema: dict[str, Any], models: AbstractSet[str]) -> str:
    """The type of a body: a model, a list of some, or a plain dictionary."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        model = name[0].upper() + name[1:]
        if model not in models:
            raise ValueError(f"there is no model {model}")
        return f"models.{model}"
    if schema.get("type") == "array":
        return f"list[{_type(schema['items'], models)}]"
    return "dict[str, Any]"


def _paragraph(text: str) -> Iterator[str]:
    yield from (f"        {line}" for line in wrapped(text.replace("\\", "\\\\"), WIDTH))
