"""Change the image of a placement, and how its servers get it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gpu_capacity.access import Permission
from gpu_capacity.dynamodb.database import Refused
from gpu_capacity.errors import InvalidRequest, NotFound, StateConflict, Unprocessable
from gpu_capacity.holders.advance import ATTEMPTS_MAX
from gpu_capacity.holders.visible import visible_holder
from gpu_capacity.holders.workflows import start_workflow
from gpu_capacity.placements.names import check_names
from gpu_capacity.placements.observation import ObservedPlacement, observe
from gpu_capacity.placements.record import PlacementStatus

if TYPE_CHECKING:
    from typing import Protocol

    from gpu_capacity.access import Caller
    from gpu_capacity.holders.roles import HasClock, HasPause, HasWorkflows
    from gpu_capacity.placements.names import Needs as NameNeeds
    from gpu_capacity.placements.read import Needs as ReadNeeds
    from gpu_capacity.placements.record import Networking, Placement
    from gpu_capacity.placements.request import PlacementSpec

    class Needs(NameNeeds, ReadNeeds, HasClock, HasPause, HasWorkflows, Protocol):
        """What the functions of this module work with."""


def update_placement(
    services: Needs, caller: Caller, placement_id: str, spec: PlacementSpec, organizations: frozenset[str]
) -> ObservedPlacement:
    """Change the image of a placement, or its update strategy; nothing else can change.

    Args:
        services: collaborators.
        caller: who sends the request.
        placement_id: as sent by the client.
        spec: the whole spec, as the client wants it. Without a strategy the present one stays.
        organizations: where to look; empty for all of the caller's.

    Returns:
        The placement, without counts if it changed: its servers have not been looked at since.

    Raises:
        Forbidden: the token may not update placements.
        NotFound: the caller may see no placement of this id.
        InvalidRequest: another field differs, or the servers cannot have the new image.
        StateConflict: the placement is being deleted; or another request changed it meanwhile, or the
            workflow in every attempt.
    """
    caller.require(Permission.UPDATE_PLACEMENTS)
    first = placement = visible_holder(services.placements, caller, placement_id, organizations, own=True)
    _check_unchanged(placement, spec)
    if spec.image_id != first.image_id:
        _check_image(services, first, spec.image_id)
    for attempt in range(ATTEMPTS_MAX):
        if placement.status is PlacementStatus.DEPROVISIONING:
            raise StateConflict("the placement is being deleted")
        if (placement.image_id, placement.strategy) != (first.image_id, first.strategy):
            break
        after = _changed(placement, spec, caller.name, services.clock.now())
        if after == placement:
            return observe(services, placement)
        written = services.placements.change(placement, after)
        if not isinstance(written, Refused):
            _audit(services, caller, written)
            if written.attempt != placement.attempt:
                start_workflow(services, written)
            return ObservedPlacement(written, None)
        services.pause(attempt)
        placement = visible_holder(services.placements, caller, placement_id, organizations)
    raise StateConflict("somebody else changed the placement meanwhile: read it, and decide again")


def _changed(placement: Placement, spec: PlacementSpec, by: str, now: int) -> Placement:
    """The placement with the image and the strategy of the request; an equal one if nothing changes."""
    strategy = spec.strategy or placement.strategy
    renewed = spec.image_id != placement.image_id
    if not renewed and strategy == placement.strategy:
        return placement
    after = replace(
        placement.moving_afresh() if renewed else placement,
        image_id=spec.image_id,
        generation=placement.generation + renewed,
        strategy=strategy,
        modified_at=now,
        modified_by=by,
    )
    if not (strategy.is_rolling or placement.is_unsettled):
        return after
    # Names of executions are used once, and the one that may be running decided on the former image.
    after = replace(after, unsettled_since=now, attempt=placement.attempt + 1)
    if placement.status is PlacementStatus.PENDING:
        return after
    return replace(after, status=PlacementStatus.PROVISIONING, failure=None)


def _check_unchanged(placement: Placement, spec: PlacementSpec) -> None:
    """Refuse a spec that differs in anything but the image and the strategy.

    Raises:
        InvalidRequest: it names all fields that differ.
    """
    pairs = (
        ("count", placement.count, spec.count),
        ("constraints", placement.constraints, spec.constraints),
        ("readinessPolicy", placement.readiness, spec.readiness),
        ("serverSpec.networking", _plain(placement.networking), _plain(spec.networking)),
        (
            "serverSpec.sshCertificateAuthorityId",
            placement.ssh_certificate_authority_id,
            spec.ssh_certificate_authority_id,
        ),
        ("serverSpec.userData", placement.user_data, spec.user_data),
    )
    problems = [(f"spec.{name}", "cannot be changed") for name, now, wanted in pairs if now != wanted]
    if problems:
        raise InvalidRequest.of(problems)


def _check_image(services: NameNeeds, placement: Placement, image_id: str) -> None:
    """Check that the servers can have another image.

    Raises:
        InvalidRequest: they cannot. ``NotFound`` would say that the placement does not exist.
    """
    try:
        check_names(services, placement, image_id)
    except (NotFound, Unprocessable) as error:
        raise InvalidRequest("spec.serverSpec.imageId", str(error)) from error


def _plain(networking: Networking | None) -> Networking | None:
    """Networking with an empty list for an absent one, as clients may drop an empty list that they read."""
    if networking is None:
        return None
    return replace(
        networking,
        allowed_source_addresses=networking.allowed_source_addresses or (),
        security_groups=networking.security_groups or (),
    )


def _audit(services: Needs, caller: Caller, placement: Placement) -> None:
    services.telemetry.audit(
        caller.subject,
        "update_placement",
        placement.id,
        "accepted",
        organization=placement.organization_id,
        generation=placement.generation,
    )
