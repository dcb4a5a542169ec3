"""What the sample of other services has, for local stacks. ``make run`` prints it."""

from __future__ import annotations

from typing import Final

from gpu_capacity.inventory.model import Architecture
from gpu_capacity.neighbours.listed import Entry, Kind

_ARM: Final = Architecture.AARCH64
_X86: Final = Architecture.X86_64

ENTRIES: Final = (
    Entry(Kind.NETWORK, "uk-lon-1", "training", "f25e4467-0fb8-4ca3-a383-d71095ec5679"),
    Entry(Kind.NETWORK, "us-chi-1", "training", "4b708f4d-9231-4ee3-883a-6928432153c4"),
    Entry(Kind.NETWORK, "us-tex-1", "training", "5ef0be1c-32d3-4438-ba8b-b8ed78e08639"),
    Entry(Kind.NETWORK, "us-tex-1", "inference", "a4eaf130-cc5d-46b1-b035-0d820168fe6e"),
    Entry(Kind.NETWORK, "eu-ams-1", "rendering", "d7b9942b-e3bb-4fb0-b033-3e8a504fead1"),
    Entry(Kind.IMAGE, "uk-lon-1", "ubuntu-24.04", "d5c7154a-b317-4870-b087-159892dcf137", _ARM),
    Entry(Kind.IMAGE, "us-chi-1", "ubuntu-24.04", "65b5ac7b-1d4f-4313-a462-edbdfa2b9e2c", _ARM),
    Entry(Kind.IMAGE, "us-tex-1", "ubuntu-24.04", "d99baff5-4c78-4b1e-9459-44049444b40f", _ARM),
    Entry(Kind.IMAGE, "us-tex-1", "ubuntu-24.04", "7a8f7e19-3cbe-49d2-803b-f91c4b9747b5", _X86),
    Entry(Kind.IMAGE, "us-tex-1", "ubuntu-26.04", "2f1cecff-2dd0-486c-afe9-811df1bfca63", _ARM),
    Entry(Kind.IMAGE, "us-tex-1", "rocky-9", "48c4e3c1-7ea0-4fc0-bb65-e99f07ee8a93", _X86),
    Entry(Kind.IMAGE, "eu-ams-1", "ubuntu-24.04", "cabd2730-5e2a-4c1f-8146-e7f5c203eb89", _X86),
    Entry(Kind.SECURITY_GROUP, "us-tex-1", "ssh-only", "95668f5b-f0c8-4763-96ab-b55e0bafa708"),
    Entry(Kind.SSH_AUTHORITY, "us-tex-1", "team", "d3d9151a-02a2-4263-a7e9-ffeaefe10286"),
)
