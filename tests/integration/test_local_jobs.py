"""Jobs on this machine: what they are given, what they leave, how they end."""

import os
import resource
import shutil
import signal
import stat
import sys

import pytest

from gc3libs.backends.base import JobRefused, JobState
from gc3libs.testing._backends import job, run, shell, submit, wait


def ended(report):
    return report.state, report.exitcode, report.signal


def exited(code):
    return JobState.ENDED, code, None


# commands


def test_a_command_that_does_not_exist(place):
    report = run(place.backend(), "T.1", ("no-such-command", "x"))
    assert ended(report) == exited(127)
    assert report.reason == "no such command: 'no-such-command'"


def test_a_command_that_is_not_executable(place, tmp_path):
    (tmp_path / "plain").write_text("x")
    backend = place.backend()
    report = run(backend, "T.1", (str(tmp_path / "plain"),))
    assert ended(report) == exited(126)
    assert "Permission denied" in report.reason
    path = f"{tmp_path}:/usr/bin:/bin"
    report = run(backend, "T.2", ("plain",), environment={"PATH": path})
    assert ended(report) == exited(126)


def test_a_script_whose_interpreter_is_missing(place, tmp_path):
    (tmp_path / "script").write_text("#!/no/such/interpreter\n")
    (tmp_path / "script").chmod(0o755)
    report = run(place.backend(), "T.1", (str(tmp_path / "script"),))
    assert ended(report) == exited(126)
    assert "interpreter" in report.reason


def test_a_text_without_interpreter_line_runs_through_the_shell(place, tmp_path):
    (tmp_path / "script").write_text('echo "$1"; exit 5\n')
    (tmp_path / "script").chmod(0o755)
    backend = place.backend()
    assert ended(run(backend, "T.1", (str(tmp_path / "script"), "a  b"))) == exited(5)
    assert backend.peek("T.1", "stdout") == b"a  b\n"


def test_a_bare_name_is_never_looked_for_in_the_job_directory(place, tmp_path):
    (tmp_path / "tool").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "tool").chmod(0o755)
    backend = place.backend()
    inputs = ((str(tmp_path / "tool"), "tool"),)
    environment = {"PATH": f":.:{os.environ['PATH']}"}
    report = run(backend, "T.1", ("tool",), inputs=inputs, environment=environment)
    assert ended(report) == exited(127)
    report = run(backend, "T.2", ("./tool",), inputs=inputs)
    assert ended(report) == exited(0)


def test_a_command_that_appears_or_moves_is_found(place, tmp_path):
    backend = place.backend()
    first, second = tmp_path / "first", tmp_path / "second"
    for number, directory in enumerate((first, second)):
        directory.mkdir()
        (directory / "tool").write_text(f"#!/bin/sh\nexit {number}\n")
        (directory / "tool").chmod(0o755)
    path = {"PATH": f"{first}:{second}:{os.environ['PATH']}"}
    assert ended(run(backend, "T.1", ("tool",), environment=path)) == exited(0)
    (first / "tool").unlink()
    assert ended(run(backend, "T.2", ("tool",), environment=path)) == exited(1)


def test_too_long_a_command_line_is_an_end_and_no_disaster(place):
    backend = place.backend()
    report = run(backend, "T.1", ("/bin/true", "x" * 3_000_000))
    assert ended(report) == exited(126)
    assert "too long" in report.reason
    assert ended(run(backend, "T.2", ("/bin/true",))) == exited(0)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"argv": ("echo", "a\0b")}, "NUL"),
        ({"argv": ()}, "command"),
        ({"token": "a/b"}, "token"),
        ({"token": "a b"}, "token"),
        ({"token": ""}, "token"),
        ({"token": "x" * 300}, "token"),
        ({"stdout": "../x"}, "'../x'"),
        ({"stderr": "/x"}, "'/x'"),
        ({"stdin": "absent"}, "absent"),
        ({"inputs": (("/etc/passwd", "../x"),)}, "'../x'"),
        ({"inputs": (("/no/such/file", "x"),)}, "/no/such/file"),
        ({"inputs": (("https://example.org/x", "x"),)}, "https://example.org/x"),
        ({"files": (("../x", b""),)}, "'../x'"),
        ({"environment": {"A=B": "c"}}, "A=B"),
        ({"memory": 10**15}, "needs 1000 TB of memory; this machine has"),
        ({"cores": 64}, "needs 64 cores; this machine has 2"),
    ],
)
def test_impossible_jobs_are_refused_and_leave_nothing(place, options, word):
    backend = place.backend()
    options = {"token": "T.1", "argv": ("true",), **options}
    (refusal,) = backend.submit([job(**options)])
    assert isinstance(refusal, JobRefused)
    assert word in refusal.reason
    assert backend.tokens() == set()
    assert not (place.workdir / "jobs").exists() or not os.listdir(place.workdir / "jobs")


