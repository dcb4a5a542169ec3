"""The stage of the VM API, to which accounts belong."""

from tests.vms.api.conftest import stage  # noqa: F401 - for the tests of this room
