"""What every backend must do, as tests; who writes one subclasses `BackendTests`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from gc3libs.backends.base import (
    Backend,
    FetchRequest,
    JobRefused,
    JobSpec,
    JobState,
    Report,
)

MakeBackend = Callable[[], Backend]

_OVER = frozenset((JobState.ENDED, JobState.RETURNED, JobState.LOST))
_POLLS = 60  # until a test gives up; one waits for at most 5 s


def shell(script: str) -> tuple[str, ...]:
    """A command for `sh`."""
    return ("sh", "-c", script)


SUCCEED = shell("exit 0")
EXIT_200 = shell("exit 200")
KILL_ITSELF = shell("kill -9 $$")
SPEAK = shell("echo out; echo err >&2")
WRITE_FILES = shell("echo one >one; mkdir two; echo three >two/three")
LAST_LONG = shell("exec sleep 600")
SPEAK_AND_LAST = shell("echo ready; exec sleep 600")


class BackendTests:
    """A suite for a `Backend`; a subclass says how to make one.

    The jobs are the commands above: a backend that runs nothing recognises them.
    """

    @pytest.fixture
    def make_backend(self, tmp_path: Path) -> Iterator[MakeBackend]:
        """Makes a backend of two slots; each call gives a new one in the same place.

        All that were made must be closed afterwards, and what they started must be gone.
        """
        raise NotImplementedError("a subclass of BackendTests defines the fixture make_backend")

    @pytest.fixture
    def backend(self, make_backend: MakeBackend) -> Backend:
        return make_backend()

    # what happens to a job

    def test_a_job_succeeds(self, backend: Backend) -> None:
        report = run(backend, "T.1", SUCCEED)
        assert (report.state, report.exitcode, report.signal) == (JobState.ENDED, 0, None)
        assert report.started is not None
        assert report.ended is not None
        assert report.started <= report.ended
        assert report.reason == ""

    def test_an_exit_code_is_exact(self, backend: Backend) -> None:
        report = run(backend, "T.1", EXIT_200)
        assert (report.state, report.exitcode, report.signal) == (JobState.ENDED, 200, None)

    def test_a_signal_is_told_from_an_exit_code(self, backend: Backend) -> None:
        report = run(backend, "T.1", KILL_ITSELF)
        assert (report.state, report.exitcode, report.signal) == (JobState.ENDED, None, 9)

    def test_many_jobs_each_end_once(self, backend: Backend) -> None:
        tokens = [f"T.{i}" for i in range(40)]
        assert submit(backend, *[job(token, SUCCEED) for token in tokens]) == [None] * 40
        reports = wait(backend, tokens)
        assert sorted(reports) == sorted(tokens)
        assert {report.exitcode for report in reports.values()} == {0}
        assert backend.poll(tokens) == []

    def test_jobs_start_in_the_order_in_which_they_came(self, backend: Backend) -> None:
        tokens = [f"T.{i}" for i in range(6)]
        submit(backend, *[job(token, SUCCEED, cores=2) for token in tokens])
        reports = wait(backend, tokens)
        starts = [reports[token].started or 0.0 for token in tokens]
        assert starts == sorted(starts)

    def test_no_more_jobs_run_than_there_are_slots(self, backend: Backend) -> None:
        submit(backend, *[job(f"T.{i}", LAST_LONG) for i in range(3)])
        wait(backend, ["T.0", "T.1"], until=JobState.RUNNING)
        assert backend.adopt(["T.2"])["T.2"].state is JobState.WAITING
        assert backend.poll(["T.2"]) == []

    def test_a_poll_reports_only_the_jobs_that_it_was_asked_for(self, backend: Backend) -> None:
        submit(backend, job("T.1", SUCCEED), job("T.2", SUCCEED))
        assert wait(backend, ["T.2"]).keys() == {"T.2"}
        assert wait(backend, ["T.1"]).keys() == {"T.1"}

    # what cannot be

    def test_a_job_larger_than_the_place_is_refused_by_name(self, backend: Backend) -> None:
        refusal, other = submit(backend, job("T.1", SUCCEED, cores=64), job("T.2", SUCCEED))
        assert isinstance(refusal, JobRefused)
        assert refusal.token == "T.1"
        assert "64 cores" in refusal.reason
        assert "2" in refusal.reason
        assert other is None
        assert wait(backend, ["T.2"])["T.2"].exitcode == 0
        assert "T.1" not in backend.tokens()

    def test_the_same_job_handed_over_twice_runs_once(self, backend: Backend) -> None:
        submit(backend, job("T.1", SPEAK_AND_LAST))
        wait(backend, ["T.1"], until=JobState.RUNNING)
        assert submit(backend, job("T.1", SPEAK_AND_LAST)) == [None]
        report = backend.adopt(["T.1"])["T.1"]
        assert report.state is JobState.RUNNING
        assert report.ended is None

    # files and streams

    def test_streams_can_be_looked_at_after_the_end(self, backend: Backend) -> None:
        run(backend, "T.1", SPEAK)
        assert backend.peek("T.1", "stdout") == b"out\n"
        assert backend.peek("T.1", "stderr") == b"err\n"
        assert backend.peek("T.1", "stdout", 1, 2) == b"ut"
        assert backend.peek("T.1", "stdout", -2) == b"t\n"

    def test_streams_can_be_looked_at_while_it_runs(self, backend: Backend) -> None:
        submit(backend, job("T.1", SPEAK_AND_LAST))
        wait(backend, ["T.1"], until=JobState.RUNNING)
        assert look_for(backend, "T.1", b"ready\n")

    def test_nothing_written_yet_is_empty(self, backend: Backend) -> None:
        submit(backend, *[job(f"T.{i}", LAST_LONG) for i in range(3)])
        assert backend.peek("T.2", "stdout") == b""
        assert backend.peek("T.2", "no-such-file") == b""

    def test_outputs_are_fetched(self, backend: Backend, tmp_path: Path) -> None:
        run(backend, "T.1", WRITE_FILES)
        place = tmp_path / "out" / "here"
        outputs = (("one", "one"), ("two/three", "3"), ("four", "four"))
        fetched = fetch(backend, "T.1", outputs, place)
        assert (fetched.missing, fetched.error) == (("four",), None)
        assert files_in(place) == {"one": b"one\n", "3": b"three\n"}

    def test_everything_is_fetched(self, backend: Backend, tmp_path: Path) -> None:
        run(backend, "T.1", WRITE_FILES)
        fetched = fetch(backend, "T.1", (("*", "."),), tmp_path / "out")
        assert (fetched.missing, fetched.error) == ((), None)
        assert files_in(tmp_path / "out") == {"one": b"one\n", "two/three": b"three\n"}

    def test_a_declared_stream_is_an_output(self, backend: Backend, tmp_path: Path) -> None:
        run(backend, "T.1", SPEAK, stdout="logs/o.txt", stderr="logs/e.txt")
        assert backend.peek("T.1", "stdout") == b"out\n"
        outputs = (("logs/o.txt", "o.txt"), ("logs/e.txt", "e.txt"))
        assert fetch(backend, "T.1", outputs, tmp_path / "out").missing == ()
        assert files_in(tmp_path / "out") == {"o.txt": b"out\n", "e.txt": b"err\n"}

    def test_fetching_again_changes_nothing(self, backend: Backend, tmp_path: Path) -> None:
        run(backend, "T.1", WRITE_FILES)
        outputs = (("one", "one"), ("two/three", "two/three"))
        for _ in range(2):
            fetched = fetch(backend, "T.1", outputs, tmp_path / "out")
            assert (fetched.missing, fetched.error) == ((), None)
        assert [path.name for path in tmp_path.glob("out*")] == ["out"]
        assert files_in(tmp_path / "out") == {"one": b"one\n", "two/three": b"three\n"}

    def test_what_stands_at_the_destination_is_kept(self, backend: Backend, tmp_path: Path) -> None:
        place = tmp_path / "out"
        for name in ("out", "out.~7~"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "old").write_text(name)
        run(backend, "T.1", WRITE_FILES)
        fetch(backend, "T.1", (("one", "one"),), place)
        assert files_in(place) == {"one": b"one\n"}
        assert files_in(tmp_path / "out.~8~") == {"old": b"out"}

    def test_files_can_be_replaced_in_place(self, backend: Backend, tmp_path: Path) -> None:
        place = tmp_path / "out"
        place.mkdir()
        (place / "one").write_text("old")
        (place / "other").write_text("other")
        run(backend, "T.1", WRITE_FILES)
        fetch(backend, "T.1", (("one", "one"),), place, overwrite=True)
        assert files_in(place) == {"one": b"one\n", "other": b"other"}
        assert [path.name for path in tmp_path.glob("out*")] == ["out"]

    def test_an_output_may_go_elsewhere(self, backend: Backend, tmp_path: Path) -> None:
        run(backend, "T.1", WRITE_FILES)
        elsewhere = tmp_path / "elsewhere" / "one.txt"
        outputs = (("one", str(elsewhere)), ("two", "."))
        assert fetch(backend, "T.1", outputs, tmp_path / "out").error is None
        assert elsewhere.read_bytes() == b"one\n"
        assert files_in(tmp_path / "out") == {"three": b"three\n"}

    def test_no_output_is_taken_from_outside(self, backend: Backend, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("secret")
        run(backend, "T.1", WRITE_FILES)
        outputs = (("../secret", "a"), (str(tmp_path / "secret"), "b"), ("one", "../c"))
        fetched = fetch(backend, "T.1", outputs, tmp_path / "out")
        assert fetched.error is not None or len(fetched.missing) == 3
        assert files_in(tmp_path / "out") == {}
        assert not (tmp_path / "c").exists()

    # cancelling and forgetting

    def test_a_running_job_is_cancelled(self, backend: Backend) -> None:
        submit(backend, job("T.1", LAST_LONG))
        wait(backend, ["T.1"], until=JobState.RUNNING)
        backend.cancel(["T.1", "unknown"])
        report = wait(backend, ["T.1"])["T.1"]
        assert (report.state, report.reason) == (JobState.ENDED, "cancelled")
        assert report.signal in (15, 9)  # some places give no warning

    def test_a_cancelled_job_that_waits_never_starts(self, backend: Backend) -> None:
        submit(backend, *[job(f"T.{i}", LAST_LONG) for i in range(3)])
        wait(backend, ["T.0", "T.1"], until=JobState.RUNNING)
        backend.cancel(["T.2"])
        report = wait(backend, ["T.2"])["T.2"]
        assert (report.state, report.started) == (JobState.RETURNED, None)
        assert report.reason == "cancelled"

    def test_a_job_ends_with_its_walltime(self, backend: Backend) -> None:
        report = run(backend, "T.1", LAST_LONG, walltime=0.25)
        assert (report.state, report.signal) == (JobState.ENDED, 15)
        assert report.reason == "walltime of 0.25 s"

    def test_a_freed_job_is_forgotten(self, make_backend: MakeBackend) -> None:
        backend = make_backend()
        run(backend, "T.1", SPEAK)
        run(backend, "T.2", WRITE_FILES)
        assert backend.tokens() == {"T.1", "T.2"}
        backend.free(["T.1", "T.2", "unknown"])
        assert backend.tokens() == set()
        assert backend.adopt(["T.1"]) == {}
        assert backend.peek("T.1", "stdout") == b""
        backend.close()
        assert make_backend().tokens() == set()

    def test_a_token_can_be_used_again_after_it_was_freed(self, backend: Backend) -> None:
        run(backend, "T.1", EXIT_200)
        backend.free(["T.1"])
        assert run(backend, "T.1", SUCCEED).exitcode == 0

    # one engine after the other

    def test_what_ran_is_known_to_the_next_engine(self, make_backend: MakeBackend) -> None:
        first = make_backend()
        ended = run(first, "T.1", EXIT_200)
        first.close()
        second = make_backend()
        assert second.tokens() == {"T.1"}
        assert second.adopt(["T.1", "T.2"]) == {"T.1": ended}

    def test_what_runs_goes_on_and_is_adopted(self, make_backend: MakeBackend) -> None:
        first = make_backend()
        submit(first, job("T.1", SPEAK_AND_LAST))
        wait(first, ["T.1"], until=JobState.RUNNING)
        first.close()
        second = make_backend()
        assert second.adopt(["T.1"])["T.1"].state is JobState.RUNNING
        second.cancel(["T.1"])
        assert wait(second, ["T.1"])["T.1"].reason == "cancelled"

    def test_what_waits_runs_once_when_it_is_handed_over_again(
        self, make_backend: MakeBackend
    ) -> None:
        first = make_backend()
        submit(first, *[job(f"T.{i}", LAST_LONG) for i in range(2)], job("T.2", EXIT_200))
        wait(first, ["T.0", "T.1"], until=JobState.RUNNING)
        first.close()
        second = make_backend()
        waits = second.adopt(["T.2"])["T.2"].state
        assert waits in (JobState.WAITING, JobState.RETURNED)
        second.cancel(["T.0", "T.1"])
        assert submit(second, job("T.2", EXIT_200)) == [None]
        assert wait(second, ["T.2"])["T.2"].exitcode == 200
        assert second.poll(["T.2"]) == []


def job(token: str, argv: tuple[str, ...], **options: Any) -> JobSpec:
    """A job of this command."""
    return JobSpec(token=token, argv=argv, **options)


def submit(backend: Backend, *jobs: JobSpec) -> list[JobRefused | None]:
    """Hand jobs over, all at once."""
    return backend.submit(jobs)


def run(backend: Backend, token: str, argv: tuple[str, ...], **options: Any) -> Report:
    """Hand a job over and wait for its end."""
    assert submit(backend, job(token, argv, **options)) == [None]
    return wait(backend, [token])[token]


def wait(
    backend: Backend, tokens: Collection[str], until: JobState | None = None
) -> dict[str, Report]:
    """The first report of each job that says that it is over, or in the state `until`."""
    wanted = _OVER if until is None else {until}
    reports: dict[str, Report] = {}
    missing = set(tokens)
    for _ in range(_POLLS):
        if not missing:
            return reports
        for report in backend.poll(missing, timeout=5.0):
            if report.state in wanted:
                reports[report.token] = report
        missing = set(tokens) - reports.keys()
    raise AssertionError(f"still no report of {sorted(missing)}")


def look_for(backend: Backend, token: str, content: bytes) -> bool:
    """Whether a job's stdout is this, at once or a little later."""
    for _ in range(_POLLS):
        if backend.peek(token, "stdout") == content:
            return True
        backend.poll([token], timeout=0.01)
    return False


def fetch(
    backend: Backend,
    token: str,
    outputs: tuple[tuple[str, str], ...],
    place: Path,
    *,
    overwrite: bool = False,
) -> Any:
    """Fetch the outputs of one job."""
    request = FetchRequest(
        token=token, outputs=outputs, destination=str(place), overwrite=overwrite
    )
    (fetched,) = backend.fetch([request])
    assert fetched.token == token
    return fetched


def files_in(directory: Path) -> dict[str, bytes]:
    """The files under a directory and their contents."""
    paths = [path for path in directory.rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}