# surroundings


def test_the_environment(place, monkeypatch):
    monkeypatch.setenv("FROM_ENGINE", "engine \udcff")
    monkeypatch.setenv("REPLACED", "engine")
    monkeypatch.setenv("PWD", "/wrong")
    backend = place.backend()
    run(backend, "T.1", ("env", "-0"), environment={"REPLACED": "job", "NEW": "a\nb"})
    lines = set(backend.peek("T.1", "stdout").split(b"\0"))
    assert {b"FROM_ENGINE=engine \xff", b"REPLACED=job", b"NEW=a\nb", b"GC3_JOB=T.1"} <= lines
    assert not [line for line in lines if line.startswith((b"PWD=", b"OLDPWD="))]


def test_a_job_begins_with_clean_signals_descriptors_and_a_group_of_its_own(place):
    backend = place.backend()
    script = "grep -E 'SigBlk|SigIgn' /proc/self/status; cut -d' ' -f1,5,6 /proc/$$/stat"
    run(backend, "T.1", shell(f"{script}; ls /proc/self/fd"))
    blocked, ignored, ids, *descriptors = backend.peek("T.1", "stdout").decode().splitlines()
    known = sum(1 << number - 1 for number in signal.valid_signals())
    assert int(blocked.split()[1], 16) & known == 0
    assert int(ignored.split()[1], 16) & known == 0
    pid, group, session = ids.split()
    assert pid == group
    assert int(session) == backend.describe()["supervisor"]
    assert descriptors == ["0", "1", "2", "3"]  # the last is that of ls


def test_jobs_with_nothing_to_remember_have_empty_directories(place):
    backend = place.backend()
    for number in range(5):
        report = run(backend, f"T.{number}", shell("ls -A; pwd"))
        assert report.directory is None
    listed = [backend.peek(f"T.{number}", "stdout") for number in range(5)]
    assert {text.count(b"\n") for text in listed} == {1}


def test_a_job_that_removes_its_directory(place):
    backend = place.backend()
    assert ended(run(backend, "T.1", shell('rmdir "$(pwd)"'))) == exited(0)
    assert ended(run(backend, "T.2", shell("echo x >x"))) == exited(0)
    assert backend.peek("T.2", "x") == b"x\n"


# streams


def test_binary_streams_are_kept_as_they_are(place):
    backend = place.backend()
    code = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 1000)"
    run(backend, "T.1", (sys.executable, "-c", code))
    assert backend.peek("T.1", "stdout") == bytes(range(256)) * 1000
    assert backend.peek("T.1", "stderr") == b""


def test_silence_leaves_no_file(place):
    backend = place.backend()
    run(backend, "T.1", ("true",))
    assert not (place.workdir / "logs").exists()


def test_the_first_10_mb_are_kept(place):
    backend = place.backend()
    report = run(backend, "T.1", shell("head -c 12000000 /dev/zero; echo end >&2"))
    assert ended(report) == exited(0)
    out = backend.peek("T.1", "stdout")
    assert out[:10_000_000] == bytes(10_000_000)
    assert out[10_000_000:] == b"\n[gc3: only the first 10 MB were kept]\n"
    assert backend.peek("T.1", "stderr") == b"end\n"


