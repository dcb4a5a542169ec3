"""A method for each operation of docs/openapi.json, written by `make openapi`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from gpu_capacity_client import models


class Methods(ABC):
    """The operations of the service. Each returns the body of the answer, and raises ``Refused``.

    A method that lists returns everything, whatever the number of pages.
    """

    @abstractmethod
    def _call(self, operation: str, parameters: Mapping[str, Any], body: Any = None) -> Any:
        """Carry out an operation, and return the body of its answer."""

    def create_reservation(
        self,
        body: models.ReservationV2Create,
        *,
        dry_run: bool | None = None,
        idempotency_key: str | None = None,
    ) -> models.ReservationV2Read:
        """Create reservation.

        Claims contiguous units at once and provisions them afterwards: poll the reservation until it is
        provisioned or error. Needs the permission `reservations:create`.
        Without `idempotency_key` one is made, under which the request may be repeated.
        """
        answer = self._call(
            "createReservation",
            {"dryRun": dry_run, "Idempotency-Key": idempotency_key},
            body,
        )
        return cast("models.ReservationV2Read", answer)

    def list_reservations(
        self,
        *,
        tag: list[str] | None = None,
        organization_id: list[str] | None = None,
        project_id: list[str] | None = None,
        region_id: list[str] | None = None,
    ) -> list[models.ReservationV2Read]:
        """List reservations.

        Lists what the caller may see, in id order; an empty array where there is nothing. Different
        parameters must all hold. Needs the permission `reservations:read`.
        """
        answer = self._call(
            "listReservations",
            {"tag": tag, "organizationID": organization_id, "projectID": project_id, "regionID": region_id},
        )
        return cast("list[models.ReservationV2Read]", answer)

    def get_reservation(
        self,
        reservation_id: str,
        *,
        organization_id: list[str] | None = None,
    ) -> models.ReservationV2Read:
        """Get reservation.

        Shows one reservation. Its status is deprovisioning while it is being torn down; then it is 404.
        Needs the permission `reservations:read`.
        """
        answer = self._call(
            "getReservation",
            {"reservationID": reservation_id, "organizationID": organization_id},
        )
        return cast("models.ReservationV2Read", answer)

    def delete_reservation(
        self,
        reservation_id: str,
        *,
        organization_id: list[str] | None = None,
    ) -> None:
        """Delete reservation.

        Begins to tear down, whatever the status. Repeated meanwhile, it changes nothing. Needs the
        permission `reservations:delete`.
        """
        answer = self._call(
            "deleteReservation",
            {"reservationID": reservation_id, "organizationID": organization_id},
        )
        return cast("None", answer)

    def list_usage(
        self,
        *,
        since: str | None = None,
        until: str | None = None,
        format: str | None = None,
        organization_id: list[str] | None = None,
        project_id: list[str] | None = None,
    ) -> list[models.Usage]:
        """List usage.

        Lists the GPU-seconds that the caller's organizations held, by holder, accelerator and day of UTC.
        What is held now counts until now. What happened in the last seconds may not be counted yet. List
        prices do not include the disks of VMs. Needs the permission `billing:read`.
        """
        answer = self._call(
            "listUsage",
            {"since": since, "until": until, "format": format, "organizationID": organization_id, "projectID":
            project_id},
        )
        return cast("list[models.Usage]", answer)

    def list_reservation_events(
        self,
        reservation_id: str,
        *,
        organization_id: list[str] | None = None,
    ) -> list[models.HolderEvent]:
        """List events of a reservation.

        Shows what happened to it, newest first, to whoever may read it; also after it is gone, for as
        long as the service keeps events. Needs the permission `reservations:read`.
        """
        answer = self._call(
            "listReservationEvents",
            {"reservationID": reservation_id, "organizationID": organization_id},
        )
        return cast("list[models.HolderEvent]", answer)

    def release_reservation_units(
        self,
        reservation_id: str,
        body: models.ReservationUnitReleaseV2,
        *,
        organization_id: list[str] | None = None,
        if_match: str | None = None,
    ) -> models.ReservationUnitReleaseV2Read:
        """Release reservation units.

        Gives units of a provisioned reservation back, all or none; it keeps the others. No placement may
        have hosts of them. Needs the permission `reservations:delete`.
        """
        answer = self._call(
            "releaseReservationUnits",
            {"reservationID": reservation_id, "organizationID": organization_id, "If-Match": if_match},
            body,
        )
        return cast("models.ReservationUnitReleaseV2Read", answer)

    def allow_reservation_maintenance(
        self,
        reservation_id: str,
        maintenance_id: str,
        *,
        organization_id: list[str] | None = None,
    ) -> models.ReservationV2Read:
        """Allow maintenance.

        Lets a maintenance that is about hosts of the reservation begin on them now, also before its
        window. Servers there are stopped within a minute or two, and started again when it ends. A repeat
        does nothing. Needs the permission `reservations:delete`.
        """
        answer = self._call(
            "allowReservationMaintenance",
            {"reservationID": reservation_id, "maintenanceID": maintenance_id, "organizationID":
            organization_id},
        )
        return cast("models.ReservationV2Read", answer)

    def list_reservation_units(
        self,
        *,
        region_id: list[str] | None = None,
        accelerator: list[str] | None = None,
        unit: list[str] | None = None,
    ) -> list[models.ReservationUnitV2]:
        """List reservation units.

        Lists the offerings of the regions that the caller may see, and how much of each is free now.
        Different parameters must all hold. Needs the permission `reservations:read`.
        """
        answer = self._call(
            "listReservationUnits",
            {"regionID": region_id, "accelerator": accelerator, "unit": unit},
        )
        return cast("list[models.ReservationUnitV2]", answer)

    def list_organization_reservation_units(
        self,
        organization_id: str,
        *,
        region_id: list[str] | None = None,
        accelerator: list[str] | None = None,
        unit: list[str] | None = None,
    ) -> list[models.ReservationUnitV2]:
        """List reservation units of an organization.

        Lists what is on offer in the regions that the organization may know of, and how much of it the
        organization can have now: no more than its quota leaves. Different parameters must all hold.
        Needs the permission `reservations:read`.
        """
        answer = self._call(
            "listOrganizationReservationUnits",
            {"organizationID": organization_id, "regionID": region_id, "accelerator": accelerator, "unit":
            unit},
        )
        return cast("list[models.ReservationUnitV2]", answer)

    def advise_reservation(
        self,
        *,
        organization_id: str | None = None,
        accelerator: str | None = None,
        unit: str | None = None,
        count: int | None = None,
        region_id: list[str] | None = None,
    ) -> list[models.ReservationAdvice]:
        """Advise where a reservation fits.

        Says for each region that offers the unit what a reservation of this count would get now, the best
        first, and what has to be over for it to fit. Needs the permission `reservations:read`.
        """
        answer = self._call(
            "adviseReservation",
            {"organizationID": organization_id, "accelerator": accelerator, "unit": unit, "count": count,
            "regionID": region_id},
        )
        return cast("list[models.ReservationAdvice]", answer)

    def list_reservation_quotas(
        self,
        *,
        organization_id: list[str] | None = None,
    ) -> list[models.Quota]:
        """List quotas of reservations.

        Lists the limits of organizations on units of accelerators and on servers of placements, and how
        much of each is used. Subjects without a limit are omitted. Needs the permission
        `reservations:read`.
        """
        answer = self._call(
            "listReservationQuotas",
            {"organizationID": organization_id},
        )
        return cast("list[models.Quota]", answer)

    def get_version(
        self,
    ) -> models.Version:
        """Get version.

        Name and version of the service.
        """
        answer = self._call(
            "getVersion",
            {},
        )
        return cast("models.Version", answer)

    def list_placement_servers(
        self,
        placement_id: str,
        *,
        organization_id: list[str] | None = None,
    ) -> list[models.PlacementServerV2Read]:
        """List servers of a placement.

        Lists one server for each host, in order of ordinals, as they are at this moment. Needs the
        permission `placements:read`.
        """
        answer = self._call(
            "listPlacementServers",
            {"placementID": placement_id, "organizationID": organization_id},
        )
        return cast("list[models.PlacementServerV2Read]", answer)

    def get_placement_server(
        self,
        placement_id: str,
        server_id: str,
        *,
        organization_id: list[str] | None = None,
    ) -> models.PlacementServerV2Read:
        """Get server of a placement.

        Shows one server as it is at this moment: what to poll after an action. Needs the permission
        `placements:read`.
        """
        answer = self._call(
            "getPlacementServer",
            {"placementID": placement_id, "serverID": server_id, "organizationID": organization_id},
        )
        return cast("models.PlacementServerV2Read", answer)

    def start_placement_server(
        self,
        placement_id: str,
        server_id: str,
        *,
        organization_id: list[str] | None = None,
    ) -> None:
        """Start server.

        Starts a server that is stopped; an addition to the contract. Does nothing to one that runs. Needs
        the permission `placements:operate`.
        """
        answer = self._call(
            "startPlacementServer",
            {"placementID": placement_id, "serverID": server_id, "organizationID": organization_id},
        )
        return cast("None", answer)

    def stop_placement_server(
        self,
        placement_id: str,
        server_id: str,
        *,
        organization_id: list[str] | None = None,
    ) -> None:
        """Stop server.

        Stops a server that runs; its host and its disks stay. Does nothing to one that is stopped. Needs
        the permission `placements:operate`.
        """
        answer = self._call(
            "stopPlacementServer",
            {"placementID": placement_id, "serverID": server_id, "organizationID": organization_id},
        )
        return cast("None", answer)

    def reboot_placement_server(
        self,
        placement_id: str,
        server_id: str,
        *,
        organization_id: list[str] | None = None,
        hard: bool | None = None,
    ) -> None:
        """Reboot server.

        Reboots a server that runs, by its system, or hard. Needs the permission `placements:operate`.
        """
        answer = self._call(
            "rebootPlacementServer",
            {"placementID": placement_id, "serverID": server_id, "organizationID": organization_id, "hard":
            hard},
        )
        return cast("None", answer)

    def reconcile_placement_server(
        self,
        placement_id: str,
        server_id: str,
        *,
        organization_id: list[str] | None = None,
        if_match: str | None = None,
    ) -> None:
        """Reconcile server.

        Gives one server the image of its placement; its local disks are lost. Tries a server again that
        failed, and does nothing to one that is up to date. Needs the permission `placements:operate`.
        """
        answer = self._call(
            "reconcilePlacementServer",
            {"placementID": placement_id, "serverID": server_id, "organizationID": organization_id,
            "If-Match": if_match},
        )
        return cast("None", answer)

    def report_placement_server_fault(
        self,
        placement_id: str,
        server_id: str,
        body: models.FaultReport,
        *,
        organization_id: list[str] | None = None,
    ) -> models.FaultReportAnswer:
        """Report a fault.

        Reports that a server or its host does not work; an addition to the contract. Both are looked at.
        Unless both are well, the server moves to another host and its host is set aside. Needs the
        permission `placements:operate`.
        """
        answer = self._call(
            "reportPlacementServerFault",
            {"placementID": placement_id, "serverID": server_id, "organizationID": organization_id},
            body,
        )
        return cast("models.FaultReportAnswer", answer)

    def create_placement(
        self,
        body: models.PlacementV2Create,
        *,
        dry_run: bool | None = None,
        idempotency_key: str | None = None,
    ) -> models.PlacementV2Read:
        """Create placement.

        Takes hosts of a provisioned reservation at once, all or none, and boots a server on each
        afterwards: poll the placement until it is provisioned or error. Needs the permission
        `placements:create`.
        Without `idempotency_key` one is made, under which the request may be repeated.
        """
        answer = self._call(
            "createPlacement",
            {"dryRun": dry_run, "Idempotency-Key": idempotency_key},
            body,
        )
        return cast("models.PlacementV2Read", answer)

    def list_placements(
        self,
        *,
        tag: list[str] | None = None,
        organization_id: list[str] | None = None,
        project_id: list[str] | None = None,
        region_id: list[str] | None = None,
        reservation_id: list[str] | None = None,
        network_id: list[str] | None = None,
    ) -> list[models.PlacementV2Read]:
        """List placements.

        Lists what the caller may see, in id order; an empty array where there is nothing. Different
        parameters must all hold. Needs the permission `placements:read`.
        """
        answer = self._call(
            "listPlacements",
            {"tag": tag, "organizationID": organization_id, "projectID": project_id, "regionID": region_id,
            "reservationID": reservation_id, "networkID": network_id},
        )
        return cast("list[models.PlacementV2Read]", answer)

    def list_placement_events(
        self,
        placement_id: str,
        *,
        organization_id: list[str] | None = None,
    ) -> list[models.HolderEvent]:
        """List events of a placement.

        Shows what happened to it, newest first, to whoever may read it; also after it is gone, for as
        long as the service keeps events. Needs the permission `placements:read`.
        """
        answer = self._call(
            "listPlacementEvents",
            {"placementID": placement_id, "organizationID": organization_id},
        )
        return cast("list[models.HolderEvent]", answer)

    def get_placement(
        self,
        placement_id: str,
        *,
        organization_id: list[str] | None = None,
    ) -> models.PlacementV2Read:
        """Get placement.

        Shows one placement with what the host provider says of its servers now. While it is being torn
        down it says deprovisioning, and afterwards it is not there. Needs the permission
        `placements:read`.
        """
        answer = self._call(
            "getPlacement",
            {"placementID": placement_id, "organizationID": organization_id},
        )
        return cast("models.PlacementV2Read", answer)

    def update_placement(
        self,
        placement_id: str,
        body: models.PlacementV2Update,
        *,
        organization_id: list[str] | None = None,
    ) -> models.PlacementV2Read:
        """Update placement.

        Changes the image, or how servers get it; anything else that differs is refused. Without an update
        strategy the present one stays. Needs the permission `placements:update`.
        """
        answer = self._call(
            "updatePlacement",
            {"placementID": placement_id, "organizationID": organization_id},
            body,
        )
        return cast("models.PlacementV2Read", answer)

    def delete_placement(
        self,
        placement_id: str,
        *,
        organization_id: list[str] | None = None,
    ) -> None:
        """Delete placement.

        Begins to tear down, whatever the status: its servers are deleted, and its hosts go back to the
        reservation. Repeated meanwhile, it changes nothing. Needs the permission `placements:delete`.
        """
        answer = self._call(
            "deletePlacement",
            {"placementID": placement_id, "organizationID": organization_id},
        )
        return cast("None", answer)

    def get_organization_topology(
        self,
        organization_id: str,
        *,
        region_id: str | None = None,
        accelerator: str | None = None,
        unit: str | None = None,
        project_id: str | None = None,
        reservation_id: str | None = None,
    ) -> list[models.TopologyRegion]:
        """Get topology of an organization.

        Shows the pods of everything that the organization can have, in the order of positions, and what
        it has there, as far as the caller may read it. Everybody sees whether a host is reserved. The ids
        of pods and domains are opaque and never change. Needs the permission `topology:read`.
        """
        answer = self._call(
            "getOrganizationTopology",
            {"organizationID": organization_id, "regionID": region_id, "accelerator": accelerator, "unit":
            unit, "projectID": project_id, "reservationID": reservation_id},
        )
        return cast("list[models.TopologyRegion]", answer)

    def list_network_paths(
        self,
        *,
        organization: str | None = None,
        region: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> models.NetworkPaths:
        """List network paths.

        Lists the hosts that the organization has in a region, as far as the caller may read it, with
        their way through the network: what NVIDIA topograph reads. In order of pods, positions and slots.
        A client goes on with the offset that it has reached until a page is empty. Needs the permission
        `topology:read`.
        """
        answer = self._call(
            "listNetworkPaths",
            {"X-Organization": organization, "X-Region": region, "limit": limit, "offset": offset},
        )
        return cast("models.NetworkPaths", answer)

    def list_instance_names(
        self,
        *,
        organization_id: str | None = None,
        region_id: str | None = None,
    ) -> list[models.InstanceName]:
        """List instance names.

        Lists the same hosts with the names that schedulers know them by: the hostname of the server that
        a placement has there, else the name of the host. Needs the permission `topology:read`.
        """
        answer = self._call(
            "listInstanceNames",
            {"organizationID": organization_id, "regionID": region_id},
        )
        return cast("list[models.InstanceName]", answer)

    def create_capacity_claim(
        self,
        body: models.CreateCapacityClaimRequest,
        *,
        dry_run: bool | None = None,
        idempotency_key: str | None = None,
        organization_id: str | None = None,
    ) -> models.CapacityClaimResponse:
        """Create capacity claim.

        Claims instances in the order of the zones. What does not fit stays pending and is filled as
        capacity appears, oldest claim first. With dryRun the answer shows the claim as its first round
        would make it. With an id in the request, the idempotency key is ignored. Without both, a request
        that the same caller repeats with the same name and resources within three minutes is answered
        with the claim that the first one created. Zones and instance types are compared without case.
        Needs the permission `capacityclaims:write`.
        Without `idempotency_key` one is made, under which the request may be repeated.
        """
        answer = self._call(
            "createCapacityClaim",
            {"dryRun": dry_run, "Idempotency-Key": idempotency_key, "X-Organization-Id": organization_id},
            body,
        )
        return cast("models.CapacityClaimResponse", answer)

    def list_capacity_claims(
        self,
        *,
        updated_after: str | None = None,
        organization_id: str | None = None,
    ) -> models.ListCapacityClaimsResponse:
        """List capacity claims.

        Lists the claims of the caller's organizations in id order. Needs the permission
        `capacityclaims:read`.
        """
        answer = self._call(
            "listCapacityClaims",
            {"updatedAfter": updated_after, "X-Organization-Id": organization_id},
        )
        return cast("models.ListCapacityClaimsResponse", answer)

    def list_capacity_claim_parameters(
        self,
        *,
        organization_id: str | None = None,
    ) -> models.CapacityClaimParametersResponse:
        """List capacity claim parameters.

        Lists the instance types of each zone that the caller may see. Needs the permission
        `capacityclaims:read`.
        """
        answer = self._call(
            "listCapacityClaimParameters",
            {"X-Organization-Id": organization_id},
        )
        return cast("models.CapacityClaimParametersResponse", answer)

    def list_capacity_claim_quotas(
        self,
        *,
        organization_id: str | None = None,
    ) -> models.ListCapacityClaimQuotasResponse:
        """List quotas of capacity claims.

        Lists the limits of the caller's organizations on instances, and what is used of them, pending
        instances included. Subjects without a limit are omitted. Needs the permission
        `capacityclaims:read`.
        """
        answer = self._call(
            "listCapacityClaimQuotas",
            {"X-Organization-Id": organization_id},
        )
        return cast("models.ListCapacityClaimQuotasResponse", answer)

    def get_capacity_claim(
        self,
        claim_id: str,
        *,
        organization_id: str | None = None,
    ) -> models.CapacityClaimResponse:
        """Get capacity claim.

        Shows one claim. Needs the permission `capacityclaims:read`.
        """
        answer = self._call(
            "getCapacityClaim",
            {"claimID": claim_id, "X-Organization-Id": organization_id},
        )
        return cast("models.CapacityClaimResponse", answer)

    def update_capacity_claim(
        self,
        claim_id: str,
        body: models.UpdateCapacityClaimRequest,
        *,
        organization_id: str | None = None,
    ) -> models.CapacityClaimResponse:
        """Update capacity claim.

        Changes the count and the zones; the whole resources block is sent. Shrinking gives pending
        instances back first, then those of the least preferred zone. Another name, instance type or
        capacity type is refused. Needs the permission `capacityclaims:write`.
        """
        answer = self._call(
            "updateCapacityClaim",
            {"claimID": claim_id, "X-Organization-Id": organization_id},
            body,
        )
        return cast("models.CapacityClaimResponse", answer)

    def delete_capacity_claim(
        self,
        claim_id: str,
        *,
        organization_id: str | None = None,
    ) -> models.CapacityClaimResponse:
        """Delete capacity claim.

        Begins to drain a claim and answers with its state at that moment. It is shown as being deleted
        until that is done, and is then 404. Needs the permission `capacityclaims:write`.
        """
        answer = self._call(
            "deleteCapacityClaim",
            {"claimID": claim_id, "X-Organization-Id": organization_id},
        )
        return cast("models.CapacityClaimResponse", answer)

    def list_capacity_claim_events(
        self,
        claim_id: str,
        *,
        organization_id: str | None = None,
    ) -> models.CapacityClaimEvents:
        """List events of a capacity claim.

        Shows what happened to it, newest first, to whoever may read it; also after it is gone, for as
        long as the service keeps events. Needs the permission `capacityclaims:read`.
        """
        answer = self._call(
            "listCapacityClaimEvents",
            {"claimID": claim_id, "X-Organization-Id": organization_id},
        )
        return cast("models.CapacityClaimEvents", answer)

    def create_vm(
        self,
        body: models.CreateVmRequest,
        *,
        dry_run: bool | None = None,
        idempotency_key: str | None = None,
        organization_id: str | None = None,
    ) -> models.Vm:
        """Create VM.

        Rents 1, 2, 4 or 8 GPUs of one node. On-demand and reserved VMs preempt interruptible ones where
        the node is full. Needs the permission `vms:write`.
        Without `idempotency_key` one is made, under which the request may be repeated.
        """
        answer = self._call(
            "createVm",
            {"dryRun": dry_run, "Idempotency-Key": idempotency_key, "X-Organization-Id": organization_id},
            body,
        )
        return cast("models.Vm", answer)

    def list_vms(
        self,
        *,
        status: list[str] | None = None,
        organization_id: str | None = None,
    ) -> list[models.Vm]:
        """List VMs.

        Lists the organization's VMs, newest first, destroyed ones included as long as they are kept. A
        full page has a Link to the next one. Needs the permission `vms:read`.
        """
        answer = self._call(
            "listVms",
            {"status": status, "X-Organization-Id": organization_id},
        )
        return cast("list[models.Vm]", answer)

    def get_vm(
        self,
        id: str,
        *,
        organization_id: str | None = None,
    ) -> models.Vm:
        """Get VM.

        Shows one VM. Needs the permission `vms:read`.
        """
        answer = self._call(
            "getVm",
            {"id": id, "X-Organization-Id": organization_id},
        )
        return cast("models.Vm", answer)

    def destroy_vm(
        self,
        id: str,
        *,
        organization_id: str | None = None,
    ) -> models.Vm:
        """Destroy VM.

        Destroys a VM and its disk permanently. Needs the permission `vms:write`.
        """
        answer = self._call(
            "destroyVm",
            {"id": id, "X-Organization-Id": organization_id},
        )
        return cast("models.Vm", answer)

    def list_vm_events(
        self,
        id: str,
        *,
        organization_id: str | None = None,
    ) -> list[models.VmEvent]:
        """List events of a VM.

        Shows what happened to it, newest first, to whoever may read it; also after it is gone, for as
        long as the service keeps events. Needs the permission `vms:read`.
        """
        answer = self._call(
            "listVmEvents",
            {"id": id, "X-Organization-Id": organization_id},
        )
        return cast("list[models.VmEvent]", answer)

    def start_vm(
        self,
        id: str,
        *,
        organization_id: str | None = None,
    ) -> models.Vm:
        """Start VM.

        Starts a stopped or interrupted VM on its node. Needs the permission `vms:write`.
        """
        answer = self._call(
            "startVm",
            {"id": id, "X-Organization-Id": organization_id},
        )
        return cast("models.Vm", answer)

    def stop_vm(
        self,
        id: str,
        *,
        organization_id: str | None = None,
    ) -> models.Vm:
        """Stop VM.

        Stops a running VM; its disk stays. Needs the permission `vms:write`.
        """
        answer = self._call(
            "stopVm",
            {"id": id, "X-Organization-Id": organization_id},
        )
        return cast("models.Vm", answer)

    def calculate_reservation(
        self,
        body: models.CalculateReservationRequest,
        *,
        organization_id: str | None = None,
    ) -> models.ReservationQuote:
        """Calculate reservation.

        Calculates what a reserved rental would cost. Nothing is written. Needs the permission
        `billing:read`.
        """
        answer = self._call(
            "calculateReservation",
            {"X-Organization-Id": organization_id},
            body,
        )
        return cast("models.ReservationQuote", answer)

    def search_offers(
        self,
        *,
        gpu_type: str | None = None,
        gpu_count: int | None = None,
    ) -> list[models.Offer]:
        """Search offers.

        Lists the free slices of each node in regions that are open to all.
        """
        answer = self._call(
            "searchOffers",
            {"gpu_type": gpu_type, "gpu_count": gpu_count},
        )
        return cast("list[models.Offer]", answer)

    def get_pricing(
        self,
    ) -> models.Pricing:
        """Get pricing.

        Lists the price of one GPU for an hour, by GPU type.
        """
        answer = self._call(
            "getPricing",
            {},
        )
        return cast("models.Pricing", answer)

    def list_vm_quotas(
        self,
        *,
        organization_id: str | None = None,
    ) -> list[models.VmQuota]:
        """List quotas.

        Lists the limits of the organization on VMs and on their GPUs, and what is used of them. Subjects
        without a limit are omitted. Needs the permission `vms:read`.
        """
        answer = self._call(
            "listVmQuotas",
            {"X-Organization-Id": organization_id},
        )
        return cast("list[models.VmQuota]", answer)

    def list_templates(
        self,
        *,
        organization_id: str | None = None,
    ) -> list[models.Template]:
        """List templates.

        Lists the templates that the disk of a VM can be cloned from. Needs the permission `vms:read`.
        """
        answer = self._call(
            "listTemplates",
            {"X-Organization-Id": organization_id},
        )
        return cast("list[models.Template]", answer)

    def create_ssh_key(
        self,
        body: models.CreateSshKeyRequest,
        *,
        organization_id: str | None = None,
    ) -> models.SshKey:
        """Create SSH key.

        Adds a public key to the account: Ed25519, ECDSA, or RSA from 2048 bits. Needs the permission
        `vms:write`.
        """
        answer = self._call(
            "createSshKey",
            {"X-Organization-Id": organization_id},
            body,
        )
        return cast("models.SshKey", answer)

    def list_ssh_keys(
        self,
        *,
        organization_id: str | None = None,
    ) -> list[models.SshKey]:
        """List SSH keys.

        Lists the keys of the account, oldest first. Needs the permission `vms:read`.
        """
        answer = self._call(
            "listSshKeys",
            {"X-Organization-Id": organization_id},
        )
        return cast("list[models.SshKey]", answer)

    def delete_ssh_key(
        self,
        id: str,
        *,
        organization_id: str | None = None,
    ) -> models.SshKey:
        """Delete SSH key.

        Deletes a key of the account; VMs that have it keep it. Needs the permission `vms:write`.
        """
        answer = self._call(
            "deleteSshKey",
            {"id": id, "X-Organization-Id": organization_id},
        )
        return cast("models.SshKey", answer)

    def create_api_key(
        self,
        body: models.CreateApiKeyRequest,
        *,
        organization_id: str | None = None,
    ) -> models.NewApiKey:
        """Create API key.

        Creates an API key for the account; only this answer shows it. It may do what any one of its
        scopes allows, and no more than the access token that creates it. Needs the permission
        `apikeys:write`.
        """
        answer = self._call(
            "createApiKey",
            {"X-Organization-Id": organization_id},
            body,
        )
        return cast("models.NewApiKey", answer)

    def list_api_keys(
        self,
        *,
        organization_id: str | None = None,
    ) -> list[models.ApiKey]:
        """List API keys.

        Lists the API keys of the account, oldest first, without the keys themselves. Needs the permission
        `apikeys:write`.
        """
        answer = self._call(
            "listApiKeys",
            {"X-Organization-Id": organization_id},
        )
        return cast("list[models.ApiKey]", answer)

    def delete_api_key(
        self,
        id: str,
        *,
        organization_id: str | None = None,
    ) -> models.ApiKey:
        """Delete API key.

        Deletes an API key of the account: requests with it are refused from then on. Needs the permission
        `apikeys:write`.
        """
        answer = self._call(
            "deleteApiKey",
            {"id": id, "X-Organization-Id": organization_id},
        )
        return cast("models.ApiKey", answer)

    def list_operator_regions(
        self,
    ) -> list[models.OperatorRegion]:
        """List regions.

        Lists every region of the catalogue, whoever may see it. Needs the permission `operator`.
        """
        answer = self._call(
            "listOperatorRegions",
            {},
        )
        return cast("list[models.OperatorRegion]", answer)

    def get_region_map(
        self,
        region_id: str,
        *,
        hosts: bool | None = None,
        pod_id: list[str] | None = None,
    ) -> models.RegionMap:
        """Map a region.

        Shows the pods and domains of a region with all that is true of each, and who has it: a domain may
        be held and cordoned. Ownership is what the pods record; whose it is, the records say. Needs the
        permission `operator`.
        """
        answer = self._call(
            "getRegionMap",
            {"regionID": region_id, "hosts": hosts, "podID": pod_id},
        )
        return cast("models.RegionMap", answer)

    def list_holders(
        self,
        *,
        region_id: list[str] | None = None,
        pod_id: str | None = None,
        domain_id: str | None = None,
        host_id: str | None = None,
        kind: list[str] | None = None,
        status: list[str] | None = None,
        organization_id: list[str] | None = None,
        older_than: int | None = None,
        younger_than: int | None = None,
    ) -> list[models.Holder]:
        """Search holders.

        Lists reservations, placements, capacity claims and VMs of all organizations, the oldest first.
        Different parameters must all hold; of one that is repeated any value will do. A pod, domain or
        host goes with its one region. Needs the permission `operator`.
        """
        answer = self._call(
            "listHolders",
            {"regionID": region_id, "podID": pod_id, "domainID": domain_id, "hostID": host_id, "kind": kind,
            "status": status, "organizationID": organization_id, "olderThan": older_than, "youngerThan":
            younger_than},
        )
        return cast("list[models.Holder]", answer)

    def get_holder(
        self,
        organization_id: str,
        kind: str,
        holder_id: str,
    ) -> models.HolderDetail:
        """Get a holder.

        Shows a holder of any organization with the hardware that it has by name, also one whose request
        is still in progress. Needs the permission `operator`.
        """
        answer = self._call(
            "getHolder",
            {"organizationID": organization_id, "kind": kind, "holderID": holder_id},
        )
        return cast("models.HolderDetail", answer)

    def force_delete_holder(
        self,
        organization_id: str,
        kind: str,
        holder_id: str,
        body: models.ForceDelete,
    ) -> None:
        """Delete a holder.

        Begins to delete a holder, through the same fences and workflows as its owner would. The reason is
        in its record, where its owner reads it, and in an audit line. A repeat changes nothing. Needs the
        permission `operator`.
        """
        answer = self._call(
            "forceDeleteHolder",
            {"organizationID": organization_id, "kind": kind, "holderID": holder_id},
            body,
        )
        return cast("None", answer)

    def list_unsettled(
        self,
        *,
        kind: list[str] | None = None,
        older_than: int | None = None,
    ) -> list[models.UnsettledHolder]:
        """List unsettled holders.

        Lists the holders for which a workflow or a request has work to do, the longest unsettled first,
        with what each waits for. `olderThan` counts from then. Needs the permission `operator`.
        """
        answer = self._call(
            "listUnsettled",
            {"kind": kind, "olderThan": older_than},
        )
        return cast("list[models.UnsettledHolder]", answer)

    def list_queues(
        self,
        *,
        region_id: list[str] | None = None,
    ) -> list[models.ClaimQueue]:
        """List queues of capacity claims.

        Lists who waits for which instances in which zone, with place and age. Queues in which nobody
        waits are left out. Needs the permission `operator`.
        """
        answer = self._call(
            "listQueues",
            {"regionID": region_id},
        )
        return cast("list[models.ClaimQueue]", answer)

    def list_operator_quotas(
        self,
        organization_id: str,
    ) -> list[models.OperatorQuotaRead]:
        """List quotas of an organization.

        Lists the subjects that are limited for an organization. Needs the permission `operator`.
        """
        answer = self._call(
            "listOperatorQuotas",
            {"organizationID": organization_id},
        )
        return cast("list[models.OperatorQuotaRead]", answer)

    def set_operator_quota(
        self,
        organization_id: str,
        subject: str,
        body: models.OperatorQuota,
    ) -> models.OperatorQuotaChange:
        """Set a quota.

        Limits how much of a subject an organization may have. Its holders are counted first, so the limit
        is exact from then on; what exceeds it stays. After a 500 with Retry-After send it again. Needs
        the permission `operator`.
        """
        answer = self._call(
            "setOperatorQuota",
            {"organizationID": organization_id, "subject": subject},
            body,
        )
        return cast("models.OperatorQuotaChange", answer)

    def list_operator_api_keys(
        self,
        organization_id: str,
    ) -> list[models.OperatorApiKeyRead]:
        """List API keys of an organization.

        Lists the API keys of all accounts of an organization, oldest first. Needs the permission
        `operator`.
        """
        answer = self._call(
            "listOperatorApiKeys",
            {"organizationID": organization_id},
        )
        return cast("list[models.OperatorApiKeyRead]", answer)

    def make_operator_api_key(
        self,
        organization_id: str,
        body: models.OperatorApiKey,
    ) -> models.OperatorApiKeyMade:
        """Make an API key.

        Makes an API key for an account. The key is shown this once. Needs the permission `operator`.
        """
        answer = self._call(
            "makeOperatorApiKey",
            {"organizationID": organization_id},
            body,
        )
        return cast("models.OperatorApiKeyMade", answer)

    def revoke_operator_api_key(
        self,
        organization_id: str,
        key_id: str,
    ) -> models.OperatorApiKeyRead:
        """Revoke an API key.

        Deletes an API key of an organization. It is no longer valid. Needs the permission `operator`.
        """
        answer = self._call(
            "revokeOperatorApiKey",
            {"organizationID": organization_id, "keyID": key_id},
        )
        return cast("models.OperatorApiKeyRead", answer)

    def list_cordons(
        self,
        region_id: str,
        *,
        cause: list[str] | None = None,
    ) -> list[models.CordonRead]:
        """List cordons.

        Lists what takes no new holder in a region: what operators have cordoned, oldest first, then the
        domains that the fleet document has cordoned. Needs the permission `operator`.
        """
        answer = self._call(
            "listCordons",
            {"regionID": region_id, "cause": cause},
        )
        return cast("list[models.CordonRead]", answer)

    def set_cordon(
        self,
        region_id: str,
        body: models.Cordon,
    ) -> models.CordonChange:
        """Cordon hardware.

        Takes a region, a pod, a domain or a host out of sale. Who holds it keeps it. A target that is
        cordoned already gets the new reason. Needs the permission `operator`.
        """
        answer = self._call(
            "setCordon",
            {"regionID": region_id},
            body,
        )
        return cast("models.CordonChange", answer)

    def lift_cordon(
        self,
        region_id: str,
        *,
        pod_id: str | None = None,
        domain_id: str | None = None,
        host_id: str | None = None,
    ) -> models.CordonChange:
        """Lift a cordon.

        Lifts the cordon of exactly this target; without a parameter, that of the region. Cordons of the
        fleet document, and of other targets, stay. Needs the permission `operator`.
        """
        answer = self._call(
            "liftCordon",
            {"regionID": region_id, "podID": pod_id, "domainID": domain_id, "hostID": host_id},
        )
        return cast("models.CordonChange", answer)

    def set_quarantine(
        self,
        region_id: str,
        body: models.Quarantine,
    ) -> models.CordonChange:
        """Quarantine a host.

        Sets a host aside that failed: it is not sold, and its holder sees that it is impaired, and why.
        One that is in quarantine stays there, with its first reason. Needs the permission `operator`.
        """
        answer = self._call(
            "setQuarantine",
            {"regionID": region_id},
            body,
        )
        return cast("models.CordonChange", answer)

    def lift_quarantine(
        self,
        region_id: str,
        host_id: str,
    ) -> models.CordonChange:
        """Lift a quarantine.

        Lifts the quarantine of a host. What else keeps it out of sale stays. Needs the permission
        `operator`.
        """
        answer = self._call(
            "liftQuarantine",
            {"regionID": region_id, "hostID": host_id},
        )
        return cast("models.CordonChange", answer)

    def list_fault_reports(
        self,
        *,
        region_id: list[str] | None = None,
    ) -> list[models.OperatorFaultReport]:
        """List fault reports.

        Lists the faults that customers have reported in the last 90 days, latest first. Needs the
        permission `operator`.
        """
        answer = self._call(
            "listFaultReports",
            {"regionID": region_id},
        )
        return cast("list[models.OperatorFaultReport]", answer)

    def get_pod_drain(
        self,
        region_id: str,
        pod_id: str,
    ) -> models.Drain:
        """Get the drain of a pod.

        Shows who is still in a pod, since when, and until when if known. Cordon the pod so that the list
        empties. Needs the permission `operator`.
        """
        answer = self._call(
            "getPodDrain",
            {"regionID": region_id, "podID": pod_id},
        )
        return cast("models.Drain", answer)

    def list_maintenances(
        self,
        *,
        region_id: list[str] | None = None,
        status: list[str] | None = None,
    ) -> list[models.MaintenanceRead]:
        """List maintenances.

        Lists maintenances, those that begin first first; when they are over for 30 more days. Needs the
        permission `operator`.
        """
        answer = self._call(
            "listMaintenances",
            {"regionID": region_id, "status": status},
        )
        return cast("list[models.MaintenanceRead]", answer)

    def plan_maintenance(
        self,
        body: models.Maintenance,
        *,
        dry_run: bool | None = None,
    ) -> models.MaintenanceRead:
        """Plan a maintenance.

        Plans work on hardware in a window of time. New holders are kept off from now on, and holders read
        of it. Free hosts go into the provider's maintenance when the window opens, held ones when they
        become free or their holder allows it, or by force after a notice. Needs the permission
        `operator`.
        """
        answer = self._call(
            "planMaintenance",
            {"dryRun": dry_run},
            body,
        )
        return cast("models.MaintenanceRead", answer)

    def get_maintenance(
        self,
        maintenance_id: str,
    ) -> models.MaintenanceDetailRead:
        """Get a maintenance.

        Returns a maintenance with the hosts that it has taken. Needs the permission `operator`.
        """
        answer = self._call(
            "getMaintenance",
            {"maintenanceID": maintenance_id},
        )
        return cast("models.MaintenanceDetailRead", answer)

    def change_maintenance(
        self,
        maintenance_id: str,
        body: models.MaintenanceChange,
        *,
        dry_run: bool | None = None,
        if_match: str | None = None,
    ) -> models.MaintenanceRead:
        """Change a maintenance.

        Replaces targets, window, reason and force. The beginning of an open maintenance stays. Hosts that
        are no target any more come back. A later end, or another target, ends what holders have allowed.
        Notice of force is given again where holders could not have read of it. Needs the permission
        `operator`.
        """
        answer = self._call(
            "changeMaintenance",
            {"maintenanceID": maintenance_id, "dryRun": dry_run, "If-Match": if_match},
            body,
        )
        return cast("models.MaintenanceRead", answer)

    def cancel_maintenance(
        self,
        maintenance_id: str,
    ) -> models.MaintenanceRead:
        """Cancel a maintenance.

        Cancels a maintenance: its hosts come back, and then it is for sale again. A repeat does nothing.
        Needs the permission `operator`.
        """
        answer = self._call(
            "cancelMaintenance",
            {"maintenanceID": maintenance_id},
        )
        return cast("models.MaintenanceRead", answer)

    def start_audit(
        self,
    ) -> models.AuditRead:
        """Start an audit.

        Starts an audit in the background: whether holders, pods and providers agree. It repairs nothing.
        Get it by its id until it has ended; that takes seconds to minutes. Needs the permission
        `operator`.
        """
        answer = self._call(
            "startAudit",
            {},
        )
        return cast("models.AuditRead", answer)

    def list_audits(
        self,
    ) -> list[models.AuditRead]:
        """List audits.

        Lists the audits of the last 90 days, those of the schedule as well, latest first. Needs the
        permission `operator`.
        """
        answer = self._call(
            "listAudits",
            {},
        )
        return cast("list[models.AuditRead]", answer)

    def order_repair(
        self,
        audit_id: str,
        body: models.AuditRepair,
    ) -> models.AuditRead:
        """Repair findings of an audit.

        Has findings of an audit repaired in the background, or shows what that would do. Only what is
        found again at that moment is repaired, each finding by one conditional write or one request to
        its provider. Get the run by its id until it has ended; it says what became of each. Needs the
        permission `operator`.
        """
        answer = self._call(
            "orderRepair",
            {"auditID": audit_id},
            body,
        )
        return cast("models.AuditRead", answer)

    def get_audit(
        self,
        audit_id: str,
    ) -> models.AuditDetailRead:
        """Get an audit.

        Gets an audit with what it found. Of very many findings the first are kept; `leftOutCount` says
        how many more there were, and the log has all. Needs the permission `operator`.
        """
        answer = self._call(
            "getAudit",
            {"auditID": audit_id},
        )
        return cast("models.AuditDetailRead", answer)

    def list_dead_letters(
        self,
    ) -> list[models.DeadLetterQueue]:
        """List dead letters.

        Shows what failed for good in the background: how many letters there are, and some of them. They
        stay in their queue for 14 days. Needs the permission `operator`.
        """
        answer = self._call(
            "listDeadLetters",
            {},
        )
        return cast("list[models.DeadLetterQueue]", answer)

    def list_all_usage(
        self,
        *,
        since: str | None = None,
        until: str | None = None,
        format: str | None = None,
        organization_id: list[str] | None = None,
        project_id: list[str] | None = None,
    ) -> list[models.Usage]:
        """List usage.

        Lists the GPU-seconds that every organization, or those that are named, held, by holder,
        accelerator and day of UTC. What is held now counts until now. What happened in the last seconds
        may not be counted yet. List prices do not include the disks of VMs. Needs the permission
        `operator`.
        """
        answer = self._call(
            "listAllUsage",
            {"since": since, "until": until, "format": format, "organizationID": organization_id, "projectID":
            project_id},
        )
        return cast("list[models.Usage]", answer)
