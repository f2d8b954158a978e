"""The Grid Engine of this machine, of which there can be one only, and queues of its own in it."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from .daemons import end, pid_in, program, until

ROOT = Path("/var/lib/gridengine")
CELL = "default"
SPOOL = Path("/var/spool/gridengine/spooldb")
RUN = Path("/run/gridengine")
MASTER = Path("/var/spool/gridengine/qmaster/qmaster.pid")
USERS = Path(tempfile.gettempdir()) / "gc3-test-gridengine.users"
DOOR = Path(tempfile.gettempdir()) / "gc3-test-gridengine.door"
HOST = """\
hostname {host}
load_scaling NONE
complex_values NONE
user_lists NONE
xuser_lists NONE
projects NONE
xprojects NONE
usage_scaling NONE
report_variables NONE
"""
QUEUE = {
    "hostlist": "@gc3test",
    "load_thresholds": "NONE",
    "pe_list": "gc3test",
    "shell": "/bin/sh",
    "shell_start_mode": "unix_behavior",
    "notify": "00:00:05",
}
ENVIRONMENT = """\
pe_name gc3test
slots 999
user_lists NONE
xuser_lists NONE
start_proc_args NONE
stop_proc_args NONE
allocation_rule $pe_slots
control_slaves FALSE
job_is_first_task TRUE
urgency_slots min
accounting_summary FALSE
qsort_args NONE
"""
SCHEDULER = {
    "schedule_interval": "0:0:1",
    "flush_submit_sec": "1",
    "flush_finish_sec": "1",
    "max_pending_tasks_per_job": "1000",
}
GLOBAL = {
    "min_uid": "0",
    "min_gid": "0",
    "reporting_params": "accounting=true reporting=false flush_time=00:00:01"
    " accounting_flush_time=00:00:00 joblog=false sharelog=00:00:00",
}


class GridEngine:
    """The Grid Engine, started unless somebody did; whoever leaves last ends it, if it was ours."""

    def __init__(self) -> None:
        for name, package in (
            ("sge_qmaster", "gridengine-master"),
            ("sge_execd", "gridengine-exec"),
            ("qsub", "gridengine-client"),
        ):
            program(name, package)
        if os.getuid() != 0:
            pytest.skip("Grid Engine is started by root")
        self.environment = {"SGE_ROOT": str(ROOT), "SGE_CELL": CELL}
        self._users = USERS.open("a")
        self._queues: list[str] = []

    def start(self) -> None:
        """Have it run, with what the tests need."""
        with self._alone():
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if pid_in(MASTER) is None:
                self._start_master()
            self._configure()
            if pid_in(RUN / "execd.pid") is None:
                self._start_daemon("sge_execd", SGE_EXECD_PIDFILE=str(RUN / "execd.pid"))
            until(lambda: "lx-amd64" in self.run("qhost").stdout)

    def stop(self) -> None:
        """Remove the queues that were made here; end it, if nobody else uses it."""
        for name in self._queues:
            self.run("qconf", "-dq", name, check=False)
        with self._alone(), self._users, suppress(BlockingIOError):
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            end(RUN / "execd.pid", signal.SIGKILL)
            end(MASTER)

    @staticmethod
    @contextmanager
    def _alone() -> Iterator[None]:
        """Nobody else starts or ends it meanwhile."""
        with DOOR.open("a") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            yield

    def queue(self, slots: int) -> str:
        """Make a queue with so many slots."""
        name = f"q{secrets.token_hex(4)}.q"
        template = self.run("qconf", "-sq").stdout
        self._apply("-Aq", changed(template, QUEUE | {"qname": name, "slots": str(slots)}))
        self._queues.append(name)
        return name

    def jobs(self) -> str:
        """What is in its queues, in its words."""
        return self.run("qstat", "-u", "*").stdout

    def run(
        self, *words: str, check: bool = True, **surroundings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its commands."""
        env = os.environ | self.environment | surroundings
        return subprocess.run(words, env=env, capture_output=True, text=True, check=check)

    def _start_master(self) -> None:
        host, common = socket.gethostname(), ROOT / CELL / "common"
        (common / "act_qmaster").write_text(f"{host}\n")
        (common / "host_aliases").write_text(f"{host} localhost\n")
        RUN.mkdir(mode=0o755, exist_ok=True)
        shutil.chown(RUN, "sgeadmin", "sgeadmin")
        if not (SPOOL / "sge").exists():
            script = "/usr/share/gridengine/scripts/init_cluster"
            self._as_admin(f"{script} {ROOT} {CELL} {SPOOL} sgeadmin")
        self._start_daemon("sge_qmaster")
        until(lambda: self.run("qconf", "-sh", check=False).returncode == 0)
        self._as_admin("qconf -am root")

    def _configure(self) -> None:
        host = socket.gethostname()
        for option in ("-as", "-ah"):
            self.run("qconf", option, host, check=False)
        self._apply("-Ae", HOST.format(host=host), check=False)
        self._apply("-Ahgrp", f"group_name @gc3test\nhostlist {host}\n", check=False)
        self._apply("-Ap", ENVIRONMENT, check=False)
        self._apply("-Msconf", changed(self.run("qconf", "-ssconf").stdout, SCHEDULER))
        text = self.run("qconf", "-sconf", "global").stdout
        self._apply("-Mconf", changed(text, GLOBAL), name="global")

    def _apply(self, option: str, text: str, *, name: str = "new", check: bool = True) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, name)
            path.write_text(text)
            self.run("qconf", option, str(path), check=check)

    def _as_admin(self, command: str) -> None:
        self.run("su", "-s", "/bin/sh", "-c", command, "sgeadmin", check=False)

    def _start_daemon(self, name: str, **surroundings: str) -> None:
        self.run(program(name, name), **surroundings)


def changed(text: str, values: dict[str, str]) -> str:
    """A configuration with some of its values replaced; long lines go on after a backslash."""
    text = re.sub(r"\\\n\s*", "", text)
    for name, value in values.items():
        text = re.sub(rf"^{name}\s.*$", f"{name} {value}", text, flags=re.MULTILINE)
    return text
