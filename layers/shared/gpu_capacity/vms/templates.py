"""Templates, which disks of new VMs are cloned from: a configured list. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gpu_capacity import strict_json

ID_MAX: Final = (1 << 53) - 1
TEMPLATES_MAX: Final = 50
TEXT_LENGTH_MAX: Final = 100
_FIELDS: Final = ("id", "name", "os", "login")


class TemplateListInvalid(ValueError):
    """A list of templates is malformed; the message names the entry."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template. The host provider knows it as number ``id``; ``login`` is the user name on the new VM."""

    id: int
    name: str
    os: str
    login: str


@dataclass(frozen=True, slots=True)
class TemplateList:
    """The templates that are offered, in the order of the document."""

    templates: tuple[Template, ...]

    @property
    def ids(self) -> list[int]:
        """Their numbers."""
        return [template.id for template in self.templates]


def parse_templates(text: str) -> TemplateList:
    """Read a list of templates in the form of ``templates.json``.

    Raises:
        TemplateListInvalid: it is no JSON array of 1 to 50 templates, an entry is wrong, or an id occurs
            twice.
    """
    try:
        document = strict_json.loads(text)
    except strict_json.JsonRefused as error:
        raise TemplateListInvalid(f"the list of templates: {error}") from error
    if not isinstance(document, list) or not 1 <= len(document) <= TEMPLATES_MAX:
        raise TemplateListInvalid(f"the list of templates must be an array of 1 to {TEMPLATES_MAX} objects")
    found = TemplateList(tuple(_template(f"templates[{n}]", entry) for n, entry in enumerate(document)))
    if len(set(found.ids)) != len(found.ids):
        raise TemplateListInvalid("the list of templates has an id twice")
    return found


def _template(place: str, entry: Any) -> Template:
    if not isinstance(entry, dict) or set(entry) != set(_FIELDS):
        raise TemplateListInvalid(f"{place} must have exactly {', '.join(_FIELDS)}")
    if type(entry["id"]) is not int or not 1 <= entry["id"] <= ID_MAX:
        raise TemplateListInvalid(f"{place}.id must be a whole number from 1 to 2^53 - 1")
    for name in _FIELDS[1:]:
        text = entry[name]
        if not isinstance(text, str) or not text.isprintable() or not 1 <= len(text) <= TEXT_LENGTH_MAX:
            raise TemplateListInvalid(f"{place}.{name} must have 1 to {TEXT_LENGTH_MAX} printable characters")
    return Template(**entry)
