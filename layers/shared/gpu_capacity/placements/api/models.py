"""Bodies of placements, version 0.5.0: names, casing, required fields and enums as published.

What was not sent is not shown: clients compare what they read with what they sent.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from gpu_capacity.access import IDENTITY_BYTES_MAX
from gpu_capacity.errors import InvalidRequest
from gpu_capacity.holders.ids import canonical_uuid
from gpu_capacity.holders.project_scoped import Tag
from gpu_capacity.http.rendering import Timestamp, as_json, timestamp
from gpu_capacity.http.text_sizes import AtMostBytes, printable
from gpu_capacity.placement.servers import Policy, Readiness
from gpu_capacity.placements.api.details import explain_health, explain_provisioning
from gpu_capacity.placements.record import (
    USER_DATA_BYTES_MAX,
    Constraints,
    Networking,
    StrategyType,
    Unsatisfiable,
    UpdateStrategy,
)
from gpu_capacity.placements.request import PlacementRequest, PlacementSpec
from gpu_capacity.reservations.api.bodies import Body
from gpu_capacity.reservations.api.models import (
    COUNT_MAX,
    Count,
    ProjectScopedMetadataRead,
    ResourceMetadata,
)
from gpu_capacity.reservations.api.notices import NoticeRead, notices_read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_capacity.placements.moves import Leaving
    from gpu_capacity.placements.observation import ObservedPlacement
    from gpu_capacity.placements.record import Placement

ENTRIES_MAX: Final = 64
"""Source addresses, and security groups, of one placement."""

MAX_UNAVAILABLE: Final = r"^([0-9]{1,9}|([0-9]|[1-9][0-9]|100)%)$"


_PREFIX: Final = re.compile(r"[0-9A-Fa-f:.]+(/(0|[1-9][0-9]*))?")
"""What Python accepts beyond this is a zone, which may be any text, or a mask, which is read in two ways."""


def _prefix(text: str) -> str:
    """An address or a prefix, of either version of IP. It is kept as it was sent."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        is_prefix = False
    else:
        is_prefix = _PREFIX.fullmatch(text) is not None
    if not is_prefix:
        raise ValueError("must be an IP address or a prefix such as 10.0.0.0/8")
    return text


def _base64(text: str) -> str:
    """Base64 as it is shown again: the standard alphabet, padded, without line breaks."""
    try:
        octets = base64.b64decode(text, validate=True)
    except ValueError:
        octets = None
    if octets is None or base64.b64encode(octets).decode() != text:
        raise ValueError("must be base64 in the standard alphabet, padded, without line breaks")
    if len(octets) > USER_DATA_BYTES_MAX:
        raise ValueError(f"must have at most {USER_DATA_BYTES_MAX} bytes, decoded")
    return text


Name = Annotated[StrictStr, Field(min_length=1), AtMostBytes(IDENTITY_BYTES_MAX), AfterValidator(printable)]
Prefix = Annotated[StrictStr, AtMostBytes(IDENTITY_BYTES_MAX), AfterValidator(_prefix)]
UserData = Annotated[
    StrictStr, AfterValidator(_base64), Field(json_schema_extra={"contentEncoding": "base64"})
]


class ConstraintsModel(Body):
    """Which hosts of the reservation are taken."""

    model_config = ConfigDict(title="placementV2Constraints")

    policy: Policy = Field(description="`pack` fills one domain after the other, `spread` evens out.")
    max_skew: Annotated[StrictInt, Field(ge=1, le=COUNT_MAX)] | None = Field(
        None, description="With `spread`: the largest difference of hosts between two domains."
    )
    min_domains: Annotated[StrictInt, Field(ge=1, le=COUNT_MAX)] | None = Field(
        None, description="With `spread`: at least so many domains get a host."
    )
    when_unsatisfiable: Unsatisfiable | None = Field(
        None, description="With `spread`: whether to come as near as possible. `fail` if absent."
    )


class ReadinessPolicyModel(Body):
    """Whether hosts have to pass the readiness check."""

    model_config = ConfigDict(title="placementV2ReadinessPolicy")

    mode: Readiness


class NetworkingModel(Body):
    """How servers are reached."""

    model_config = ConfigDict(title="placementV2Networking")

    allowed_source_addresses: Annotated[list[Prefix], Field(max_length=ENTRIES_MAX)] | None = None
    public_ip: StrictBool | None = Field(None, alias="publicIP")
    security_groups: Annotated[list[Name], Field(max_length=ENTRIES_MAX)] | None = None


