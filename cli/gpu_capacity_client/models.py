"""The schemas of docs/openapi.json as typed dictionaries, written by `make openapi`."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

MaintenanceStatus: TypeAlias = Literal['planned', 'open', 'ending', 'ended', 'cancelled']


Obstacle: TypeAlias = Literal['maintenance', 'quarantine']


class ExcludedUnits(TypedDict):
    """
    Units that no request can have now, each counted by the first reason that applies.
    """

    claimed: int
    cordoned: int
    incomplete: int


class FieldProblem(TypedDict):
    """
    What is wrong with one field, header or parameter.
    """

    field: str
    problem: str


GpuVendorV2: TypeAlias = Literal['UNKNOWN', 'NVIDIA', 'AMD']


HolderEventWord: TypeAlias = Literal['created', 'accepted', 'provisioned', 'changed', 'degraded', 'healed', 'failed', 'interruption_announced', 'interrupted', 'ended', 'released']


HostArchitectureV2: TypeAlias = Literal['UNKNOWN', 'x86_64', 'aarch64']


class HostsUnavailable(TypedDict):
    """
    Why a placement does not fit; an addition to the contract. ``canEverFit`` tells whether to wait.
    """

    requestedHostCount: int
    totalHostCount: int
    freeHostCount: int
    readyHostCount: NotRequired[int]
    spareHostCount: NotRequired[int]
    canEverFit: bool


class InsufficientCapacity(TypedDict):
    """
    Why a reservation does not fit; an addition to the contract. ``canEverFit`` tells whether to wait.
    """

    requestedUnitCount: int
    availableUnitCount: int
    largestContiguousUnitCount: int
    largestPossibleUnitCount: int
    canEverFit: bool
    excluded: ExcludedUnits


class MaintenanceNotice(TypedDict):
    """
    A maintenance that is about some of the hosts.
    """

    id: str
    status: MaintenanceStatus
    startTime: str
    endTime: str
    reason: str
    hosts: list[str]
    forcedTime: NotRequired[str]
    allowedTime: NotRequired[str]


class Quota(TypedDict):
    """
    How much of a subject an organization may have in all, and how much it has.
    """

    organizationId: str
    subject: str
    limit: int
    used: int


class QuotaExceeded(TypedDict):
    """
    Which limit refused; an addition to the contract.
    """

    subject: str
    requested: int
    limit: int
    used: int


class ReleasedReservationUnitV2(TypedDict):
    """
    A unit that was released.
    """

    id: str
    infrastructureRefs: list[str]


class ReservationRemedy(TypedDict):
    """
    What has to be over for the request to fit.
    """

    obstacles: list[Obstacle]
    until: NotRequired[str]


class ReservationUnitConsumerManagerV2(TypedDict):
    """
    What manages a placement, where that is another controller.
    """

    kind: str
    id: str


class ReservationUnitConsumerV2(TypedDict):
    """
    What has hosts of a unit.
    """

    type: Literal['placement']
    placementId: str
    serverIds: list[str]
    managedBy: NotRequired[ReservationUnitConsumerManagerV2]


class ReservationUnitGpuV2(TypedDict):
    """
    GPUs of one host; memory in GiB for one GPU.
    """

    vendor: GpuVendorV2
    model: str
    physicalCount: int
    logicalCount: int
    memory: int


class ReservationUnitHostV2(TypedDict):
    """
    One host of a unit; memory in GiB, disk in GB.
    """

    cpus: int
    memory: int
    disk: int
    gpu: ReservationUnitGpuV2
    architecture: HostArchitectureV2


class ReservationUnitReleaseBlockerV2(TypedDict):
    """
    A unit that cannot be released, and what the caller may know of the reason.
    """

    unitId: str
    consumers: list[ReservationUnitConsumerV2]


class ReservationUnitReleaseBlockersV2(TypedDict):
    """
    Why units were not released.
    """

    blockers: list[ReservationUnitReleaseBlockerV2]


class ReservationUnitReleaseV2Spec(TypedDict):
    """
    Which units.
    """

    unitIds: list[str]


class ReservationUnitV2(TypedDict):
    """
    A regional offering with its capacity.
    """

    regionId: str
    accelerator: str
    unit: str
    machineFlavorId: str
    deviceTypeResourceClass: str
    hostsPerUnit: int
    cpusPerUnit: int
    gpusPerUnit: int
    gpuMemoryPerUnit: int
    memoryPerUnit: int
    host: ReservationUnitHostV2
    availableUnitCount: int
    largestContiguousUnitCount: int
    totalCount: int


class ReservationV2CreateSpec(TypedDict):
    """
    What is reserved, and for whom.
    """

    regionId: str
    accelerator: str
    unit: str
    count: int
    spareHostsPerUnit: NotRequired[int]
    organizationId: str
    projectId: str


class ReservationV2Spec(TypedDict):
    """
    What is reserved.
    """

    regionId: str
    accelerator: str
    unit: str
    count: int
    spareHostsPerUnit: NotRequired[int]


class ReservationV2Status(TypedDict):
    """
    The state of the reservation. ``message`` says what failed; it is an addition to the contract.
    """

    machineFlavorId: str
    claimedUnitCount: int
    host: ReservationUnitHostV2
    topologyHash: NotRequired[str]
    topologyObservedAt: NotRequired[str]
    message: NotRequired[str]
    maintenances: NotRequired[list[MaintenanceNotice]]


ResourceHealthStatus: TypeAlias = Literal['unknown', 'healthy', 'degraded', 'error']


class ResourceHealthStatusDetail(TypedDict):
    """
    Why a resource has its health status.
    """

    reason: Literal['Healthy', 'Degraded', 'Unknown']
    message: str


class ResourceProvisioningStatusDetail(TypedDict):
    """
    Why a resource has its provisioning status.
    """

    reason: Literal['Provisioning', 'Provisioned', 'Errored', 'Deprovisioning', 'Deprovisioned', 'DependencyNotReady', 'DependencyFailed', 'DependencyNotFound']
    message: str


class Tag(TypedDict):
    """
    A label of the customer's, without meaning to the service.
    """

    name: str
    value: str


UsageKind: TypeAlias = Literal['reservation', 'capacityclaim', 'vm']


class Version(TypedDict):
    """
    Name and version of the service.
    """

    name: str
    version: str


FaultOutcome: TypeAlias = Literal['moving', 'recorded']


FaultReason: TypeAlias = Literal['gpu', 'memory', 'network', 'nvlink', 'storage', 'power', 'thermal', 'unreachable', 'other']


class FaultReport(TypedDict):
    """
    What does not work.
    """

    reason: FaultReason
    text: NotRequired[str]


class FaultReportAnswer(TypedDict):
    """
    What was seen, and what comes of the report.
    """

    outcome: FaultOutcome
    infrastructureRef: str
    seen: str


class LeavingHost(TypedDict):
    """
    A host that a server has left, and that the placement gives back once the provider has let go of it.
    """

    infrastructureRef: str
    ordinal: int
    reason: str
    since: str


PlacementServerV2DriftState: TypeAlias = Literal['UpToDate', 'Drifted', 'Converging']


class PlacementServerV2Status(TypedDict):
    """
    The state of a server of a placement.
    """

    regionId: str
    reservationId: str
    placementId: str
    networkId: str
    infrastructureRef: str
    ordinal: int
    hostReadiness: Literal['Ready', 'NotReady', 'Unresolved', 'Unknown']
    hostReadinessReason: NotRequired[str]
    powerState: NotRequired[Literal['Pending', 'Queued', 'Building', 'Rebuilding', 'Running', 'Stopping', 'Stopped', 'Error']]
    privateIP: NotRequired[str]
    publicIP: NotRequired[str]
    macAddress: NotRequired[str]
    driftState: NotRequired[PlacementServerV2DriftState]
    topologyPath: NotRequired[list[str]]


AllowedSourceAddress: TypeAlias = str


SecurityGroup: TypeAlias = str


class PlacementV2Networking(TypedDict):
    """
    How servers are reached.
    """

    allowedSourceAddresses: NotRequired[list[AllowedSourceAddress]]
    publicIP: NotRequired[bool]
    securityGroups: NotRequired[list[SecurityGroup]]


PlacementV2Policy: TypeAlias = Literal['pack', 'spread']


PlacementV2ReadinessMode: TypeAlias = Literal['Require', 'Prefer', 'Ignore']


class PlacementV2ReadinessPolicy(TypedDict):
    """
    Whether hosts have to pass the readiness check.
    """

    mode: PlacementV2ReadinessMode


class PlacementV2RollingUpdate(TypedDict):
    """
    How many servers may be down at a time.
    """

    maxUnavailable: NotRequired[str]


class PlacementV2ServerSpec(TypedDict):
    """
    What runs on each host.
    """

    imageId: str
    networking: NotRequired[PlacementV2Networking]
    sshCertificateAuthorityId: NotRequired[str]
    userData: NotRequired[str]


class PlacementV2Status(TypedDict):
    """
    The state of the placement. The counts mean nothing while ``statusCurrent`` is false.
    """

    regionId: str
    reservationId: str
    networkId: str
    statusCurrent: bool
    readyHostCount: NotRequired[int]
    updatedHostCount: NotRequired[int]
    driftedHostCount: NotRequired[int]
    inFlightCount: NotRequired[int]
    stalledCount: NotRequired[int]
    maxUnavailable: NotRequired[int]
    maintenances: NotRequired[list[MaintenanceNotice]]
    leavingHosts: NotRequired[list[LeavingHost]]


PlacementV2UpdateStrategyType: TypeAlias = Literal['Manual', 'RollingUpdate']


PlacementV2WhenUnsatisfiable: TypeAlias = Literal['fail', 'bestEffort']


class InstanceNameMetadata(TypedDict):
    """
    Id and name of a host.
    """

    id: str
    name: str


class NetworkPath(TypedDict):
    """
    A host and its way through the network.
    """

    instance_id: str
    network_node_path: list[str]
    block_id: NotRequired[str]


class NetworkPaths(TypedDict):
    """
    A page of hosts. An empty one is the last.
    """

    results: list[NetworkPath]


class TopologyReservationUnit(TypedDict):
    """
    A unit of a reservation. It is occupied if a placement has one of its hosts.
    """

    infrastructureRefs: list[str]
    occupied: bool


class TopologyReservationUnitType(TypedDict):
    """
    What a projection is of.
    """

    accelerator: str
    unit: str
    machineFlavorId: str
    deviceTypeResourceClass: str
    hostsPerUnit: int


class CapacityClaimCondition(TypedDict):
    """
    A fact about a claim in a zone, or, with an empty zone, about the whole of it.
    """

    type: str
    lastUpdateTime: str
    reason: str
    message: str
    zone: str
    status: Literal['True', 'False', 'Unknown']


class CapacityClaimMaintenance(TypedDict):
    """
    A maintenance that is about hosts of a claim; beyond the published contract.
    """

    id: str
    status: MaintenanceStatus
    startTime: str
    endTime: str
    reason: str
    hosts: list[str]
    forcedTime: NotRequired[str]


class CapacityClaimQuota(TypedDict):
    """
    How many instances an organization may have in all, pending ones included, and how many it has.
    """

    organizationId: str
    subject: str
    limit: int
    used: int


Zone: TypeAlias = str


class CapacityClaimResources(TypedDict):
    """
    What a claim asks for.
    """

    instanceId: str
    instanceCount: int
    zones: list[Zone]
    capacityType: Literal['CAPACITY_TYPE_CUSTOMER', 'CAPACITY_TYPE_SERVERLESS', 'CAPACITY_TYPE_MANAGED']


class CapacityClaimSpec(TypedDict):
    """
    What a claim asks for, and who.
    """

    id: str
    name: str
    resources: CapacityClaimResources
    organizationId: str


class CapacityClaimStatus(TypedDict):
    """
    What a claim has.
    """

    createdAt: str
    updatedAt: str
    conditions: list[CapacityClaimCondition]
    allocatedInstances: int
    pendingInstances: int
    status: Literal['STATUS_CREATING', 'STATUS_READY', 'STATUS_UPDATING', 'STATUS_DELETING', 'STATUS_ERROR', 'STATUS_FAILED']
    maintenances: NotRequired[list[CapacityClaimMaintenance]]


class CreateCapacityClaimRequest(TypedDict):
    """
    Request to create a capacity claim.
    """

    resources: CapacityClaimResources
    id: NotRequired[str]
    name: NotRequired[str]


class ListCapacityClaimQuotasResponse(TypedDict):
    """
    Limits of the caller's organizations; an organization without one is left out.
    """

    quotas: list[CapacityClaimQuota]


class RpcStatus(TypedDict):
    """
    ``google.rpc.Status`` in JSON: a numeric gRPC code and typed details.
    """

    code: int
    message: str
    details: list[dict[str, Any]]


class UpdateCapacityClaimRequest(TypedDict):
    """
    Request to change a capacity claim: the whole ``resources`` block.
    """

    resources: CapacityClaimResources
    id: NotRequired[str]
    name: NotRequired[str]


class ZoneInstanceTypes(TypedDict):
    """
    Instance types of one zone.
    """

    instanceIds: list[str]


class CalculateReservationRequest(TypedDict):
    """
    Request for the price of a reserved rental.
    """

    gpu_type: str
    gpu_count: Literal[1, 2, 4, 8]
    storage_gb: int
    reservation_months: Literal[1, 3, 6]


class CreateSshKeyRequest(TypedDict):
    """
    Request to put an SSH key on the account.
    """

    ssh_public_key: str
    label: NotRequired[str]


class CreateVmRequest(TypedDict):
    """
    Request to rent a VM.
    """

    node: str
    gpu_type: str
    gpu_count: Literal[1, 2, 4, 8]
    storage_gb: int
    template_vmid: int
    rental_type: NotRequired[Literal['on_demand', 'reserved', 'interruptible']]
    reservation_months: NotRequired[Literal[1, 3, 6]]
    auth_method: NotRequired[Literal['ssh_key', 'password']]
    ssh_key_id: NotRequired[str]
    password: NotRequired[str]


class NewApiKey(TypedDict):
    """
    A new API key, shown this once.
    """

    api_key: str
    created_at: str
    message: str


class NodeCapacity(TypedDict):
    """
    What a node could give; an addition to the contract.
    """

    requested_gpu_count: int
    node_gpu_count: int
    can_ever_fit: bool
    largest_available_gpu_count: NotRequired[int]


class Offer(TypedDict):
    """
    Slices of one size on one node; ``available`` is how many are free. Prices are for one GPU and hour.
    """

    node: str
    gpu_type: str
    gpu_count: int
    gpu_ram_mb: int
    gpu_price_hourly: float
    interruptible_rate: float
    available: int
    location: str


class Pricing(TypedDict):
    """
    List prices of one GPU for an hour, by GPU type.
    """

    gpus: dict[str, float]


class Problem(TypedDict):
    """
    What is wrong with one field.
    """

    loc: list[str | int]
    msg: str
    type: str


RentalType: TypeAlias = Literal['on_demand', 'reserved', 'interruptible']


class ReservationQuote(TypedDict):
    """
    What a reserved rental would cost.
    """

    discount_percent: float
    deposit_required: float
    monthly_cost: float
    hourly_rate_after_discount: float
    cancellation_fee_25_percent: float


Scope: TypeAlias = Literal['read_write', 'read_only', 'billing_only']


class SshKey(TypedDict):
    """
    An SSH key of the account.
    """

    id: str
    label: str
    key_type: str
    fingerprint: str
    created_at: str


class Template(TypedDict):
    """
    What a VM's disk can be cloned from; ``id`` is what ``template_vmid`` names.
    """

    id: int
    name: str
    os: str
    login: str


class VmEvent(TypedDict):
    """
    Something that happened to a VM.
    """

    id: str
    event: HolderEventWord
    time: str
    sequence: str
    status: str
    status_before: NotRequired[str]
    gpus: NotRequired[int]
    effective_at: NotRequired[str]
    message: NotRequired[str]


class VmMaintenance(TypedDict):
    """
    A maintenance that is about the node of a VM; beyond the published contract.
    """

    id: str
    status: MaintenanceStatus
    starts_at: str
    ends_at: str
    reason: str
    forced_at: NotRequired[str]


class VmQuota(TypedDict):
    """
    How much of a subject the organization may have in all, and how much it has.
    """

    subject: Literal['vms', 'vm_gpus']
    limit: int
    used: int


class VmQuotaExceeded(TypedDict):
    """
    Which limit refused; an addition to the contract.
    """

    subject: Literal['vms', 'vm_gpus']
    requested: int
    limit: int
    used: int


VmStatus: TypeAlias = Literal['creating', 'starting', 'running', 'stopping', 'stopped', 'interrupted', 'destroyed', 'failed', 'offline']


Cause: TypeAlias = Literal['cordon', 'quarantine', 'maintenance']


HolderKind: TypeAlias = Literal['reservation', 'placement', 'capacityClaim', 'vm']


HostState: TypeAlias = Literal['in_service', 'unhealthy', 'out_of_service', 'missing']


MapState: TypeAlias = Literal['free', 'partlyHeld', 'held', 'cordoned', 'quarantined', 'incomplete', 'inMaintenance', 'outOfService']


class AuditFinding(TypedDict):
    """
    Something that disagrees.
    """

    id: str
    kind: str
    subject: str
    message: str
    advice: str
    items: list[str]
    asked: list[str]
    result: NotRequired[str]
    why: NotRequired[str]
    repair: NotRequired[str]
    takeAway: NotRequired[str]


FindingId: TypeAlias = str


TakeAwayItem: TypeAlias = str


class AuditRepair(TypedDict):
    """
    Which findings of an audit to repair, and why.
    """

    findingIds: list[FindingId]
    takeAway: NotRequired[list[TakeAwayItem]]
    reason: str
    apply: NotRequired[bool]


class AuditRepairRead(TypedDict):
    """
    What a run was ordered to repair.
    """

    auditId: str
    findingIds: list[str]
    takeAway: list[str]
    reason: str
    apply: bool


AuditStatus: TypeAlias = Literal['requested', 'running', 'ended', 'failed']


CordonSource: TypeAlias = Literal['operator', 'fleetDocument']


DeadLetterOrigin: TypeAlias = Literal['change', 'stream', 'schedule', 'invocation']


class ForceDelete(TypedDict):
    """
    Why a holder is deleted. Its owner reads it.
    """

    reason: str


class HolderPart(TypedDict):
    """
    A domain of which a holder has something. ``gpus`` is how many GPUs it has of its only host.
    """

    regionId: str
    podId: str
    position: int
    domainId: NotRequired[str]
    hostIds: list[str]
    gpus: NotRequired[int]


class HolderPod(TypedDict):
    """
    Where in a pod a holder has something: positions of domains.
    """

    regionId: str
    podId: str
    positions: list[int]


class MaintainedHost(TypedDict):
    """
    A host that the maintenance has taken.
    """

    hostId: str
    podId: str
    since: str
    held: bool
    inMaintenanceSince: NotRequired[str]
    serverStopped: bool
    returningSince: NotRequired[str]


class MaintenanceForce(TypedDict):
    """
    That held hosts are taken without their holders' word.
    """

    noticeTime: str
    effectiveTime: str


class MaintenancePermit(TypedDict):
    """
    A reservation whose owner allows the maintenance on its hosts.
    """

    organizationId: str
    reservationId: str
    time: str
    by: str


class MapHolder(TypedDict):
    """
    Who has it.
    """

    kind: HolderKind
    organizationId: str
    id: str


class MapHost(TypedDict):
    """
    A host. Its holders include the placement whose server is on it.
    """

    id: str
    name: str
    slot: int
    state: HostState
    states: list[MapState]
    holders: list[MapHolder]


class OperatorApiKey(TypedDict):
    """
    Whose key it is to be, and what it allows.
    """

    subject: str
    scopes: NotRequired[list[Scope]]
    name: NotRequired[str]


class OperatorApiKeyMade(TypedDict):
    """
    A new API key, which is shown this once.
    """

    id: str
    organizationId: str
    subject: str
    name: str
    scopes: list[Scope]
    creationTime: str
    lastFour: NotRequired[str]
    revocationTime: NotRequired[str]
    key: str


class OperatorApiKeyRead(TypedDict):
    """
    An API key, of which only the hash is stored.
    """

    id: str
    organizationId: str
    subject: str
    name: str
    scopes: list[Scope]
    creationTime: str
    lastFour: NotRequired[str]
    revocationTime: NotRequired[str]


class OperatorFaultReport(TypedDict):
    """
    A fault of a server or a host that a customer has reported.
    """

    regionId: str
    reportedTime: str
    organizationId: str
    placementId: str
    serverId: str
    hostId: str
    reason: FaultReason
    outcome: FaultOutcome
    seen: str
    by: str
    text: NotRequired[str]


class OperatorQuota(TypedDict):
    """
    The limit of an organization for a subject.
    """

    limit: int | None


class OperatorQuotaChange(TypedDict):
    """
    A quota after a change, and how many holders were counted that were not before.
    """

    organizationId: str
    subject: str
    limit: NotRequired[int]
    used: int
    isDefault: bool
    countedIn: int


class OperatorQuotaRead(TypedDict):
    """
    How much of a subject an organization may have in all, and how much it has.
    """

    organizationId: str
    subject: str
    limit: NotRequired[int]
    used: int
    isDefault: bool


class OperatorRegion(TypedDict):
    """
    A region, whoever may see it.
    """

    regionId: str
    observedAt: str
    withdrawn: bool


class OperatorTarget(TypedDict):
    """
    The whole region if empty; else one pod, domain or host: a domain with its pod, a host alone.
    """

    podId: NotRequired[str]
    domainId: NotRequired[str]
    hostId: NotRequired[str]


class Quarantine(TypedDict):
    """
    A host to set aside. Its holder reads the reason; the evidence is for operators.
    """

    hostId: str
    reason: str
    evidence: NotRequired[str]


class Tenant(TypedDict):
    """
    A holder that has some of the hosts.
    """

    kind: HolderKind
    id: str
    organizationId: str
    status: str
    since: str
    until: NotRequired[str]
    allowedTime: NotRequired[str]
    hosts: list[str]


class UnsettledHolder(TypedDict):
    """
    A holder with work to do for it, and what it waits for.
    """

    kind: HolderKind
    id: str
    organizationId: str
    projectId: NotRequired[str]
    name: NotRequired[str]
    status: str
    regionIds: list[str]
    creationTime: str
    createdBy: str
    unsettledSince: NotRequired[str]
    failure: NotRequired[str]
    removal: NotRequired[str]
    pods: list[HolderPod]
    waitsFor: str
    workflow: NotRequired[str]
    execution: NotRequired[str]
    attempt: int


class WaitingClaim(TypedDict):
    """
    A capacity claim in a queue.
    """

    place: int
    organizationId: str
    id: str
    name: str
    creationTime: str
    instanceCount: int
    pendingInstanceCount: int


class Error(TypedDict):
    """
    An error, compatible with OAuth 2.
    """

    error: Literal['invalid_request', 'server_error', 'access_denied', 'not_found', 'conflict', 'method_not_allowed', 'unsupported_media_type', 'request_entity_too_large', 'unprocessable_content', 'forbidden']
    error_description: str
    trace_id: str
    errors: NotRequired[list[FieldProblem]]
    capacity: NotRequired[InsufficientCapacity]
    hosts: NotRequired[HostsUnavailable]
    quota: NotRequired[QuotaExceeded]


class HolderEvent(TypedDict):
    """
    Something that happened to a reservation, a placement or a capacity claim.
    """

    id: str
    event: HolderEventWord
    time: str
    sequence: str
    status: str
    statusBefore: NotRequired[str]
    hosts: NotRequired[int]
    effectiveAt: NotRequired[str]
    message: NotRequired[str]


class ProjectScopedResourceReadMetadata(TypedDict):
    """
    Metadata of a reservation or a placement. A reservation is never modified.
    """

    name: str
    description: NotRequired[str]
    tags: NotRequired[list[Tag]]
    id: str
    organizationId: str
    projectId: str
    creationTime: str
    createdBy: NotRequired[str]
    modifiedTime: NotRequired[str]
    modifiedBy: NotRequired[str]
    deletionTime: NotRequired[str]
    provisioningStatus: Literal['pending', 'provisioning', 'provisioned', 'deprovisioning', 'error']
    provisioningStatusDetail: NotRequired[ResourceProvisioningStatusDetail]
    healthStatus: ResourceHealthStatus
    healthStatusDetail: NotRequired[ResourceHealthStatusDetail]


class ReservationAdvice(TypedDict):
    """
    What a request would get in a region now.
    """

    regionId: str
    fits: bool
    largestCount: int
    availableUnitCount: int
    quotaRoom: NotRequired[int]
    topologyObservedAt: str
    reason: NotRequired[str]
    remedy: NotRequired[ReservationRemedy]


class ReservationUnitReleaseV2(TypedDict):
    """
    A request to release units of a reservation.
    """

    spec: ReservationUnitReleaseV2Spec


class ReservationV2Read(TypedDict):
    """
    A reservation.
    """

    metadata: ProjectScopedResourceReadMetadata
    spec: ReservationV2Spec
    status: ReservationV2Status


class ResourceMetadata(TypedDict):
    """
    Metadata required for reads and writes.
    """

    name: str
    description: NotRequired[str]
    tags: NotRequired[list[Tag]]


class Usage(TypedDict):
    """
    What one holder held of one accelerator on one day of UTC.
    """

    organizationId: str
    projectId: NotRequired[str]
    kind: UsageKind
    id: str
    name: NotRequired[str]
    regionId: str
    accelerator: str
    terms: NotRequired[str]
    day: str
    gpuSecondsHeld: int
    gpuSecondsUsed: int
    gpuHoursHeld: str
    listPrice: NotRequired[str]
    listCost: NotRequired[str]
    currency: NotRequired[str]


class PlacementServerV2Read(TypedDict):
    """
    A server of a placement.
    """

    metadata: ProjectScopedResourceReadMetadata
    status: PlacementServerV2Status


class PlacementV2Constraints(TypedDict):
    """
    Which hosts of the reservation are taken.
    """

    policy: PlacementV2Policy
    maxSkew: NotRequired[int]
    minDomains: NotRequired[int]
    whenUnsatisfiable: NotRequired[PlacementV2WhenUnsatisfiable]


class PlacementV2UpdateStrategy(TypedDict):
    """
    How servers get another image.
    """

    type: PlacementV2UpdateStrategyType
    rollingUpdate: NotRequired[PlacementV2RollingUpdate]


class InstanceName(TypedDict):
    """
    A host by the name that a scheduler knows it by.
    """

    metadata: InstanceNameMetadata


class TopologyHost(TypedDict):
    """
    A host, and who has it as far as the caller may know.
    """

    infrastructureRef: str
    reserved: bool
    reservationRef: NotRequired[str]
    reservationUnitRef: NotRequired[str]
    placementRef: NotRequired[str]
    server: NotRequired[PlacementServerV2Read]


class TopologyReservation(TypedDict):
    """
    A reservation. Its entity tag, in quotes, is the ``If-Match`` of a release of units.
    """

    metadata: ProjectScopedResourceReadMetadata
    spec: ReservationV2Spec
    status: ReservationV2Status
    topologyEntityTag: NotRequired[str]
    units: NotRequired[dict[str, TopologyReservationUnit]]


class CapacityClaim(TypedDict):
    """
    A capacity claim.
    """

    spec: CapacityClaimSpec
    status: CapacityClaimStatus


class CapacityClaimEvents(TypedDict):
    """
    A page of the events of a capacity claim, newest first.
    """

    events: list[HolderEvent]


class CapacityClaimParametersResponse(TypedDict):
    """
    What claims may ask for.
    """

    zoneInstanceTypes: dict[str, ZoneInstanceTypes]


class CapacityClaimResponse(TypedDict):
    """
    One claim.
    """

    capacityClaim: CapacityClaim


class ListCapacityClaimsResponse(TypedDict):
    """
    All claims, or a page of them.
    """

    capacityClaims: list[CapacityClaim]


class ApiKey(TypedDict):
    """
    What is shown of an API key later: never the key.
    """

    id: str
    name: str
    scopes: list[Scope]
    created_at: str
    last_four: str | None


class CreateApiKeyRequest(TypedDict):
    """
    Request for an API key.
    """

    name: NotRequired[str]
    scopes: NotRequired[list[Scope]]


class Error1(TypedDict):
    """
    An error.
    """

    detail: str | list[Problem]
    capacity: NotRequired[NodeCapacity]
    quota: NotRequired[VmQuotaExceeded]


class Vm(TypedDict):
    """
    A VM. Rates are those of the price list as it is now, for a VM that runs.
    """

    id: str
    vmid: int
    user_id: int
    node: str
    instance_label: str | None
    gpu_type: str
    gpu_count: int
    storage_gb: int
    ram_gb: int
    cpu_cores: int
    ip_address: str | None
    status: VmStatus
    created_at: str
    started_at: str | None
    stopped_at: str | None
    rental_type: RentalType
    reservation_id: str | None
    auto_restart: bool | None
    hourly_rate: float | None
    gpu_hourly_rate: float | None
    storage_hourly_rate: float | None
    cpu_percent: NotRequired[float]
    ram_percent: NotRequired[float]
    cpu_model: str | None
    pcie_gen: str | None
    reserved_until: str | None
    interruption_at: str | None
    interruption_reason: str | None
    failure_reason: str | None
    maintenances: NotRequired[list[VmMaintenance]]


class AuditDetailRead(TypedDict):
    """
    A run of the audit with what it found.
    """

    id: str
    by: str
    status: AuditStatus
    requestedTime: str
    startedTime: NotRequired[str]
    endedTime: NotRequired[str]
    failure: NotRequired[str]
    clean: NotRequired[bool]
    findingCount: NotRequired[int]
    unjudgedCount: NotRequired[int]
    noticeCount: NotRequired[int]
    repair: NotRequired[AuditRepairRead]
    findings: list[AuditFinding]
    unjudged: list[AuditFinding]
    notices: list[AuditFinding]
    leftOutCount: int
    read: dict[str, int]


class AuditRead(TypedDict):
    """
    A run of the audit.
    """

    id: str
    by: str
    status: AuditStatus
    requestedTime: str
    startedTime: NotRequired[str]
    endedTime: NotRequired[str]
    failure: NotRequired[str]
    clean: NotRequired[bool]
    findingCount: NotRequired[int]
    unjudgedCount: NotRequired[int]
    noticeCount: NotRequired[int]
    repair: NotRequired[AuditRepairRead]


class ClaimQueue(TypedDict):
    """
    The capacity claims that wait for an instance type in a zone.
    """

    regionId: str
    instanceType: str
    waiting: list[WaitingClaim]


class Cordon(TypedDict):
    """
    What to take out of sale, and why.
    """

    target: OperatorTarget
    reason: str


class CordonRead(TypedDict):
    """
    Something that takes no new holder. Its holders keep it.
    """

    target: OperatorTarget
    source: CordonSource
    cause: Cause
    reason: NotRequired[str]
    evidence: NotRequired[str]
    maintenanceId: NotRequired[str]
    since: NotRequired[str]
    by: NotRequired[str]


class DeadLetter(TypedDict):
    """
    An invocation, or a change of a holder, that failed for good.
    """

    id: str
    sentTime: str
    origin: DeadLetterOrigin
    target: NotRequired[str]
    error: NotRequired[str]
    body: str


class DeadLetterQueue(TypedDict):
    """
    A queue of what failed for good.
    """

    queue: str
    count: int
    letters: list[DeadLetter]


class Holder(TypedDict):
    """
    A holder of any kind and organization.
    """

    kind: HolderKind
    id: str
    organizationId: str
    projectId: NotRequired[str]
    name: NotRequired[str]
    status: str
    regionIds: list[str]
    creationTime: str
    createdBy: str
    unsettledSince: NotRequired[str]
    failure: NotRequired[str]
    removal: NotRequired[str]
    pods: list[HolderPod]


class HolderDetail(TypedDict):
    """
    A holder, and the hardware that it has by name.
    """

    kind: HolderKind
    id: str
    organizationId: str
    projectId: NotRequired[str]
    name: NotRequired[str]
    status: str
    regionIds: list[str]
    creationTime: str
    createdBy: str
    unsettledSince: NotRequired[str]
    failure: NotRequired[str]
    removal: NotRequired[str]
    pods: list[HolderPod]
    parts: list[HolderPart]


class Impact(TypedDict):
    """
    How many hosts something is about, how many of them are free, and who has the others.
    """

    hostCount: int
    freeHostCount: int
    holders: list[Tenant]


class Maintenance(TypedDict):
    """
    A maintenance to plan.
    """

    targets: list[OperatorTarget]
    startTime: str
    endTime: str
    reason: str
    forceAfterSeconds: NotRequired[int]
    regionId: str


class MaintenanceChange(TypedDict):
    """
    What is worked on, when and why.
    """

    targets: list[OperatorTarget]
    startTime: str
    endTime: str
    reason: str
    forceAfterSeconds: NotRequired[int]


class MaintenanceDetailRead(TypedDict):
    """
    A maintenance with the hosts that it has taken.
    """

    id: str
    revision: int
    regionId: str
    targets: list[OperatorTarget]
    startTime: str
    endTime: str
    reason: str
    by: str
    creationTime: str
    status: MaintenanceStatus
    force: NotRequired[MaintenanceForce]
    permits: list[MaintenancePermit]
    overTime: NotRequired[str]
    impact: NotRequired[Impact]
    hosts: list[MaintainedHost]


class MaintenanceRead(TypedDict):
    """
    A maintenance.
    """

    id: str
    revision: int
    regionId: str
    targets: list[OperatorTarget]
    startTime: str
    endTime: str
    reason: str
    by: str
    creationTime: str
    status: MaintenanceStatus
    force: NotRequired[MaintenanceForce]
    permits: list[MaintenancePermit]
    overTime: NotRequired[str]
    impact: NotRequired[Impact]


class MapDomain(TypedDict):
    """
    A domain with all that is true of it: it may be held and cordoned.
    """

    id: str
    name: str
    position: int
    states: list[MapState]
    holders: list[MapHolder]
    hostCount: int
    freeHostCount: int
    hosts: NotRequired[list[MapHost]]


class MapPod(TypedDict):
    """
    A pod. Its states are those of the pod and the region as a whole.
    """

    id: str
    flavorId: str
    version: int
    states: list[MapState]
    domains: list[MapDomain]


class RegionMap(TypedDict):
    """
    A region, pod by pod.
    """

    regionId: str
    observedAt: str
    withdrawn: bool
    states: list[MapState]
    domainCounts: dict[MapState, int]
    pods: list[MapPod]


class ReservationUnitReleaseV2Read(TypedDict):
    """
    The reservation without the units, and the units.
    """

    reservation: ReservationV2Read
    releasedUnits: list[ReleasedReservationUnitV2]


class ReservationV2Create(TypedDict):
    """
    A request to create a reservation.
    """

    metadata: ResourceMetadata
    spec: ReservationV2CreateSpec


class PlacementV2CreateSpec(TypedDict):
    """
    What is placed, and where.
    """

    count: int
    constraints: PlacementV2Constraints
    readinessPolicy: NotRequired[PlacementV2ReadinessPolicy]
    serverSpec: PlacementV2ServerSpec
    updateStrategy: NotRequired[PlacementV2UpdateStrategy]
    reservationId: str
    networkId: str


class PlacementV2Spec(TypedDict):
    """
    What is placed.
    """

    count: int
    constraints: PlacementV2Constraints
    readinessPolicy: NotRequired[PlacementV2ReadinessPolicy]
    serverSpec: PlacementV2ServerSpec
    updateStrategy: NotRequired[PlacementV2UpdateStrategy]


class PlacementV2Update(TypedDict):
    """
    A request to change a placement. The metadata is ignored.
    """

    metadata: ResourceMetadata
    spec: PlacementV2Spec


class TopologyDomain(TypedDict):
    """
    An NVLink domain: a rack, or a single host. Its id is opaque; its name is for people.
    """

    id: str
    name: NotRequired[str]
    hosts: list[TopologyHost]


class TopologyPod(TypedDict):
    """
    Domains within one network hop. Its id is opaque; its name numbers it within this answer.
    """

    id: str
    name: NotRequired[str]
    domains: list[TopologyDomain]


class CordonChange(TypedDict):
    """
    What is out of sale after a change, and how many pods were written because of it.
    """

    cordons: list[CordonRead]
    podsWritten: int


class Drain(TypedDict):
    """
    A pod that is to be empty.
    """

    regionId: str
    podId: str
    cordon: NotRequired[CordonRead]
    empty: bool
    impact: Impact


class PlacementV2Create(TypedDict):
    """
    A request to create a placement.
    """

    metadata: ResourceMetadata
    spec: PlacementV2CreateSpec


class PlacementV2Read(TypedDict):
    """
    A placement.
    """

    metadata: ProjectScopedResourceReadMetadata
    spec: PlacementV2Spec
    status: PlacementV2Status


class TopologyOverlays(TypedDict):
    """
    What the organization has, as far as the caller may read it; by id.
    """

    reservations: dict[str, TopologyReservation]
    placements: dict[str, PlacementV2Read]


class TopologyProjection(TypedDict):
    """
    The pods of what is sold under one name, and what the organization has there.
    """

    reservationUnit: TopologyReservationUnitType
    topology: list[TopologyPod]
    overlays: TopologyOverlays


class TopologyRegion(TypedDict):
    """
    A region as an organization sees it.
    """

    regionId: str
    projections: list[TopologyProjection]