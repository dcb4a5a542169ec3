"""Every operation of the VM API as a request of the owner, and the expected status for each caller."""

from __future__ import annotations

import json
from typing import Final

from testkit.hostile.forgeries import FORGERIES
from testkit.hostile.service import Ask
from testkit.hostile.vm_service import (
    API_KEY,
    API_KEYS,
    KEYS,
    PRICING,
    QUOTES,
    SEARCH,
    TEMPLATES,
    VMS,
    api_key_body,
    key_body,
    quote_body,
    vm_body,
)
from testkit.world import ORGANIZATION

FOR_ORGANIZATION: Final = (("x-organization-id", ORGANIZATION),)

# In a path these words stand for a resource of the owner.
VM_ASKS: Final[dict[str, Ask]] = {
    "create_vm": Ask("POST", VMS, json.dumps(vm_body())),
    "create_vm (organization named)": Ask("POST", VMS, json.dumps(vm_body()), headers=FOR_ORGANIZATION),
    "list_vms": Ask("GET", VMS),
    "list_vms (organization named)": Ask("GET", VMS, headers=FOR_ORGANIZATION),
    "get_vm": Ask("GET", f"{VMS}/vm of owner"),
    "list_vm_events": Ask("GET", f"{VMS}/vm of owner/events"),
    "destroy_vm": Ask("DELETE", f"{VMS}/vm of owner"),
    "start_vm": Ask("POST", f"{VMS}/stopped vm of owner/start"),
    "stop_vm": Ask("POST", f"{VMS}/vm of owner/stop"),
    "calculate_reservation": Ask("POST", QUOTES, json.dumps(quote_body())),
    "search_offers": Ask("GET", SEARCH),
    "get_pricing": Ask("GET", PRICING),
    "list_vm_quotas": Ask("GET", "/quotas"),
    "list_templates": Ask("GET", TEMPLATES),
    "create_ssh_key": Ask("POST", KEYS, json.dumps(key_body())),
    "list_ssh_keys": Ask("GET", KEYS),
    "delete_ssh_key": Ask("DELETE", f"{KEYS}/key of owner"),
    "create_api_key": Ask("POST", API_KEY, json.dumps(api_key_body())),
    "list_api_keys": Ask("GET", API_KEYS),
    "delete_api_key": Ask("DELETE", f"{API_KEYS}/credential of owner"),
}
PUBLIC: Final = frozenset({"search_offers", "get_pricing"})

WHO: Final = (
    *("owner", "other project", "other organization", "reader", "operator"),
    *("read_write key", "read_only key", "billing_only key", "key of another organization"),
)
# In the order of WHO. VMs belong to organizations, not to projects; SSH keys to one account.
EXPECTED: Final[dict[str, tuple[int, ...]]] = {
    "create_vm": (201, 201, 201, 403, 403, 201, 403, 403, 201),
    "create_vm (organization named)": (201, 201, 403, 403, 403, 201, 403, 403, 403),
    "list_vms": (200, 200, 200, 200, 403, 200, 200, 403, 200),
    "list_vms (organization named)": (200, 200, 403, 200, 403, 200, 200, 403, 403),
    "get_vm": (200, 200, 404, 200, 403, 200, 200, 403, 404),
    "list_vm_events": (200, 200, 404, 200, 403, 200, 200, 403, 404),
    "destroy_vm": (200, 200, 404, 403, 403, 200, 403, 403, 404),
    "start_vm": (200, 200, 404, 403, 403, 200, 403, 403, 404),
    "stop_vm": (200, 200, 404, 403, 403, 200, 403, 403, 404),
    "calculate_reservation": (200, 200, 200, 403, 403, 200, 200, 200, 200),
    "search_offers": (200,) * 9,
    "get_pricing": (200,) * 9,
    "list_vm_quotas": (200, 200, 200, 200, 403, 200, 200, 403, 200),
    "list_templates": (200, 200, 200, 200, 403, 200, 200, 403, 200),
    "create_ssh_key": (201, 201, 201, 403, 403, 201, 403, 403, 201),
    "list_ssh_keys": (200, 200, 200, 200, 403, 200, 200, 403, 200),
    "delete_ssh_key": (200, 404, 404, 403, 403, 200, 403, 403, 404),
    # With an API key nobody creates, lists or deletes API keys.
    "create_api_key": (201, 201, 201, 403, 403, 403, 403, 403, 403),
    "list_api_keys": (200, 200, 200, 403, 403, 403, 403, 403, 403),
    "delete_api_key": (200, 404, 404, 403, 403, 403, 403, 403, 403),
}
MADE_UP: Final = {
    "made-up key": "nv_" + "A" * 43,
    "key of no length": "nv_",
    "short key": "nv_short",
    "long key": "nv_" + "A" * 44,
    "key of other characters": "nv_" + "!" * 43,
}
STRANGERS: Final = ("expired", *FORGERIES, "none", "revoked key", *MADE_UP)
