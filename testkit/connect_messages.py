"""The messages of the capacity claims, compiled from their ``.proto`` file for Google's runtime.

A second opinion on this project's own tables and codec.
"""

from __future__ import annotations

import importlib.resources
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

PROTO: Final = Path(__file__).resolve().parents[1] / "docs" / "capacity_claims.proto"
SERVICE: Final = "coreweave.inference.v1alpha1.CapacityClaimService"


@cache
def pool() -> descriptor_pool.DescriptorPool:
    """All that the file describes.

    Raises:
        ValueError: the compiler refuses the file.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "set"
        words = [f"-I{PROTO.parent}", f"-I{importlib.resources.files('grpc_tools') / '_proto'}"]
        if protoc.main(["protoc", *words, "--include_imports", f"-o{made}", str(PROTO)]) != 0:
            raise ValueError(f"{PROTO.name} does not compile")
        files = descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes())
    described = descriptor_pool.DescriptorPool()
    for file in files.file:
        described.Add(file)
    return described


def message_class(name: str) -> Any:
    """The class of a message by its full name."""
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(name))


def methods() -> dict[str, tuple[Any, Any]]:
    """The classes of request and response of each method."""
    service = pool().FindServiceByName(SERVICE)
    return {
        method.name: (message_class(method.input_type.full_name), message_class(method.output_type.full_name))
        for method in service.methods
    }
