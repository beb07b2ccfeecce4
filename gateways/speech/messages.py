"""The messages and services of both generations, each in a pool of its own: they share the package and most names.

Made of `protos/*/speech.binpb`, which protoc makes of the `speech.proto` beside it (CONTRIBUTING.md; a test compares them).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from gateways.speech.ports import Name

PROTOS: Final = Path(__file__).parent / "protos"
PACKAGE: Final = "speech"


@dataclass(frozen=True, slots=True)
class Generation:
    """What one generation's clients speak."""

    name: Name
    pool: DescriptorPool
    methods: tuple[tuple[str, str], ...]  # service and method, without the package

    @property
    def services(self) -> list[str]:
        """Full names."""
        return [f"{PACKAGE}.{service}" for service in dict.fromkeys(service for service, _ in self.methods)]

    def message(self, name: str) -> Any:
        """The class of a message."""
        return GetMessageClass(self.pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))


@cache
def generation(name: Name) -> Generation:
    """Read once."""
    pool = DescriptorPool()
    files = FileDescriptorSet.FromString((PROTOS / name / "speech.binpb").read_bytes())
    for file in files.file:
        pool.AddSerializedFile(file.SerializeToString())
    methods = tuple(
        (service.name, method.name)
        for file in files.file
        for service in file.service
        for method in service.method
    )
    return Generation(name, pool, methods)
