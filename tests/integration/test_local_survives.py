"""Kills, reboots, copies and moves: what was handed over runs once, or is lost by name."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter

import pytest

from gc3libs.backends.base import FetchRequest, JobState
from gc3libs.backends.local import LocalBackend
from gc3libs.exceptions import InvalidOperation, NewerFormat, RecoverableError
from gc3libs.testing._backends import job, run, shell, submit, wait

ENGINE = """
import os, signal, sys
from gc3libs.backends.local import LocalBackend
from gc3libs.testing._backends import job, run, shell, submit, wait
from gc3libs.backends.base import JobState

backend = LocalBackend(sys.argv[1], cores=2, grace=0.5)

def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""

LOG = 'echo "$GC3_JOB" >>{log}'


def engine(place, code, *arguments):
    """Run an engine in a process of its own, which must be killed by itself."""
    command = [sys.executable, "-c", ENGINE + code, str(place.workdir), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout


def kill_supervisor(backend):
    os.kill(backend.describe()["supervisor"], signal.SIGKILL)


def logged(log):
    return Counter(log.read_text().split()) if log.exists() else Counter()


def finish(backend, tokens, make_job):
    """As an engine does, hand over again what was certainly never started; the last reports."""
    reports = backend.adopt(tokens)
    while True:
        again = [
            token
            for token in tokens
            if token not in reports or reports[token].state is JobState.RETURNED
        ]
        if again:
            submit(backend, *[make_job(token) for token in again])
        reports |= wait(backend, [t for t in tokens if t in again or not is_over(reports[t])])
        if not any(report.state is JobState.RETURNED for report in reports.values()):
            return reports


def is_over(report):
    return report.state in (JobState.ENDED, JobState.LOST)


# the engine is killed


def test_an_engine_killed_after_handing_over(place, tmp_path):
    log = tmp_path / "log"
    script = f"sleep 0.05; {LOG.format(log=log)}; exit 7"
    tokens = [f"T.{number}" for number in range(8)]
    code = "submit(backend, *[job(f'T.{n}', shell(sys.argv[2])) for n in range(8)]); die()"
    engine(place, code, script)
    reports = finish(place.backend(), tokens, lambda token: job(token, shell(script)))
    assert {report.exitcode for report in reports.values()} == {7}
    assert logged(log) == Counter(tokens)


def test_an_engine_killed_while_a_job_runs(place):
    code = "submit(backend, job('T.1', shell('sleep 0.3; echo done; exit 7')));"
    code += "wait(backend, ['T.1'], until=JobState.RUNNING); die()"
    engine(place, code)
    backend = place.backend()
    assert backend.adopt(["T.1"])["T.1"].state is JobState.RUNNING
    report = wait(backend, ["T.1"])["T.1"]
    assert (report.exitcode, report.reason) == (7, "")
    assert backend.peek("T.1", "stdout") == b"done\n"


def test_what_ended_without_an_engine_is_known_long_after(place):
    code = "submit(backend, job('T.1', shell('sleep 0.2; echo done >o; exit 7'), stdout='log'));"
    code += "wait(backend, ['T.1'], until=JobState.RUNNING); die()"
    engine(place, code)
    place.wait_for_supervisor_to_leave()
    backend = place.backend()
    report = backend.adopt(["T.1"])["T.1"]
    assert (report.state, report.exitcode) == (JobState.ENDED, 7)
    assert report.directory == str(place.workdir / "jobs" / "T.1")
    assert backend.peek("T.1", "o") == b"done\n"


def test_an_engine_killed_while_staging(place, tmp_path):
    (tmp_path / "in").write_text("new")
    leftover = place.workdir / "jobs" / "T.1"
    leftover.mkdir(parents=True)
    (leftover / "in").write_text("ol")
    (leftover / "other").write_text("old")
    backend = place.backend()
    inputs = ((str(tmp_path / "in"), "in"),)
    run(backend, "T.1", shell("cat in; ls"), inputs=inputs)
    assert backend.peek("T.1", "stdout") == b"newin\n"


def test_children_of_a_killed_engine_do_not_hold_its_place(place):
    code = """
submit(backend, job("T.1", shell("sleep 600")))
wait(backend, ["T.1"], until=JobState.RUNNING)
child = os.fork()
if child == 0:
    for fd in (0, 1, 2):
        os.close(fd)
    signal.pause()
print(child, flush=True)
die()
"""
    child = int(engine(place, code))
    try:
        assert place.backend().adopt(["T.1"])["T.1"].state is JobState.RUNNING
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_second_engine_is_told_who_is_there(place):
    first = place.backend()
    run(first, "T.1", ("true",))
    with pytest.raises(RecoverableError, match=f"process {os.getpid()}"):
        place.backend().tokens()
    assert first.tokens() == {"T.1"}
    first.close()
    assert place.backend().tokens() == {"T.1"}


def test_a_closed_backend_says_so(place):
    backend = place.backend()
    backend.close()
    with pytest.raises(InvalidOperation, match="closed"):
        backend.submit([job("T.1", ("true",))])


def test_terminal_signals_do_not_reach_supervisor_or_jobs(place):
    backend = place.backend()
    submit(backend, job("T.1", ("sleep", "600")))
    wait(backend, ["T.1"], until=JobState.RUNNING)
    for number in (signal.SIGHUP, signal.SIGINT):
        os.kill(backend.describe()["supervisor"], number)
    assert run(backend, "T.2", ("true",)).exitcode == 0
    assert backend.adopt(["T.1"])["T.1"].state is JobState.RUNNING


# the supervisor is killed


def test_a_killed_supervisor_is_noticed_and_its_jobs_are_lost_by_name(place):
    backend = place.backend()
    script = "(sleep 600 & sleep 600); timeout 500 sleep 600 & wait"
    submit(backend, *[job(f"T.{number}", shell(script)) for number in range(4)])
    wait(backend, ["T.0", "T.1"], until=JobState.RUNNING)
    place.until(lambda: len(place.processes("T.0")) > 2)
    kill_supervisor(backend)
    reports = wait(backend, [f"T.{number}" for number in range(4)])
    assert {report.state for report in (reports["T.0"], reports["T.1"])} == {JobState.LOST}
    assert {report.state for report in (reports["T.2"], reports["T.3"])} == {JobState.RETURNED}
    assert {report.reason for report in reports.values()} == {"the supervisor was killed"}
    assert not place.processes("T.0")
    assert not place.processes("T.1")
    assert run(backend, "T.2", ("true",)).exitcode == 0


def test_a_supervisor_killed_before_a_submission(place):
    backend = place.backend()
    run(backend, "T.1", shell("exit 7"))
    kill_supervisor(backend)
    assert run(backend, "T.2", ("true",)).exitcode == 0
    assert backend.adopt(["T.1"])["T.1"].exitcode == 7


def test_supervisor_and_engine_are_killed(place):
    code = "submit(backend, *[job(f'T.{n}', shell('echo x >x; sleep 600')) for n in range(3)]);"
    code += "wait(backend, ['T.0', 'T.1'], until=JobState.RUNNING);"
    code += "os.kill(backend.describe()['supervisor'], signal.SIGKILL); die()"
    engine(place, code)
    backend = place.backend()
    reports = backend.adopt(["T.0", "T.1", "T.2"])
    assert [reports[token].state for token in ("T.0", "T.1")] == [JobState.LOST] * 2
    assert "T.2" not in reports or reports["T.2"].state is JobState.RETURNED
    assert not place.processes("T.0")
    assert reports["T.0"].directory == str(place.workdir / "jobs" / "T.0")
    assert backend.peek("T.0", "x") == b"x\n"


@pytest.mark.parametrize("seed", range(4))
def test_however_often_it_is_killed_nothing_runs_twice(place, tmp_path, seed):
    dice = random.Random(seed)
    log = tmp_path / "log"
    tokens = [f"T.{number}" for number in range(120)]
    script = shell(LOG.format(log=log))
    waiting, reports = list(tokens), {}
    backend = place.backend()
    flying = set()
    kills, next_kill = 0, dice.randint(0, 9)
    while waiting or flying:
        batch, waiting = waiting[: 24 - len(flying)], waiting[24 - len(flying) :]
        if batch:
            submit(backend, *[job(token, script, capture=False) for token in batch])
            flying |= set(batch)
        for report in backend.poll(flying, timeout=0.01):
            if is_over(report):
                reports[report.token] = report
                flying.discard(report.token)
            elif report.state is JobState.RETURNED:
                assert logged(log)[report.token] == 0
                waiting.append(report.token)
                flying.discard(report.token)
        if len(reports) >= next_kill:
            next_kill += dice.randint(3, 20)
            kill_supervisor(backend)
            kills += 1
    times = logged(log)
    ended = {token for token, report in reports.items() if report.state is JobState.ENDED}
    assert {times[token] for token in ended} == {1}
    assert max(times.values()) == 1
    assert len(set(tokens) - ended) <= 3 * kills
    assert kills > 3


# the machine, the directory


def test_a_reboot(place):
    backend = place.backend(boot_id="before")
    run(backend, "T.0", shell("sleep 0.1; exit 7"))
    submit(backend, *[job(f"T.{number}", ("sleep", "600")) for number in (1, 2, 3)])
    wait(backend, ["T.1", "T.2"], until=JobState.RUNNING)
    kill_supervisor(backend)
    backend.close()
    for token in ("T.1", "T.2"):
        for pid in place.processes(token):
            os.kill(pid, signal.SIGKILL)
    later = place.backend(boot_id="after")
    reports = later.adopt([f"T.{number}" for number in range(4)])
    assert reports["T.0"].exitcode == 7
    for token in ("T.1", "T.2"):
        assert reports[token].state is JobState.LOST
        assert reports[token].reason == "the machine was rebooted"
    assert "T.3" not in reports


def test_after_a_power_failure_whatever_was_announced_is_lost(place):
    place.workdir.mkdir()
    (place.workdir / "journal").write_bytes(
        b"gc3-jobs 1 before 4711 99 1:1\nS T.1\nS T.2\n"
        b"T T.1 5.00 1000.5 scratch/1 > >\n\0\0\0\0\nP T."
    )
    reports = place.backend().adopt(["T.1", "T.2"])
    assert {report.state for report in reports.values()} == {JobState.LOST}
    assert reports["T.1"].started == 1000.5
    assert len(reports) == 2


def test_a_copy_leaves_the_jobs_of_the_original_alone(place, tmp_path):
    backend = place.backend()
    submit(backend, job("T.1", ("sleep", "600")))
    wait(backend, ["T.1"], until=JobState.RUNNING)
    shutil.copytree(place.workdir, tmp_path / "copy")
    copy = LocalBackend(tmp_path / "copy")
    report = copy.adopt(["T.1"])["T.1"]
    copy.close()
    assert report.state is JobState.LOST
    assert "copy" in report.reason
    assert len(place.processes("T.1")) == 1
    assert backend.adopt(["T.1"])["T.1"].state is JobState.RUNNING


def test_a_moved_directory_keeps_its_supervisor(place, tmp_path):
    first = place.backend()
    script = "echo begin; until test -e go; do sleep 0.01; done; echo end; echo x >x"
    submit(first, job("T.1", shell(script)))
    place.until(lambda: first.peek("T.1", "stdout") == b"begin\n")
    pid = first.describe()["supervisor"]
    first.close()
    place.workdir = place.workdir.rename(tmp_path / "moved")
    place._backends.clear()
    second = place.backend()
    report = second.adopt(["T.1"])["T.1"]
    assert second.describe()["supervisor"] == pid
    assert report.directory.startswith(f"{tmp_path}/moved/")
    (tmp_path / "moved" / report.directory / "go").touch()
    assert wait(second, ["T.1"])["T.1"].exitcode == 0
    assert second.peek("T.1", "stdout") == b"begin\nend\n"
    wanted = FetchRequest(token="T.1", outputs=(("x", "x"),), destination=str(tmp_path / "out"))
    assert second.fetch([wanted])[0].missing == ()
    assert run(second, "T.2", shell("echo later")).exitcode == 0


def test_a_journal_of_a_later_version_is_refused_by_name(place):
    place.workdir.mkdir()
    (place.workdir / "journal").write_text("gc3-jobs 9 boot 1 1 1:1\nX T.1\n")
    with pytest.raises(NewerFormat, match="journal"):
        place.backend().tokens()
    assert (place.workdir / "journal").read_text().endswith("X T.1\n")
    (place.workdir / "journal").unlink()


def test_an_unusual_private_directory(place, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"gc3-{os.geteuid()}").mkdir(mode=0o755)
    with pytest.raises(Exception, match="mode 0700"):
        run(place.backend(), "T.1", ("true",))
    (tmp_path / f"gc3-{os.geteuid()}").chmod(0o700)
    assert run(place.backend(), "T.1", ("true",)).exitcode == 0
    assert len(os.listdir(tmp_path / f"gc3-{os.geteuid()}")) == 1


def test_two_at_once_start_one_supervisor(place):
    backends = [place.backend() for _ in range(2)]
    script = "import sys; from gc3libs.backends.local import LocalBackend;"
    script += "from gc3libs.testing._backends import run;"
    script += "b = LocalBackend(sys.argv[1]); run(b, sys.argv[2], ('true',)); b.close()"
    processes = [
        subprocess.Popen([sys.executable, "-c", script, str(place.workdir), f"T.{number}"])
        for number in range(3)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert backends[0].tokens() == {"T.0", "T.1", "T.2"}


def test_an_interrupted_wait_loses_nothing(place):
    backend = place.backend()

    def interrupt(_number, _frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        submit(backend, *[job(f"T.{number}", ("sleep", "0.3")) for number in range(3)])
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            while True:
                backend.poll(["T.2"], timeout=60)
    finally:
        signal.signal(signal.SIGALRM, before)
    reports = backend.adopt(["T.0", "T.1", "T.2"])
    assert reports["T.2"].state is JobState.RETURNED
    submit(backend, job("T.2", ("true",)))
    reports = wait(backend, ["T.0", "T.1", "T.2"])
    assert {report.exitcode for report in reports.values()} == {0}


def test_sockets_of_killed_supervisors_are_swept_up(place, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sockets = tmp_path / f"gc3-{os.geteuid()}"
    backend = place.backend()
    run(backend, "T.1", ("true",))
    (living,) = sockets.iterdir()
    dead, young = sockets / "dead.sock", sockets / "young.sock"
    for path in (dead, young):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
    for path in (living, dead):
        os.utime(path, (0, 0))
    other = LocalBackend(tmp_path / "other")
    run(other, "T.1", ("true",))
    assert not dead.exists()
    assert living.exists()
    assert young.exists()
    other.free(["T.1"])
    other.close()
    assert run(backend, "T.2", ("true",)).exitcode == 0
