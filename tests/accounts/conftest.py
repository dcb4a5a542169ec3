"""The stage of the VM API, to which accounts belong."""

from tests.vms.api.conftest import stage as stage
