"""Lines of pods as pictures: ``.`` free, ``x`` incomplete, ``|`` cordoned, blank no domain.

An owned run is a row of ``c``; ``C`` begins another one adjacent to it.
"""

from __future__ import annotations

from gpu_capacity.placement.line import Line, PodBits


def pod_bits(pod_id: str, picture: str) -> PodBits:
    """A pod from its picture, position 0 first."""

    def mask(letters: str) -> int:
        return sum(1 << place for place, letter in enumerate(picture) if letter in letters)

    return PodBits(
        pod_id,
        length=max(len(picture), 1),
        known=mask(".cCx|"),
        complete=mask(".cC|"),
        cordoned=mask("|"),
        owned=mask("cC"),
        borders=mask("C"),
    )


def crowded(*pictures: str) -> tuple[str, ...]:
    """The same pods, followed by full ones with the run that the first one has, so that the region is not
    young.
    """
    claim = pictures[0].strip("x")
    free = sum(picture.count(".") for picture in pictures)
    return *pictures, *[claim] * -(-free // len(claim))


def line(*pictures: str) -> Line:
    """Pods p00, p01, … from their pictures."""
    return Line.of(pod_bits(f"p{number:02}", picture) for number, picture in enumerate(pictures))
