"""The script that runs jobs on a cluster, run by the shells that are found there."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gc3libs.backends.base import JobSpec
from gc3libs.backends.batch import script
from gc3libs.backends.batch.script import End, Records, Site

PATIENCE = 60.0
PLAIN = Site()
KEY = "g0123456789ab"
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


class Cluster:
    """One directory, and a shell that runs what a batch system would."""

    def __init__(self, root: Path, shell: str) -> None:
        self.root = root
        self._shell = [shell, "sh"] if shell == "busybox" else [shell]
        self._records = Records()
        self._seen: set[str] = set()
        for name in ("jobs", "logs", "batches", "started", "ended"):
            (root / name).mkdir()

    def write(self, *jobs: JobSpec, site: Site = PLAIN, heed: bool = False) -> None:
        """Write a submission of one element."""
        place = self.root / "batches" / KEY
        place.mkdir(exist_ok=True)
        (place / "script").write_bytes(script.head(str(self.root), KEY, "0"))
        text = script.element(str(self.root), enumerate(jobs), site, heed=heed)
        (place / "0").write_bytes(text)
        for job in jobs:
            (self.root / "jobs" / job.token).mkdir(exist_ok=True)

    def start(self) -> subprocess.Popen[bytes]:
        path = self.root / "batches" / KEY / "script"
        return subprocess.Popen([*self._shell, str(path)], cwd="/")

    def run(self, *jobs: JobSpec, **options: Any) -> tuple[int, list[End]]:
        """Run jobs to their end: the script's status, and what it wrote down."""
        self.write(*jobs, **options)
        with self.start() as process:
            status = process.wait(PATIENCE)
        return status, self.ends()

    def ends(self) -> list[End]:
        """What was written down since the last call."""
        found = []
        for path in sorted((self.root / "ended").iterdir()):
            if path.name not in self._seen and not path.name.startswith("."):
                self._seen.add(path.name)
                found += self._records.read(path.name, path.read_text().splitlines())
        return found

    def log(self, token: str, stream: str = "out") -> str:
        return (self.root / "logs" / f"{token}.{stream}").read_text()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def job(token: str, text: str, **options: Any) -> JobSpec:
    return JobSpec(token=token, argv=("sh", "-c", text), **options)


@pytest.fixture(params=SHELLS)
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Cluster:
    root = tmp_path / "it's a root"
    root.mkdir()
    return Cluster(root, request.param)


@pytest.mark.parametrize("code", [0, 3, 126, 130 - 128, 137, 200, 255])
def test_an_exit_code_is_exact_and_the_script_ends_with_it(cluster: Cluster, code: int) -> None:
    status, (end,) = cluster.run(job("T.1", f"exit {code}"))
    assert (status, end.exitcode, end.signal, end.why) == (code, code, None, "")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGHUP])
def test_a_signal_is_told_from_an_exit_code(cluster: Cluster, number: int) -> None:
    status, (end,) = cluster.run(job("T.1", f"kill -{number:d} $$"))
    assert (status, end.exitcode, end.signal) == (128 + number, None, number)


def test_times_and_processor_time_are_measured(cluster: Cluster) -> None:
    before = time.time()
    work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
    _, ends = cluster.run(job("T.1", work), job("T.2", "sleep 0.3"))
    first, second = ends
    assert before - 1 <= first.started <= first.ended <= second.started <= second.ended
    assert second.ended - second.started >= 0.25
    assert first.cpu_time is not None
    assert second.cpu_time is not None
    assert first.cpu_time > 0.05
    assert second.cpu_time < first.cpu_time


def test_words_reach_the_command_as_they_are(cluster: Cluster) -> None:
    odd = ("a b", "it's", "$HOME", "`x`", "*", "new\nline", "", "\\", "é")
    argv = ("printf", "<%s>", *odd)
    environment = {"ODD": "it's $HOME\n", "no.identifier": "1"}
    env = JobSpec(token="T.2", argv=("env",), environment=environment)
    cluster.run(JobSpec(token="T.1", argv=argv), env)
    assert cluster.log("T.1") == "".join(f"<{word}>" for word in odd)
    lines = cluster.log("T.2").splitlines()
    assert {"ODD=it's $HOME", "no.identifier=1", "GC3_JOB=T.2"} <= set(lines)


