"""Interfaces for Ironic's fake hardware that behave more like machines. Only Ironic's process imports this.

`rack` as deploy interface: a machine gets its config drive as an ISO image, is on when it has booted, and off
when its server was removed.

`rack` as power interface: a machine whose `driver_info` has `unplugged` does not answer. Ironic notices by
itself, and sets the node's maintenance and fault; it lifts them when the machine answers again.

Over SQLite, transactions of several threads that read before they write give up instead of waiting. Here each
takes the lock for writing at its beginning, so that they wait for one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ironic.common import exception, states
from ironic.conductor import configdrive_utils, utils
from ironic.drivers import base
from ironic.drivers.modules import fake
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_POWER = "rack_power"
CONFIG_DRIVE = "rack_config_drive"
"""In `driver_internal_info`: the image, compressed and in base64; none if there is none."""


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Begin before oslo.db does, which begins a transaction only once."""
    if connection.dialect.name == "sqlite" and "in_transaction" not in connection.info:
        connection.execute(text("BEGIN IMMEDIATE"))
        connection.info["in_transaction"] = True


class RackDeploy(fake.FakeDeploy):
    """Switches machines on and off, as deployments of real ones do."""

    @base.deploy_step(priority=100)
    def deploy(self, task: Any) -> None:
        """Boot the machine."""
        super().deploy(task)
        drive = configdrive_utils.get_configdrive_image(task.node)
        task.node.set_driver_internal_info(CONFIG_DRIVE, drive)
        task.node.save()
        utils.node_power_action(task, states.POWER_ON)

    def tear_down(self, task: Any) -> Any:
        """Switch the machine off."""
        utils.node_power_action(task, states.POWER_OFF)
        return super().tear_down(task)


class RackPower(fake.FakePower):
    """The power of a machine that may be unplugged."""

    def get_power_state(self, task: Any) -> Any:
        """Return the state that the machine has, which Ironic may not know."""
        self._answer(task)
        super().get_power_state(task)
        return task.node.driver_internal_info.get(_POWER, task.node.power_state)

    def set_power_state(self, task: Any, power_state: str, timeout: int | None = None) -> None:
        """Switch the machine."""
        self._answer(task)
        super().set_power_state(task, power_state, timeout)
        off = power_state in (states.POWER_OFF, states.SOFT_POWER_OFF)
        self._keep(task, states.POWER_OFF if off else states.POWER_ON)

    def reboot(self, task: Any, timeout: int | None = None) -> None:
        """Switch the machine off and on."""
        self._answer(task)
        super().reboot(task, timeout)
        self._keep(task, states.POWER_ON)

    @staticmethod
    def _answer(task: Any) -> None:
        if task.node.driver_info.get("unplugged"):
            raise exception.PowerStateFailure(pstate="none: it does not answer")

    @staticmethod
    def _keep(task: Any, power_state: str) -> None:
        task.node.power_state = power_state
        task.node.set_driver_internal_info(_POWER, power_state)
        task.node.save()