def test_discarded_streams(place):
    backend = place.backend()
    report = run(backend, "T.1", shell("echo out; echo err >&2; cat"), capture=False)
    assert ended(report) == exited(0)
    assert backend.peek("T.1", "stdout") == backend.peek("T.1", "stderr") == b""
    assert not (place.workdir / "logs").exists()


def test_streams_that_are_joined(place):
    backend = place.backend()
    script = shell("echo 1; echo 2 >&2; echo 3")
    run(backend, "T.1", script, join=True)
    run(backend, "T.2", script, join=True, stdout="a b/o\n%")
    run(backend, "T.3", script, stdout="same", stderr="same")
    for token in ("T.1", "T.2", "T.3"):
        assert backend.peek(token, "stdout") == b"1\n2\n3\n"
        assert backend.peek(token, "stderr") == b"1\n2\n3\n"
    assert backend.peek("T.2", "a b/o\n%") == b"1\n2\n3\n"


def test_one_declared_stream_and_one_captured(place):
    backend = place.backend()
    run(backend, "T.1", shell("echo out; echo err >&2"), stderr="e")
    assert (place.workdir / "logs" / "T.1.out").read_bytes() == b"out\n"
    assert (place.workdir / "jobs" / "T.1" / "e").read_bytes() == b"err\n"


def test_a_stream_that_cannot_be_opened(place, tmp_path):
    (tmp_path / "in").write_text("x")
    inputs = ((str(tmp_path / "in"), "out/in"),)
    report = run(place.backend(), "T.1", ("true",), inputs=inputs, stdout="out")
    assert ended(report) == exited(126)
    assert "'out'" in report.reason


def test_standard_input(place, tmp_path):
    (tmp_path / "in").write_bytes(b"from\0a file")
    backend = place.backend()
    inputs = ((str(tmp_path / "in"), "data/in put"),)
    run(backend, "T.1", ("cat",), inputs=inputs, stdin="data/in put", capture=True)
    assert backend.peek("T.1", "stdout") == b"from\0a file"
    report = run(
        backend, "T.2", shell("cmp - data/in"), files=(("data/in", b"x"),), stdin="data/in"
    )
    assert ended(report) == exited(0)


def test_more_jobs_than_descriptors(place):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (48, hard))
    try:
        backend = place.backend(cores=60)
        tokens = [f"T.{number}" for number in range(60)]
        submit(backend, *[job(token, shell("echo $GC3_JOB; echo >&2")) for token in tokens])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {ended(report) for report in wait(backend, tokens).values()} == {exited(0)}
    assert [backend.peek(token, "stdout").decode() for token in tokens] == [
        f"{token}\n" for token in tokens
    ]


# files


def test_inputs_are_copied_with_their_modes(place, tmp_path):
    tree = tmp_path / "tree"
    (tree / "deep" / "er").mkdir(parents=True)
    (tree / "deep" / "er" / "x y\n").write_text("deep")
    (tree / "run me").write_text("#!/bin/sh\nexit 3\n")
    (tree / "run me").chmod(0o750)
    (tree / "link").symlink_to("deep")
    backend = place.backend()
    inputs = (
        (str(tree), "."),
        (str(tree), "again/tree"),
        (f"file://{tree}/run%20me", "other"),
    )
    report = run(backend, "T.1", ("./run me",), inputs=inputs, files=(("f/g", b"\0"),))
    assert ended(report) == exited(3)
    there = place.workdir / "jobs" / "T.1"
    assert report.directory == str(there)
    for copy in (there, there / "again" / "tree"):
        assert (copy / "deep" / "er" / "x y\n").read_text() == "deep"
        assert stat.S_IMODE((copy / "run me").stat().st_mode) == 0o750
        assert (copy / "link").readlink() == (tree / "link").readlink()
    assert (there / "other").read_text() == "#!/bin/sh\nexit 3\n"
    assert (there / "f" / "g").read_bytes() == b"\0"


def test_an_executable_is_made_so(place, tmp_path):
    (tmp_path / "prog").write_text("#!/bin/sh\nexit 4\n")
    (tmp_path / "prog").chmod(0o600)
    inputs = ((str(tmp_path / "prog"), "prog"),)
    report = run(place.backend(), "T.1", ("./prog",), inputs=inputs, executable="prog")
    assert ended(report) == exited(4)


