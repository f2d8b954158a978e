"""What jobs get from a real Slurm, and what it costs to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gc3libs.backends.base import JobRefused, JobSpec, JobState
from gc3libs.backends.batch import BatchBackend
from gc3libs.backends.transport.base import Completed
from gc3libs.backends.transport.local import LocalTransport
from gc3libs.config import SlurmResource
from gc3libs.engine import Engine
from gc3libs.exceptions import RecoverableError
from gc3libs.model import Application, FunctionTask
from gc3libs.quantity import GB, Duration, Memory
from gc3libs.testing._backends import look_for, wait
from gc3libs.testing._clock import VirtualClock

from ...services.daemons import until
from ...services.slurm import Slurm

POLL = Duration("500 ms")


class Watched(LocalTransport):
    """Notes the commands of Slurm that are run."""

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[str] = []

    def run(self, command: str, stdin: bytes = b"", timeout: float = 60.0) -> Completed:
        names = ("sbatch", "squeue", "scancel", "sacct")
        self.commands += [name for name in names if f"{name} " in command]
        return super().run(command, stdin, timeout)


Make = Callable[..., BatchBackend]


@pytest.fixture
def transport() -> Watched:
    return Watched()


@pytest.fixture
def make(slurm: Slurm, transport: Watched, tmp_path: Path) -> Iterator[Make]:
    made: list[BatchBackend] = []

    def make(**settings: Any) -> BatchBackend:
        resource = SlurmResource(**{"poll_every": POLL, **settings})
        made.append(
            BatchBackend("cluster", resource, tmp_path / "run", transport=transport, settle=1.0)
        )
        return made[-1]

    yield make
    for backend in made:
        backend.cancel(backend.tokens())
        backend.close()


def shell(token: str, text: str, **options: Any) -> JobSpec:
    return JobSpec(token=token, argv=("sh", "-c", text), **options)


def test_equal_requests_are_one_array(make: Make, transport: Watched) -> None:
    backend = make()
    jobs = [shell(f"T.{i}", f"exit {i}") for i in range(30)]
    jobs += [shell(f"U.{i}", f"exit {i}", cores=2) for i in range(3)]
    assert backend.submit(jobs) == [None] * 33
    assert transport.commands.count("sbatch") == 2
    reports = wait(backend, [job.token for job in jobs])
    assert all(reports[f"T.{i}"].exitcode == i for i in range(30))
    assert all(reports[f"U.{i}"].exitcode == i for i in range(3))


def test_one_command_asks_about_all_jobs(make: Make, transport: Watched) -> None:
    backend = make(poll_every=Duration("1 hour"))
    tokens = [f"T.{i}" for i in range(30)]
    jobs = [shell(token, "exec sleep 60", cores=1 + i // 10) for i, token in enumerate(tokens)]
    backend.submit(jobs)
    transport.commands.clear()
    wait(backend, tokens[:4], until=JobState.RUNNING)
    assert transport.commands == ["squeue"]


def test_short_jobs_are_packed_and_each_has_its_own_end(
    make: Make, slurm: Slurm, transport: Watched, tmp_path: Path
) -> None:
    backend = make(pack=4)
    texts = ("echo a; exit 3", "echo b >out", "kill -9 $$", "echo e", "exit 200", "sleep 60")
    jobs = [
        shell(f"T.{i}", text, walltime=0.5 if "sleep" in text else None)
        for i, text in enumerate(texts)
    ]
    backend.submit(jobs)
    assert transport.commands.count("sbatch") == 2
    reports = wait(backend, [f"T.{i}" for i in range(6)])
    ends = [(reports[f"T.{i}"].exitcode, reports[f"T.{i}"].signal) for i in range(6)]
    assert ends == [(3, None), (0, None), (None, 9), (0, None), (200, None), (None, 15)]
    assert reports["T.5"].reason == "walltime of 0.5 s"
    assert backend.peek("T.0", "stdout") == b"a\n"
    assert backend.peek("T.3", "stdout") == b"e\n"
    assert (tmp_path / "run" / "jobs" / "T.1" / "out").read_text() == "b\n"
    backend.free(reports)
    for name in ("jobs", "logs", "batches", "started", "ended"):
        until(lambda place=tmp_path / "run" / name: not list(place.iterdir()))


def test_one_of_several_packed_jobs_is_cancelled(make: Make) -> None:
    backend = make(pack=3)
    backend.submit(
        [shell("T.0", "exec sleep 60"), shell("T.1", "touch ran"), shell("T.2", "exit 3")]
    )
    wait(backend, ["T.0"], until=JobState.RUNNING)
    backend.cancel(["T.0", "T.1"])
    reports = wait(backend, ["T.0", "T.1", "T.2"])
    assert (reports["T.0"].signal, reports["T.0"].reason) == (15, "cancelled")
    assert (reports["T.1"].state, reports["T.1"].reason) == (JobState.RETURNED, "cancelled")
    assert reports["T.2"].exitcode == 3


def test_requests_reach_slurm(make: Make, slurm: Slurm) -> None:
    backend = make(queue="two", options=("--nice=7",))
    backend.submit([shell("T.0", "exec sleep 60", cores=2, memory=300 << 20, walltime=1000.0)])
    wait(backend, ["T.0"], until=JobState.RUNNING)
    (line,) = slurm.run("squeue", "-h", "--me", "-o", "%P|%C|%m|%l|%k|%j|%D").stdout.splitlines()
    queue, cores, memory, limit, comment, name, nodes = line.split("|")
    assert (queue, cores, memory, limit, nodes) == ("two", "2", "300M", "18:00", "1")
    assert comment.startswith("gc3 ")
    assert name.startswith("T.0-")
    assert name.endswith(comment.removeprefix("gc3 "))


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        ({"cores": 9}, {"max_cores_per_job": 8}, "needs 9 cores; max_cores_per_job is 8"),
        ({"cores": 4, "nodes": 3}, {"max_cores": 8}, "needs 12 cores; max_cores is 8"),
        (
            {"cores": 2, "memory": 5 * 10**9},
            {"max_memory_per_core": 2 * GB},
            "needs 5 GB of memory for 2 cores; max_memory_per_core is 2 GB",
        ),
        (
            {"walltime": 7200.0},
            {"max_walltime": Duration("1 hour")},
            "needs 2 h of walltime; max_walltime is 1 h",
        ),
        ({"queue": "nosuch"}, {}, "Invalid partition name specified"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    make: Make, options: dict[str, Any], settings: dict[str, Any], words: str
) -> None:
    backend = make(**settings)
    refusal, other = backend.submit([shell("T.0", ":", **options), shell("T.1", "exit 3")])
    assert isinstance(refusal, JobRefused)
    assert words in refusal.reason
    assert other is None
    assert backend.tokens() == {"T.1"}
    assert wait(backend, ["T.1"])["T.1"].exitcode == 3


def test_what_a_running_job_has_written_can_be_looked_at(make: Make) -> None:
    backend = make()
    text = "echo ready; echo more >file; exec sleep 60"
    backend.submit([shell("T.0", text), shell("T.1", text, stdout="o.txt")])
    for token in ("T.0", "T.1"):
        wait(backend, [token], until=JobState.RUNNING)
        assert look_for(backend, token, b"ready\n")
        assert backend.peek(token, "file", -3) == b"re\n"
        assert backend.peek(token, "../../lock") == b""


def test_submissions_keep_to_a_rate_and_none_is_lost(make: Make, transport: Watched) -> None:
    backend = make(submissions_per_minute=2)
    jobs = [shell(f"T.{i}", f"exit {i}", cores=1 + i) for i in range(4)]
    assert backend.submit(jobs) == [None] * 4
    assert transport.commands.count("sbatch") == 2
    assert backend.tokens() == {job.token for job in jobs}
    assert backend.capacity.window <= 4
    wait(backend, ["T.0", "T.1"])
    assert transport.commands.count("sbatch") == 2
    assert backend.adopt(["T.3"])["T.3"].state is JobState.WAITING
    backend.cancel(["T.2", "T.3"])
    reports = wait(backend, ["T.2", "T.3"])
    assert {report.state for report in reports.values()} == {JobState.RETURNED}
    assert transport.commands.count("sbatch") == 2


def test_a_job_that_is_refused_after_it_was_taken_comes_back(slurm: Slurm, tmp_path: Path) -> None:
    clock = VirtualClock()
    settings = SlurmResource(submissions_per_minute=1)
    backend = BatchBackend("cluster", settings, tmp_path / "run", clock=clock)
    late = shell("T.1", ":", queue="nosuch")
    assert backend.submit([shell("T.0", ":"), late]) == [None, None]
    clock.sleep(60.0)
    (report,) = backend.poll(["T.1"])
    assert report.state is JobState.RETURNED
    assert "partition" in report.reason
    (refusal,) = backend.submit([late])
    assert isinstance(refusal, JobRefused)
    assert refusal.reason == report.reason
    assert backend.tokens() == {"T.0"}
    backend.cancel(["T.0"])
    backend.close()


def test_tasks_say_what_they_want_of_a_cluster(make: Make, slurm: Slurm, tmp_path: Path) -> None:
    backend = make(prologue="export SITE=here", epilogue="echo done >&2")
    app = Application(
        ["sh", "-c", "echo $SITE $SLURM_JOB_PARTITION $SLURM_CPUS_PER_TASK"],
        [],
        [],
        str(tmp_path / "out"),
        stdout="o.txt",
        requested_queue="two",
        requested_cores=2,
        requested_memory=Memory("200 MB"),
    )
    function = FunctionTask(divmod, 17, 5)
    refused = Application(["true"], [], [], None, requested_gpus=3)
    engine = Engine(backend, tasks=[app, function, refused])
    engine.run()
    engine.close()
    assert (tmp_path / "out" / "o.txt").read_text() == "here two 2\n"
    assert function.result == (3, 2)
    assert "gres" in refused.execution.details.reason


def test_it_says_what_it_is(make: Make) -> None:
    facts = make().describe()
    assert facts["system"] == "Slurm"
    assert facts["verified"] is True
    assert "22." in facts["version"] or "23." in facts["version"] or "24." in facts["version"]


def test_without_a_controller_the_trouble_is_named(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = tmp_path / "slurm.conf"
    nowhere.write_text("ClusterName=x\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort=1\n")
    with monkeypatch.context() as patch:
        patch.setenv("SLURM_CONF", str(nowhere))
        with pytest.raises(RecoverableError, match=r"Slurm on .* does not answer"):
            make().describe()
