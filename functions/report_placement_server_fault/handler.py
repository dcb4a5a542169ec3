"""POST /api/v2/placements/{placementID}/servers/{serverID}/report-fault."""

from gpu_capacity.http.call import Call, Reply
from gpu_capacity.placements.api.fault_reports import fault_of, reported
from gpu_capacity.placements.report_fault import report_placement_server_fault
from gpu_capacity.runtime.apis.reservations import reservation_function
from gpu_capacity.runtime.services import Services


def handle(call: Call[Services]) -> Reply:
    """Record a fault, and have the server moved unless all is well."""
    named = call.path_parameters["placementID"], call.path_parameters["serverID"]
    fault, organizations = fault_of(call), call.values("organizationID")
    return reported(report_placement_server_fault(call.services, call.caller, *named, fault, organizations))


lambda_handler = reservation_function("report_placement_server_fault", handle)