def test_a_refused_job_leaves_others_alone(place, tmp_path):
    (tmp_path / "in").write_text("x")
    good = ((str(tmp_path / "in"), "in"),)
    bad = (*good, (str(tmp_path / "missing"), "missing"))
    backend = place.backend()
    answers = backend.submit(
        [
            job("T.1", ("cat", "in"), inputs=good),
            job("T.2", ("cat", "in"), inputs=bad),
            job("T.3", ("cat", "in"), inputs=good),
        ]
    )
    assert [answer and answer.token for answer in answers] == [None, "T.2", None]
    wait(backend, ["T.1", "T.3"])
    assert sorted(os.listdir(place.workdir / "jobs")) == ["T.1", "T.3"]


@pytest.mark.parametrize("name", ["a b\nc", "é" * 100, os.fsdecode(b"not\xffutf8"), "%s 'q\" $x"])
def test_work_directories_of_any_name(place, tmp_path, name):
    deep = tmp_path / name / ("long" * 40) / name
    deep.mkdir(parents=True)
    place.workdir = deep / "run"
    backend = place.backend()
    (deep / name).write_text("input")
    inputs = ((str(deep / name), name),)
    report = run(backend, "T.1", ("cat", name), inputs=inputs, stdout=f"out {name}")
    assert ended(report) == exited(0)
    assert backend.peek("T.1", "stdout") == b"input"


def test_nothing_is_left_when_all_is_freed(place, tmp_path):
    backend = place.backend()
    (tmp_path / "in").write_text("x")
    run(backend, "T.1", shell("echo x; mkdir -p a/b; chmod 555 a/b a; echo y >y"))
    run(backend, "T.2", shell("echo y >y"), inputs=((str(tmp_path / "in"), "in"),))
    run(backend, "T.3", ("true",))
    backend.free(["T.1", "T.2", "T.3"])
    backend.close()
    place.wait_for_supervisor_to_leave()
    assert os.listdir(place.workdir) == ["supervisor.lock"]


def test_directory_and_logs_can_be_kept(place):
    backend = place.backend()
    run(backend, "T.1", shell("echo log; echo x >x"))
    backend.free(["T.1"], keep_directory=True)
    assert backend.tokens() == set()
    assert (place.workdir / "jobs" / "T.1" / "x").read_text() == "x\n"
    assert backend.peek("T.1", "stdout") == b"log\n"
    assert backend.peek("T.1", "x") == b"x\n"


def test_peeking_stays_in_the_directory(place, tmp_path):
    (tmp_path / "secret").write_text("secret")
    backend = place.backend()
    run(backend, "T.1", shell(f"ln -s {tmp_path}/secret link; mkfifo pipe; echo x >x"))
    for name in ("link", "../../secret", str(tmp_path / "secret"), "pipe", "."):
        assert backend.peek("T.1", name) == b""
    assert backend.peek("T.1", "x", -100) == b"x\n"


# ends


def test_a_walltime_ends_the_whole_group_after_a_grace(place):
    backend = place.backend(grace=0.2)
    script = "trap '' TERM; sleep 600 & echo $!; while :; do sleep 600; done"
    report = run(backend, "T.1", shell(script), walltime=0.3)
    assert (report.state, report.signal, report.reason) == (
        JobState.ENDED,
        signal.SIGKILL,
        "walltime of 0.3 s",
    )
    place.until(lambda: not place.processes("T.1"))


def test_cancelling_ends_children_that_ignore_it(place):
    backend = place.backend(grace=30)
    script = "(trap '' TERM; echo ready; sleep 600; sleep 600) & wait"
    submit(backend, job("T.1", shell(script)))
    place.until(lambda: backend.peek("T.1", "stdout") == b"ready\n")
    backend.cancel(["T.1"])
    report = wait(backend, ["T.1"])["T.1"]
    assert (report.signal, report.reason) == (signal.SIGTERM, "cancelled")
    place.until(lambda: not place.processes("T.1"))


