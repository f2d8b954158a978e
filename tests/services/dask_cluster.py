"""Real Dask clusters for tests: schedulers and workers as processes, on loopback."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

PATIENCE = 60.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(condition):
    """Wait for something that announces itself in no way."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def need_dask():
    """Skip where Dask is not installed, but not in CI."""
    if os.environ.get("CI") != "true":
        pytest.importorskip("distributed", reason="pip install 'gc3libs[dask]'")


class Cluster:
    """A scheduler on a port of its own, and workers, each of which can be killed."""

    def __init__(self, directory, port=None):
        need_dask()
        self.directory = directory
        self.port = port or free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.scheduler = None
        self.workers = []

    def start(self, workers=1, threads=2):
        self.start_scheduler()
        for _ in range(workers):
            self.start_worker(threads)
        self.wait_for_workers(workers)
        return self

    def start_scheduler(self):
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        self.scheduler = self._run("distributed.cli.dask_scheduler", *where, "--no-dashboard")
        until(self._listens)

    def start_worker(self, threads=2, *options):
        size = ["--nthreads", str(threads), "--nworkers", "1", "--host", "127.0.0.1"]
        command = ["distributed.cli.dask_worker", self.address, *size]
        worker = self._run(*command, "--no-nanny", "--no-dashboard", *options)
        self.workers.append(worker)
        return worker

    def wait_for_workers(self, count):
        """Until so many are there, and no more."""
        from distributed import Client

        def are_there():
            return len(client.scheduler_info()["workers"]) == count

        with Client(self.address, set_as_default=False) as client:
            until(are_there)

    def kill(self, process):
        """End a process as a power failure would, with all that it holds."""
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process in self.workers:
            self.workers.remove(process)

    def close(self):
        for process in (*self.workers, self.scheduler):
            if process is not None:
                process.terminate()
        for process in (*self.workers, self.scheduler):
            if process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(5)
                process.kill()
                process.wait()

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _run(self, module, *arguments):
        with open(self.directory / f"{module}-{time.monotonic_ns()}.log", "w") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", module, *arguments],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
