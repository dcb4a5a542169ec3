"""The models of the Python client: a typed dictionary for each schema of the document."""

from __future__ import annotations

import re
from typing import Final

from datamodel_code_generator import InputFileType, PythonVersion, generate
from datamodel_code_generator.enums import DataModelType
from datamodel_code_generator.format import Formatter

HEADER: Final = '"""The schemas of docs/openapi.json as typed dictionaries, written by `make openapi`."""\n'
DEFINED: Final = re.compile(r"^class (\w+)|^(\w+): TypeAlias", re.MULTILINE)


def models(document: str) -> str:
    """Return the module for a document (JSON)."""
    written = generate(
        document,
        input_file_type=InputFileType.OpenAPI,
        output_model_type=DataModelType.TypingTypedDict,
        target_python_version=PythonVersion.PY_311,
        custom_file_header=HEADER,
        use_schema_description=True,
        formatters=[Formatter.BUILTIN],
    )
    if not isinstance(written, str):
        raise TypeError("the generator did not return one module")
    return written


def names(module: str) -> frozenset[str]:
    """Return the names that a module of models defines."""
    return frozenset(name for found in DEFINED.findall(module) for name in found if name)