class ServerSpecModel(Body):
    """What runs on each host."""

    model_config = ConfigDict(title="placementV2ServerSpec")

    image_id: Name
    networking: NetworkingModel | None = None
    ssh_certificate_authority_id: Name | None = None
    user_data: UserData | None = None


class RollingUpdateModel(Body):
    """How many servers may be down at a time."""

    model_config = ConfigDict(title="placementV2RollingUpdate")

    max_unavailable: (
        Annotated[
            StrictStr,
            Field(pattern=MAX_UNAVAILABLE, description="A number of servers, or a percentage, rounded up."),
        ]
        | None
    ) = None


class UpdateStrategyModel(Body):
    """How servers get another image."""

    model_config = ConfigDict(title="placementV2UpdateStrategy")

    type: StrategyType
    rolling_update: RollingUpdateModel | None = None


class PlacementSpecModel(Body):
    """What is placed."""

    model_config = ConfigDict(title="placementV2Spec")

    count: Count
    constraints: ConstraintsModel
    readiness_policy: ReadinessPolicyModel | None = None
    server_spec: ServerSpecModel
    update_strategy: UpdateStrategyModel | None = None

    def spec(self) -> PlacementSpec:
        """The spec as use cases take it.

        Raises:
            InvalidRequest: fields contradict each other; it names all that do.
        """
        if problems := [*self._problems()]:
            raise InvalidRequest.of(problems)
        server, wanted = self.server_spec, self.constraints
        return PlacementSpec(
            count=self.count,
            constraints=Constraints(
                wanted.policy, wanted.max_skew, wanted.min_domains, wanted.when_unsatisfiable
            ),
            readiness=self.readiness_policy.mode if self.readiness_policy else None,
            image_id=canonical_uuid(server.image_id) or server.image_id,
            networking=_networking(server.networking) if server.networking else None,
            ssh_certificate_authority_id=server.ssh_certificate_authority_id,
            user_data=None if server.user_data is None else base64.b64decode(server.user_data),
            strategy=self._strategy(),
        )

    def _strategy(self) -> UpdateStrategy | None:
        sent = self.update_strategy
        if sent is None:
            return None
        rolling = sent.rolling_update
        return UpdateStrategy(sent.type, rolling is not None, rolling.max_unavailable if rolling else None)

    def _problems(self) -> list[tuple[str, str]]:
        """What is wrong with fields together: (field, problem)."""
        wanted, problems = self.constraints, []
        if wanted.policy is Policy.PACK:
            sent = {
                "maxSkew": wanted.max_skew,
                "minDomains": wanted.min_domains,
                "whenUnsatisfiable": wanted.when_unsatisfiable,
            }
            problems += [
                (f"spec.constraints.{name}", "goes with the policy spread only")
                for name, value in sent.items()
                if value is not None
            ]
        elif wanted.min_domains is not None and wanted.min_domains > self.count:
            problems.append(("spec.constraints.minDomains", "must not be larger than count"))
        amount = (self._strategy() or UpdateStrategy()).max_unavailable
        if amount is not None and not int(amount.rstrip("%")):
            problems.append(("spec.updateStrategy.rollingUpdate.maxUnavailable", "must not come to 0"))
        return problems


class PlacementCreateSpec(PlacementSpecModel):
    """What is placed, and where."""

    model_config = ConfigDict(title="placementV2CreateSpec")

    reservation_id: StrictStr = Field(description="The reservation whose hosts are taken.")
    network_id: Name = Field(description="The network that the servers are in.")


class PlacementCreate(Body):
    """A request to create a placement."""

    model_config = ConfigDict(title="placementV2Create")

    metadata: ResourceMetadata
    spec: PlacementCreateSpec

    def request(self) -> PlacementRequest:
        """The request as use cases take it.

        Raises:
            InvalidRequest: fields contradict each other.
        """
        return PlacementRequest(
            reservation_id=self.spec.reservation_id,
            network_id=self.spec.network_id,
            name=self.metadata.name,
            description=self.metadata.description,
            tags=tuple(Tag(tag.name, tag.value) for tag in self.metadata.tags or ()),
            spec=self.spec.spec(),
        )


class PlacementUpdate(Body):
    """A request to change a placement. The metadata is ignored."""

    model_config = ConfigDict(title="placementV2Update")

    metadata: ResourceMetadata
    spec: PlacementSpecModel


class LeavingHost(Body):
    """A host that a server has left, and that the placement gives back once the provider has let go of it."""

    model_config = ConfigDict(title="leavingHost")

    infrastructure_ref: str
    ordinal: int = Field(ge=0, description="Of the server that has left it.")
    reason: str
    since: Timestamp


