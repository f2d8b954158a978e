"""A private Slurm on this machine: its own munge, controller and node, on ports of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .daemons import end, pid_in, program, until
from .ssh import free_port

CONFIGURATION = """\
ClusterName=gc3test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={directory}/munge/socket
StateSaveLocation={directory}/state
SlurmdSpoolDir={directory}/spool
SlurmctldPidFile={directory}/slurmctld.pid
SlurmdPidFile={directory}/slurmd.pid
SlurmctldLogFile={directory}/slurmctld.log
SlurmdLogFile={directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/{gather}
JobAcctGatherFrequency=1
AccountingStorageType=accounting_storage/{accounts}
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters={scheduling}
MaxArraySize=100001
MaxJobCount=200000
MinJobAge={keep}
MessageTimeout=5
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout={node_timeout}
InactiveLimit=0
KillWait=2
CompleteWait=0
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=two Nodes={host} MaxTime=INFINITE State=UP MaxCPUsPerNode=2
{more}
"""
SCHEDULING = (
    "batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1,"
    "default_queue_depth=10000"
)


class Slurm:
    """One controller and one node, whose cores are as many as is said.

    Args:
        cores: Of the node.
        keep: Seconds that a job that is over stays in the queue.
        node_timeout: Seconds after which a node that does not answer is down.
        settings: Further lines of the configuration, and values of its placeholders.
    """

    def __init__(self, cores: int = 4, *, keep: int = 300, node_timeout: int = 30) -> None:
        for name, package in (
            ("slurmctld", "slurmctld"),
            ("slurmd", "slurmd"),
            ("munged", "munge"),
            ("sbatch", "slurm-client"),
        ):
            program(name, package)
        self.directory = Path(tempfile.mkdtemp(prefix="gc3-slurm-"))
        self.directory.chmod(0o755)
        self.configuration = self.directory / "slurm.conf"
        self.environment = {"SLURM_CONF": str(self.configuration)}
        self._values = {
            "host": socket.gethostname().partition(".")[0],
            "user": getpass.getuser(),
            "directory": str(self.directory),
            "controller_port": free_port(),
            "node_port": free_port(),
            "cores": cores,
            "keep": keep,
            "node_timeout": node_timeout,
            "scheduling": SCHEDULING,
            "gather": "none",
            "accounts": "none",
            "more": "",
        }

    def configure(self, **values: object) -> None:
        """Set values of the configuration, before the start."""
        self._values |= values

    def start(self) -> None:
        """Start everything, and wait until jobs can run; nothing runs if that fails."""
        try:
            self._start_all()
        except BaseException:
            self.stop()
            raise

    def _start_all(self) -> None:
        for name in ("munge", "state", "spool"):
            (self.directory / name).mkdir(mode=0o755)
        self.configuration.write_text(CONFIGURATION.format(**self._values))
        self._start_munge()
        self.start_controller()
        self.start_node()

    def _start_munge(self) -> None:
        place = self.directory / "munge"
        key = place / "key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        self._start(
            "munged",
            "--force",
            f"--key-file={key}",
            f"--socket={place}/socket",
            f"--pid-file={place}/pid",
            f"--log-file={place}/log",
            f"--seed-file={place}/seed",
            "--num-threads=2",
        )

    def start_controller(self) -> None:
        """Start the controller, and wait until it answers."""
        self._start("slurmctld", "-f", str(self.configuration))
        until(lambda: self.run("sinfo", "--noheader", check=False).returncode == 0)

    def start_node(self) -> None:
        """Start the node, and wait until it takes jobs."""
        self._start("slurmd", "-f", str(self.configuration))
        until(
            lambda: self.run("sinfo", "-h", "-o", "%t", "-p", "main").stdout.strip() in "idle mix"
        )

    def stop_controller(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the controller; its state stays."""
        end(self.directory / "slurmctld.pid", how)

    def stop_node(self) -> None:
        """End the node at once, as a power failure does; what it ran is ended as well."""
        end(self.directory / "slurmd.pid", signal.SIGKILL)
        mark = str(self.directory)
        for pid in self._processes(lambda w: w.startswith("slurmstepd") and mark in w):
            os.kill(pid, signal.SIGKILL)

    def kill_scripts(self) -> None:
        """Kill the scripts of all jobs that run, but for the controller, which learns of it."""
        for pid in self._processes(lambda words: str(self.directory / "spool") in words):
            os.kill(pid, signal.SIGKILL)

    @contextmanager
    def resumed(self) -> Iterator[None]:
        """Meanwhile, have the node taken into service again whenever it is not, as people do."""
        done = threading.Event()
        node = f"NodeName={self._values['host']}"

        def resume() -> None:
            while not done.wait(0.5):
                self.run("scontrol", "update", node, "State=RESUME", check=False)

        thread = threading.Thread(target=resume)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _processes(self, condition: Callable[[str], bool]) -> list[int]:
        """Processes whose command line, or whose environment, is like this."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
                if condition(words.decode(errors="replace")):
                    found.append(int(place.name))
        return found

    def stop(self) -> None:
        """End everything, and remove it."""
        if pid_in(self.directory / "slurmctld.pid") is not None:
            self.run("scancel", "--signal=KILL", "--full", "--me", check=False)
            self.run("scancel", "--me", check=False)
        for name in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
            end(self.directory / name, signal.SIGKILL)
        shutil.rmtree(self.directory)

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of Slurm's commands."""
        surroundings = os.environ | self.environment
        return subprocess.run(words, env=surroundings, capture_output=True, text=True, check=check)

    def queue(self) -> list[str]:
        """The jobs that are not over, one line an element: ID, state and comment."""
        text = self.run("squeue", "--noheader", "--array", "--me", "-o", "%i %T %k").stdout
        return text.splitlines()

    def _start(self, name: str, *words: str, environment: dict[str, str] | None = None) -> None:
        surroundings = os.environ | (environment or {})
        subprocess.run((program(name, name), *words), env=surroundings, check=True)