def test_files_and_streams_are_where_they_are_declared(cluster: Cluster) -> None:
    (cluster.root / "jobs" / "T.1" / "logs").mkdir(parents=True)
    (cluster.root / "jobs" / "T.1" / "in").write_text("given\n")
    spec = job("T.1", "cat; pwd; echo err >&2", stdin="in", stdout="logs/o", stderr="e")
    joined = job("T.2", "echo out; echo err >&2", join=True)
    silent = job("T.3", "echo out", capture=False)
    cluster.run(spec, joined, silent)
    place = cluster.root / "jobs" / "T.1"
    assert (place / "logs" / "o").read_text() == f"given\n{place}\n"
    assert (place / "e").read_text() == "err\n"
    assert cluster.log("T.2") == "out\nerr\n"
    assert not list((cluster.root / "logs").glob("T.3*"))


def test_a_command_that_is_not_there_ends_as_in_a_shell(cluster: Cluster) -> None:
    _, ends = cluster.run(
        JobSpec(token="T.1", argv=("no-such-command",)), JobSpec(token="T.2", argv=("exit", "3"))
    )
    assert [end.exitcode for end in ends] == [127, 127]  # builtins of a shell are no commands
    assert "no-such-command" in cluster.log("T.1", "err")


def test_a_walltime_ends_a_job_with_its_processes_and_the_next_one_runs(cluster: Cluster) -> None:
    children = "sleep 60 & echo $! >pid; wait"
    _, (late, deaf, fine) = cluster.run(
        job("T.1", children, walltime=0.3),
        job("T.2", "trap '' TERM; echo $$; while :; do sleep 0.1; done", walltime=0.3),
        job("T.3", "exit 3", walltime=30.0),
    )
    assert (late.signal, late.why) == (signal.SIGTERM, "walltime")
    assert (deaf.signal, deaf.why) == (signal.SIGKILL, "walltime")
    assert (fine.exitcode, fine.why) == (3, "")
    child = int((cluster.root / "jobs" / "T.1" / "pid").read_text())
    until(lambda: not alive(child))


def test_timers_end_with_what_they_watch(cluster: Cluster) -> None:
    seconds = secrets.randbelow(10**6) + 10**6
    _, (end,) = cluster.run(job("T.1", "exit 0", walltime=float(seconds)))
    assert end.exitcode == 0
    until(lambda: not processes(str(seconds)))


def test_timers_hold_up_nothing(cluster: Cluster) -> None:
    seconds = secrets.randbelow(10**6) + 10**6
    jobs = [job(f"T.{i}", ":", walltime=float(seconds)) for i in range(200)]
    _, ends = cluster.run(*jobs)
    assert [end.exitcode for end in ends] == [0] * 200
    until(lambda: not processes(str(seconds)))


def test_a_second_start_runs_nothing_and_changes_nothing(cluster: Cluster) -> None:
    cluster.write(job("T.1", "echo once >>ran; sleep 1; exit 3"))
    with cluster.start() as first:
        until((cluster.root / "jobs" / "T.1" / "ran").exists)
        with cluster.start() as second:
            assert second.wait(PATIENCE) == 75
        assert first.poll() is None
        assert first.wait(PATIENCE) == 3
    (end,) = cluster.ends()
    assert end.exitcode == 3
    assert (cluster.root / "jobs" / "T.1" / "ran").read_text() == "once\n"
    assert [path.name for path in (cluster.root / "started").glob("*.again")] == [f"{KEY}.0.again"]


def test_of_several_jobs_each_runs_once_though_all_are_started_twice(cluster: Cluster) -> None:
    tokens = [f"T.{i}" for i in range(5)]
    cluster.write(*[job(token, "echo once >>ran; sleep 0.1") for token in tokens])
    with cluster.start() as first, cluster.start() as second:
        first.wait(PATIENCE)
        second.wait(PATIENCE)
    assert sorted(end.number for end in cluster.ends()) == list(range(5))
    for token in tokens:
        assert (cluster.root / "jobs" / token / "ran").read_text() == "once\n"


def test_what_was_claimed_does_not_start(cluster: Cluster) -> None:
    (cluster.root / "started" / f"{KEY}.0").write_text("claimed\n")
    status, ends = cluster.run(job("T.1", "touch ran"))
    assert (status, ends) == (75, [])
    assert not (cluster.root / "jobs" / "T.1" / "ran").exists()


