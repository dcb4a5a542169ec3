"""Templates: a validated, public list; a VM can be made only from one of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gpu_capacity.errors import Misconfigured
from gpu_capacity.runtime.settings import Environment
from gpu_capacity.runtime.vm_settings import template_list
from gpu_capacity.vms.templates import TEMPLATES_MAX, Template, TemplateListInvalid, parse_templates

if TYPE_CHECKING:
    from testkit.handlers.vm_stage import Stage

ONE: dict[str, Any] = {"id": 7, "name": "Ubuntu", "os": "Ubuntu 24.04", "login": "ubuntu"}


def test_the_packaged_list_has_the_published_examples() -> None:
    packaged = template_list(Environment({"VM_TEMPLATES": ""}))
    assert [(template.id, template.name) for template in packaged.templates] == [
        (100, "Ubuntu 22.04"),
        (101, "Ubuntu 24.04"),
        (102, "Stable Diffusion"),
        (103, "ComfyUI"),
        (104, "Linux Desktop"),
    ]


def test_a_configured_list_replaces_the_packaged_one() -> None:
    configured = template_list(Environment({"VM_TEMPLATES": json.dumps([ONE])}))
    assert configured.templates == (Template(7, "Ubuntu", "Ubuntu 24.04", "ubuntu"),)


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ([], "array of 1 to 50"),
        ({}, "array of 1 to 50"),
        ([ONE | {"id": n} for n in range(1, TEMPLATES_MAX + 2)], "array of 1 to 50"),
        ([ONE, ONE], "an id twice"),
        ([ONE, 7], r"templates\[1\]"),
        ([ONE | {"disk": 1}], r"templates\[0\] must have exactly"),
        ([{"id": 7}], r"templates\[0\] must have exactly"),
        ([ONE | {"id": 0}], r"templates\[0\]\.id"),
        ([ONE | {"id": 2**53}], r"templates\[0\]\.id"),
        ([ONE | {"id": True}], r"templates\[0\]\.id"),
        ([ONE | {"id": "7"}], r"templates\[0\]\.id"),
        ([ONE | {"name": ""}], r"templates\[0\]\.name"),
        ([ONE | {"os": "n" * 101}], r"templates\[0\]\.os"),
        ([ONE | {"login": "a\nb"}], r"templates\[0\]\.login"),
        ([ONE | {"login": None}], r"templates\[0\]\.login"),
    ],
)
def test_the_error_for_an_invalid_list_names_the_entry(document: Any, named: str) -> None:
    with pytest.raises(TemplateListInvalid, match=named):
        parse_templates(json.dumps(document))


@pytest.mark.parametrize("text", ["", "no JSON", '[{"id": 7, "id": 8}]'])
def test_a_document_that_is_not_a_list_is_refused(text: str) -> None:
    with pytest.raises(TemplateListInvalid):
        parse_templates(text)


def test_the_error_for_an_invalid_list_names_the_setting() -> None:
    environment = Environment({"VM_TEMPLATES": "[]"})
    with pytest.raises(Misconfigured, match="VM_TEMPLATES"):
        template_list(environment)


def test_templates_are_shown_in_the_order_of_the_list(stage: Stage) -> None:
    stage.settings["VM_TEMPLATES"] = json.dumps([ONE | {"id": 9}, ONE])
    stage.restart()
    assert stage.send("list_templates", "all").json == [ONE | {"id": 9}, ONE]


def test_a_vm_can_be_made_only_from_a_listed_template(stage: Stage) -> None:
    stage.with_ssh_key()
    refused = stage.send("create_vm", "template_unknown")
    assert refused.status == 400
    assert "offered are 100, 101, 102, 103, 104" in refused.json["detail"]
    assert stage.send("list_vms", "all").json == []
    stage.settings["VM_TEMPLATES"] = json.dumps([ONE])
    stage.restart()
    assert stage.send("create_vm", "minimal").status == 400
    assert stage.send("create_vm", "minimal", template_vmid=7).status == 201
