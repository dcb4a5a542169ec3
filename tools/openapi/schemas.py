"""JSON Schemas of pydantic models, under their published names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tools.openapi.description import Json, Model

_PREFIX = "#/components/schemas/"


def published_name(model: Model) -> str:
    """Return the published name of a model: its title."""
    return str(model.model_config["title"])


def reference(model: Model) -> Json:
    """Return a reference to a model's schema."""
    return {"$ref": _PREFIX + published_name(model)}


def component_schemas(models: Sequence[Model], enumerations: Mapping[str, str]) -> Json:
    """Return schemas of the models and of all that they refer to, by published name, sorted.

    A field with a default may be omitted; the schema does not show that it is ``None`` in the code then. A
    field without a default that may be ``None`` is always present, and null if unknown.

    Raises:
        ValueError: two schemas would have the same name.
    """
    _, top = models_json_schema([(model, "validation") for model in models], ref_template=_PREFIX + "{model}")
    definitions: Json = top["$defs"]
    names = {code: enumerations.get(code, schema["title"]) for code, schema in definitions.items()}
    if len(set(names.values())) != len(names):
        raise ValueError(f"schemas share a name: {sorted(names.values())}")
    tidied = {names[code]: _tidied(schema, names) for code, schema in definitions.items()}
    return dict(sorted(tidied.items()))


def _tidied(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, list):
        return [_tidied(part, names) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {**schema, "$ref": _PREFIX + names[schema["$ref"].removeprefix(_PREFIX)]}
    kept = {key: value for key, value in schema.items() if not (key == "default" and value is None)}
    if isinstance(kept.get("title"), str):
        del kept["title"]
    optional = "default" in schema and schema["default"] is None
    choices = [choice for choice in kept.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1 and optional:
        del kept["anyOf"]
        kept |= _tidied(choices[0], names) if "$ref" in choices[0] else choices[0]
    return {
        key: {name: _tidied(part, names) for name, part in value.items()}
        if key == "properties"
        else _tidied(value, names)
        for key, value in kept.items()
    }