def test_a_stopped_job_can_be_cancelled(place):
    backend = place.backend(grace=30)
    submit(backend, job("T.1", shell("echo ready; kill -STOP $$; sleep 600")))
    place.until(lambda: backend.peek("T.1", "stdout") == b"ready\n")
    backend.cancel(["T.1"])
    assert wait(backend, ["T.1"])["T.1"].signal == signal.SIGTERM


def test_a_job_ends_with_its_group(place):
    backend = place.backend()
    report = run(backend, "T.1", shell("sleep 600 & exit 0"))
    assert ended(report) == exited(0)
    place.until(lambda: not place.processes("T.1"))


def test_a_memory_limit(place):
    backend = place.backend()
    code = "import time; x = b'x' * 200_000_000; time.sleep(600)"
    child = shell(f'{sys.executable} -c "{code}"; exit 9')
    report = run(backend, "T.1", child, memory_limit=100_000_000)
    assert (report.state, report.signal) == (JobState.ENDED, signal.SIGKILL)
    assert report.reason == "memory limit of 100 MB"
    within = run(backend, "T.2", ("sleep", "0.4"), memory_limit=100_000_000)
    assert (ended(within), within.reason) == (exited(0), "")


def test_figures(place):
    backend = place.backend()
    code = "x = b'x' * 150_000_000; [i for i in range(3_000_000)]"
    report = run(backend, "T.1", (sys.executable, "-c", code))
    assert 150_000_000 < report.max_memory < 600_000_000
    assert report.memory_is_bound is False
    assert 0.02 < report.cpu_time < 60
    small = run(backend, "T.2", ("true",))
    assert small.memory_is_bound is True
    assert small.max_memory < 40_000_000


def test_memory_is_shared_out(place):
    backend = place.backend(cores=4, memory=1_000_000_000)
    big, small = 800_000_000, 300_000_000
    submit(
        backend,
        job("T.1", ("sleep", "600"), memory=big),
        job("T.2", ("sleep", "600"), memory=small),
        job("T.3", ("sleep", "600"), memory=1),
    )
    wait(backend, ["T.1"], until=JobState.RUNNING)
    waiting = backend.adopt(["T.2", "T.3"])
    assert {report.state for report in waiting.values()} == {JobState.WAITING}
    backend.cancel(["T.1"])
    wait(backend, ["T.2", "T.3"], until=JobState.RUNNING)


def test_nothing_leaks(place):
    backend = place.backend()
    run(backend, "T.0", shell("echo x"))
    descriptors = f"/proc/{backend.describe()['supervisor']}/fd"
    before = sorted(os.listdir(descriptors))
    tokens = [f"T.{number}" for number in range(1, 100)]
    for start in range(0, 99, 33):
        jobs = [
            job(token, shell("echo $$; echo >&2; exit 1")) for token in tokens[start : start + 33]
        ]
        submit(backend, *jobs)
        wait(backend, tokens[start : start + 33])
    assert sorted(os.listdir(descriptors)) == before
    backend.free(backend.tokens())
    assert os.listdir(place.workdir / "logs") == []


def test_the_window_follows_the_length_of_jobs(place):
    backend = place.backend()
    assert backend.capacity.window <= 8
    tokens = [f"T.{number}" for number in range(50)]
    submit(backend, *[job(token, ("true",), capture=False) for token in tokens])
    wait(backend, tokens)
    assert 32 <= backend.capacity.window <= 64


def test_a_directory_without_jobs_needs_no_supervisor(place):
    backend = place.backend()
    assert backend.tokens() == set()
    assert backend.adopt(["T.1"]) == {}
    assert backend.poll(["T.1"]) == []
    backend.free(["T.1"])
    backend.cancel(["T.1"])
    assert backend.describe()["supervisor"] is None
    assert not place.workdir.exists()


def test_a_work_directory_that_vanishes_takes_nobody_down(place):
    backend = place.backend()
    run(backend, "T.1", shell("echo x >x"))
    pid = backend.describe()["supervisor"]
    shutil.rmtree(place.workdir)
    backend.close()
    place.until(lambda: not place.alive(pid))
