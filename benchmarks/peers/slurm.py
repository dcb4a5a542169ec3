"""Drives a Slurm controller: advance reservations of nodes that do not exist.

The nodes have the state CLOUD, so the controller works without daemons on them. One ``scontrol`` process
takes all commands, because starting one for each would dominate the measurement. Slurm does not use the
clock of the trace: a reservation begins now, has a distant end, and is deleted when the trace says so.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

PORT: Final = 16817
READY_SECONDS_MAX: Final = 30.0
MINUTES: Final = 100_000
PARTITION: Final = "racks"


class Slurm:
    """A controller of ``pods`` switches with ``length`` nodes each, within a ``with`` block.

    ``folder`` was created by ``slurm.sh``. AssertionError if the controller does not start.
    """

    def __init__(self, folder: Path, pods: int, length: int) -> None:
        root = folder.resolve() / "root"
        library = next(root.rglob("libslurmfull.so")).parent
        self._controller = next(path for path in (root / "usr/sbin").glob("slurmctld*") if path.is_file())
        self._scontrol = root / "usr/bin/scontrol"
        self._run = folder.resolve() / "run"
        self._configuration = self._run / "slurm.conf"
        self._environment = {
            **os.environ,
            "LD_LIBRARY_PATH": f"{library}:{library.parent}",
            "SLURM_CONF": str(self._configuration),
        }
        # The controller keeps reservations even if it is started with the option to discard its state.
        shutil.rmtree(self._run, ignore_errors=True)
        (self._run / "state").mkdir(parents=True)
        self._configuration.write_text(configuration(self._run, library, pods, length))
        (self._run / "topology.conf").write_text(topology(pods, length))

    def __enter__(self) -> Self:
        self._daemon = subprocess.Popen(  # noqa: S603 - unpacked from Debian's own package
            [str(self._controller), "-D", "-f", str(self._configuration)],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait_until_up()
            self._client = subprocess.Popen(  # noqa: S603 - as above
                # Line buffering: otherwise the answers stay in the client's buffer until it ends.
                ["stdbuf", "-oL", "-eL", str(self._scontrol), "--oneliner"],  # noqa: S607 - of coreutils
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                bufsize=1,
            )
        except BaseException:
            self._end(self._daemon)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(self._client)
        self._end(self._daemon)

    def reserve(self, name: str, nodes: int, *, replaces: bool = False) -> bool:
        """Reserve that many nodes of the controller's choice; ``nodes_of`` returns which.

        ``replaces``: the controller replaces nodes of it that go down.
        """
        flags = " Flags=REPLACE_DOWN" if replaces else ""
        self._send(
            f"create reservation ReservationName={name} StartTime=now Duration={MINUTES} NodeCnt={nodes} "
            f"Users=root PartitionName={PARTITION}{flags}"
        )
        return self._read_until("Reservation created", "rror").startswith("Reservation created")

    def nodes_of(self, name: str) -> list[str]:
        """Return the nodes that a reservation has."""
        self._send(f"show reservation {name}")
        line = self._read_until("ReservationName=", "not found", "rror")
        found = re.search(r"\bNodes=(\S+)", line)
        return expand(found.group(1)) if found else []

    def fail(self, node: str) -> None:
        """Take a node down, as an operator or a health check does."""
        self._send(f"update NodeName={node} State=DOWN Reason=fault")

    def bring_back(self, node: str) -> None:
        """Bring a node back that was down."""
        self._send(f"update NodeName={node} State=RESUME")

    def release(self, name: str) -> None:
        """Delete a reservation."""
        self._send(f"delete ReservationName={name}")

    def _send(self, command: str) -> None:
        _pipe(self._client.stdin).write(command + "\n")

    def _read_until(self, *signs: str) -> str:
        """The next line with one of the signs; the client repeats each command after its prompt."""
        for line in _pipe(self._client.stdout):
            if not line.startswith("scontrol:") and any(sign in line for sign in signs):
                return line
        raise AssertionError("scontrol ended")

    def _wait_until_up(self) -> None:
        ends = time.monotonic() + READY_SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", PORT), timeout=1).close()
            except OSError:
                assert self._daemon.poll() is None, f"the controller ended: {self._run}/slurmctld.log"
                assert time.monotonic() < ends, "the controller does not answer"
                time.sleep(0.05)
            else:
                return

    @staticmethod
    def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
        process.terminate()
        process.wait(timeout=READY_SECONDS_MAX)


def configuration(run: Path, library: Path, pods: int, length: int) -> str:
    """``slurm.conf``: one partition over all nodes, loopback only, no accounting, nobody to authenticate."""
    settings = {
        "ClusterName": "bench",
        "SlurmctldHost": f"{socket.gethostname().split('.')[0]}(127.0.0.1)",
        "SlurmctldPort": PORT,
        # Without it the controller listens on every address of the machine.
        "CommunicationParameters": "NoInAddrAny",
        "SlurmUser": "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody"),
        "AuthType": "auth/none",
        "CredType": "cred/none",
        "PluginDir": library,
        "StateSaveLocation": run / "state",
        "SlurmctldPidFile": run / "slurmctld.pid",
        "SlurmctldLogFile": run / "slurmctld.log",
        "SelectType": "select/linear",
        "TopologyPlugin": "topology/tree",
        "SchedulerType": "sched/builtin",
        "ProctrackType": "proctrack/pgid",
        "AccountingStorageType": "accounting_storage/none",
        "JobAcctGatherType": "jobacct_gather/none",
        "MpiDefault": "none",
        # What makes nodes of state CLOUD admissible; neither is ever called, as no job is run.
        "SuspendProgram": "/bin/true",
        "ResumeProgram": "/bin/true",
        "SuspendTime": "INFINITE",
    }
    lines = [f"{name}={value}" for name, value in settings.items()]
    lines.append("NodeName=DEFAULT CPUs=1 State=CLOUD")
    lines += [f"NodeName={_nodes(pod, length)}" for pod in range(pods)]
    lines.append(f"PartitionName={PARTITION} Nodes=ALL Default=YES State=UP MaxTime=INFINITE")
    return "\n".join(lines) + "\n"


def topology(pods: int, length: int) -> str:
    """``topology.conf``: a switch for each pod, and one over all of them."""
    lines = [f"SwitchName=s{pod:03} Nodes={_nodes(pod, length)}" for pod in range(pods)]
    return "\n".join([*lines, f"SwitchName=top Switches=s[000-{pods - 1:03}]"]) + "\n"


def expand(nodes: str) -> list[str]:
    """Slurm's list of nodes, for example ``p000n[00-02,07],p001n05``, one by one."""
    names = []
    for prefix, inside in re.findall(r"([^,\[\]]+)(?:\[([^\]]*)\])?", nodes):
        for part in inside.split(",") if inside else [""]:
            first, _, last = part.partition("-")
            if not part:
                names.append(prefix)
            else:
                last = last or first
                names += [f"{prefix}{n:0{len(first)}}" for n in range(int(first), int(last) + 1)]
    return names


def is_contiguous(nodes: list[str]) -> bool:
    """Whether nodes named ``p<pod>n<position>`` are neighbours in one pod."""
    places = sorted((name.split("n")[0], int(name.split("n")[1])) for name in nodes)
    pods = {pod for pod, _ in places}
    return len(pods) == 1 and places[-1][1] - places[0][1] == len(places) - 1


def _nodes(pod: int, length: int) -> str:
    return f"p{pod:03}n[00-{length - 1:02}]"


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