def test_a_script_that_is_told_to_end_writes_that_down(cluster: Cluster) -> None:
    cluster.write(job("T.1", "touch ran; exec sleep 60"), job("T.2", "touch ran"))
    with cluster.start() as process:
        until((cluster.root / "jobs" / "T.1" / "ran").exists)
        process.terminate()
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM
    (end,) = cluster.ends()
    assert (end.number, end.signal, end.why) == (0, signal.SIGTERM, "ended")
    assert not (cluster.root / "jobs" / "T.2" / "ran").exists()


def test_one_job_of_several_is_cancelled(cluster: Cluster) -> None:
    jobs = [job("T.1", "touch ran; exec sleep 60"), job("T.2", "exit 3")]
    cluster.write(*jobs, heed=True)
    with cluster.start() as process:
        until((cluster.root / "jobs" / "T.1" / "ran").exists)
        (cluster.root / "batches" / KEY / "cancel.0").touch()
        assert process.wait(PATIENCE) == 3
    first, second = cluster.ends()
    assert (first.signal, first.why) == (signal.SIGTERM, "cancelled")
    assert (second.exitcode, second.why) == (3, "")


def test_streams_of_which_nothing_was_said_are_kept_up_to_a_size(cluster: Cluster) -> None:
    big = "head -c 10000001 /dev/zero"
    cluster.run(job("T.1", big), job("T.2", big, stdout="o"))
    log = (cluster.root / "logs" / "T.1.out").read_bytes()
    assert log[:10_000_000].strip(b"\0") == b""
    assert log[10_000_000:] == b"\n[gc3: only the first 10 MB were kept]\n"
    assert (cluster.root / "jobs" / "T.2" / "o").stat().st_size == 10_000_001


def test_text_of_the_site_surrounds_each_command(cluster: Cluster) -> None:
    site = Site(prologue="A=from-site; B=from-site; export A B; echo before", epilogue="echo after")
    spec = job("T.1", "echo $A $B; exit 137", environment={"B": "from-task"})
    _, (end, killed) = cluster.run(spec, job("T.2", "kill -9 $$"), site=site)
    assert cluster.log("T.1") == "before\nfrom-site from-task\nafter\n"
    assert (end.exitcode, end.signal) == (137, None)
    assert (killed.exitcode, killed.signal) == (None, 9)
    assert cluster.log("T.2") == "before\nafter\n"


def test_a_prologue_that_ends_ends_the_job(cluster: Cluster) -> None:
    _, (end,) = cluster.run(job("T.1", "touch ran"), site=Site(prologue="exit 4"))
    assert end.exitcode == 4
    assert not (cluster.root / "jobs" / "T.1" / "ran").exists()


def test_modules_are_loaded(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    if (
        shutil.which("bash") != shutil.which("sh")
        and os.readlink(shutil.which("sh") or "") != "bash"
    ):
        pytest.skip("functions are inherited by bash only")
    monkeypatch.setenv("BASH_FUNC_module%%", '() { LOADED="$*"; export LOADED; }')
    cluster.run(job("T.1", "echo $LOADED"), site=Site(modules=("gcc/12", "openmpi")))
    assert cluster.log("T.1") == "load gcc/12 openmpi\n"


def test_a_module_that_is_not_there_ends_the_job(cluster: Cluster) -> None:
    _, (end,) = cluster.run(job("T.1", "touch ran"), site=Site(modules=("no/such",)))
    assert end.exitcode not in (0, None)
    assert not (cluster.root / "jobs" / "T.1" / "ran").exists()


def test_a_root_that_cannot_be_written_starts_nothing(cluster: Cluster) -> None:
    cluster.write(job("T.1", "touch ran"))
    shutil.rmtree(cluster.root / "started")
    with cluster.start() as process:
        assert process.wait(PATIENCE) == 73
    assert not (cluster.root / "jobs" / "T.1" / "ran").exists()


def test_a_record_that_is_not_whole_is_left_out(cluster: Cluster) -> None:
    lines = ["100.5 20.0", "0 exit 3 - 20.5 21.0", "0m0.01s 0m0.01s", "0m0.20s 0m0.05s"]
    (end,) = Records().read("x-0", [*lines, "1 exit 0 - 21.0 21.5", "0m0.01s 0m0.01s"])
    assert (end.number, end.started, end.ended, end.cpu_time) == (0, 101.0, 101.5, 0.25)


def alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def processes(word: str) -> list[int]:
    """Those of this user that have this word in their command."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if word.encode() in Path(f"/proc/{name}/cmdline").read_bytes() and alive(int(name)):
                found.append(int(name))
    return found
