"""A Python client of the GPU capacity reservation service.

    from gpu_capacity_client import Client

    with Client("http://127.0.0.1:3000", token=lambda: os.environ["TOKEN"]) as client:
        made = client.create_reservation({"metadata": {…}, "spec": {…}})

Every operation of the service's OpenAPI document is a method; bodies and results are dictionaries, whose
types are in ``models``. A create gets an idempotency key of its own, and a request that may be repeated is
repeated when the connection breaks or the service asks for it. A "no" is raised as ``Refused``, which knows
its ``kind``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gpu_capacity_client.client import Client
    from gpu_capacity_client.document import Operation, Parameter, operations
    from gpu_capacity_client.refusals import Kind, Refused, Unreachable

__all__ = ["Client", "Kind", "Operation", "Parameter", "Refused", "Unreachable", "operations"]

_MODULES: Final = {
    "Client": "client",
    "Operation": "document",
    "Parameter": "document",
    "operations": "document",
    "Kind": "refusals",
    "Refused": "refusals",
    "Unreachable": "refusals",
}
"""Imported when used: a command line imports little, and what is generated may be about to be written."""


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"gpu_capacity_client.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