class PlacementStatusRead(Body):
    """The state of the placement. The counts mean nothing while ``statusCurrent`` is false."""

    model_config = ConfigDict(title="placementV2Status")

    region_id: str
    reservation_id: str
    network_id: str
    status_current: bool = Field(
        description="False after a change, until the servers have been looked at again."
    )
    ready_host_count: int | None = Field(None, ge=0, description="Hosts whose servers are running.")
    updated_host_count: int | None = Field(
        None, ge=0, description="Servers that are provisioned with the wanted image."
    )
    drifted_host_count: int | None = Field(
        None, ge=0, description="Servers that are not, those being rebuilt included."
    )
    in_flight_count: int | None = Field(
        None, ge=0, description="Servers that are not provisioned, for whatever cause."
    )
    stalled_count: int | None = Field(None, ge=0, description="Servers whose provisioning failed.")
    max_unavailable: int | None = Field(
        None, ge=0, description="How many servers may be rebuilt at a time; 0 with `Manual`."
    )
    maintenances: list[NoticeRead] | None = Field(
        None, description="Work that is planned or under way on some of its hosts."
    )
    leaving_hosts: list[LeavingHost] | None = Field(
        None, description="Hosts that servers have left, as long as the provider has not let go of them."
    )


class PlacementRead(Body):
    """A placement."""

    model_config = ConfigDict(title="placementV2Read")

    metadata: ProjectScopedMetadataRead
    spec: PlacementSpecModel
    status: PlacementStatusRead


def placement_view(observed: ObservedPlacement) -> dict[str, Any]:
    """A placement as JSON."""
    placement, counts = observed.placement, observed.counts
    return as_json(
        PlacementRead.model_construct(
            metadata=ProjectScopedMetadataRead.of(
                placement,
                (placement.status.value, *explain_provisioning(observed)),
                (observed.health, *explain_health(observed)),
                modified_time=timestamp(placement.modified_at),
                modified_by=placement.modified_by,
            ),
            spec=_spec_read(placement),
            status=PlacementStatusRead.model_construct(
                region_id=placement.region_id,
                reservation_id=placement.reservation_id,
                network_id=placement.network_id,
                status_current=counts is not None,
                ready_host_count=counts.ready if counts else None,
                updated_host_count=counts.updated if counts else None,
                drifted_host_count=counts.drifted if counts else None,
                in_flight_count=counts.in_flight if counts else None,
                stalled_count=counts.stalled if counts else None,
                max_unavailable=placement.max_unavailable,
                maintenances=notices_read(
                    observed.notices,
                    placement.organization_id,
                    placement.reservation_id,
                    placement.reservation_life,
                ),
                leaving_hosts=[_leaving_read(leaving) for leaving in placement.leaving] or None,
            ),
        )
    )


def _leaving_read(leaving: Leaving) -> LeavingHost:
    return LeavingHost.model_construct(
        infrastructure_ref=leaving.host_id,
        ordinal=leaving.ordinal,
        reason=leaving.reason,
        since=timestamp(leaving.since),
    )


def _spec_read(placement: Placement) -> PlacementSpecModel:
    """The spec as it was sent, but for the image, which can be changed, and the update strategy."""
    wanted, data, strategy = placement.constraints, placement.user_data, placement.strategy
    return PlacementSpecModel.model_construct(
        count=placement.count,
        constraints=ConstraintsModel.model_construct(
            policy=wanted.policy,
            max_skew=wanted.max_skew,
            min_domains=wanted.min_domains,
            when_unsatisfiable=wanted.when_unsatisfiable,
        ),
        readiness_policy=placement.readiness
        and ReadinessPolicyModel.model_construct(mode=placement.readiness),
        server_spec=ServerSpecModel.model_construct(
            image_id=placement.image_id,
            networking=placement.networking and _networking_read(placement.networking),
            ssh_certificate_authority_id=placement.ssh_certificate_authority_id,
            user_data=None if data is None else base64.b64encode(data).decode(),
        ),
        update_strategy=UpdateStrategyModel.model_construct(
            type=strategy.type,
            rolling_update=RollingUpdateModel.model_construct(max_unavailable=strategy.max_unavailable)
            if strategy.rolling_update
            else None,
        ),
    )


def _networking(sent: NetworkingModel) -> Networking:
    return Networking(_frozen(sent.allowed_source_addresses), sent.public_ip, _frozen(sent.security_groups))


def _networking_read(networking: Networking) -> NetworkingModel:
    return NetworkingModel.model_construct(
        allowed_source_addresses=networking.allowed_source_addresses,
        public_ip=networking.public_ip,
        security_groups=networking.security_groups,
    )


def _frozen(values: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
