"""What the integration tests share."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from gc3libs.backends.base import JobState
from gc3libs.backends.local import LocalBackend
from gc3libs.testing._backends import wait

PATIENCE = 60.0
OVER = (JobState.ENDED, JobState.RETURNED, JobState.LOST)


class Place:
    """A work directory whose backends, supervisors and jobs are cleared away after the test."""

    def __init__(self, workdir):
        self.workdir = workdir
        self._backends = []

    def backend(self, **options):
        options = {"cores": 2, "grace": 0.5, **options}
        self._backends.append(LocalBackend(self.workdir, **options))
        return self._backends[-1]

    def clear(self):
        for backend in self._backends:
            backend.close()
        if not self.workdir.exists():
            return
        last = LocalBackend(self.workdir, grace=0)
        tokens = last.tokens()
        last.cancel(tokens)
        wait(
            last,
            [token for token, report in last.adopt(tokens).items() if report.state not in OVER],
        )
        last.free(tokens)
        last.close()
        self.wait_for_supervisor_to_leave()

    def wait_for_supervisor_to_leave(self):
        """The held lock is the supervisor's life."""
        lock = self.workdir / "supervisor.lock"
        if lock.exists():
            with lock.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX)

    @staticmethod
    def until(condition):
        """Wait for something that announces itself in no way."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    @staticmethod
    def alive(pid):
        """Whether a process is there and no zombie."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat.rpartition(")")[2].split()[0] not in "ZX"

    def processes(self, token):
        """IDs of the living processes that belong to a job; other runs have jobs of this name."""
        mark = f"GC3_JOB={token}\0".encode()
        home = f"{self.workdir}/"
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                is_ours = os.readlink(entry / "cwd").startswith(home)
                if is_ours and mark in (entry / "environ").read_bytes() + b"\0":
                    found.append(int(entry.name))
            except OSError:
                continue
        return [pid for pid in found if self.alive(pid)]


@pytest.fixture
def place(tmp_path):
    there = Place(tmp_path / "run")
    yield there
    there.clear()
