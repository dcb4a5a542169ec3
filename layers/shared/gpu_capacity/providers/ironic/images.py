"""Where Ironic finds the images of placements."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from gpu_capacity.errors import Misconfigured

PLACE = "{image}"


@dataclass(frozen=True, slots=True)
class Images:
    """URLs with ``{image}`` where the id of the image goes: of the image, and of its checksum."""

    source: str
    checksum: str

    def __post_init__(self) -> None:
        """Raise ``Misconfigured`` if all images would have one URL."""
        for url in (self.source, self.checksum):
            if PLACE not in url:
                raise Misconfigured(f"the URLs of images for Ironic must contain {PLACE}")

    def of(self, image_id: str) -> dict[str, str]:
        """The fields of ``instance_info`` that name an image."""
        named = quote(image_id, safe="")
        return {
            "image_source": self.source.replace(PLACE, named),
            "image_checksum": self.checksum.replace(PLACE, named),
        }
