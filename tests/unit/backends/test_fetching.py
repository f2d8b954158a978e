"""Outputs arrive whole, once, from inside the job's directory, whenever fetching is killed."""

import os
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from gc3libs.backends._fetching import Fetcher
from gc3libs.backends.base import FetchRequest

SHM = Path("/dev/shm")
DISTURBING = frozenset(
    ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "open", "shutil.copyfile", "shutil.rmtree")
)


@pytest.fixture
def work(tmp_path):
    """A work directory with one job that has left files."""
    directory = tmp_path / "run" / "jobs" / "T.1"
    (directory / "sub" / "deep").mkdir(parents=True)
    (directory / "a").write_text("a")
    (directory / "b c\n").write_text("b")
    (directory / "sub" / "deep" / "x").write_text("x")
    return tmp_path / "run"


def request(place, *outputs, overwrite=False):
    return FetchRequest(token="T.1", outputs=outputs, destination=str(place), overwrite=overwrite)


def contents(directory):
    paths = [path for path in Path(directory).rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): path.read_text() for path in paths}


ALL = {"a": "a", "b c\n": "b", "sub/deep/x": "x"}
PARTS = (("a", "a"), ("sub", "s"), ("missing", "missing"), ("sub/deep/x", "again/x"))
CASES = {
    "everything": ((("*", "."),), False, ALL),
    "everything below": ((("*", "all"),), False, {f"all/{name}": ALL[name] for name in ALL}),
    "parts": (PARTS, False, {"a": "a", "s/deep/x": "x", "again/x": "x"}),
    "files beside each other": (
        (("sub/deep/x", "."), ("a", "."), ("missing", "missing")),
        False,
        {"x": "x", "a": "a"},
    ),
    "in place": (PARTS, True, {"old": "old", "a": "a", "s/deep/x": "x", "again/x": "x"}),
}


def die_at(step):
    """From now on, this process is killed at its n-th operation on files."""
    left = step

    def hook(event, _arguments):
        nonlocal left
        if event in DISTURBING:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def fetch_and_die(work, wanted, step):
    """Fetch in a process of its own that is killed at a step; True if it came through."""
    child = os.fork()
    if child == 0:
        try:
            die_at(step)
            Fetcher(work).fetch(wanted, left_files=True)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["same disk", "other disk"])
@pytest.mark.parametrize("case", CASES)
def test_a_fetch_that_is_killed_anywhere_goes_on(tmp_path, case, elsewhere):
    outputs, overwrite, expected = CASES[case]
    if elsewhere and (not SHM.is_dir() or SHM.stat().st_dev == tmp_path.stat().st_dev):
        pytest.skip("/dev/shm is no other file system")
    for step in range(1, 200):
        home = tmp_path / str(step)
        directory = home / "run" / "jobs" / "T.1"
        (directory / "sub" / "deep").mkdir(parents=True)
        for name, text in ALL.items():
            (directory / name).write_text(text)
        with tempfile.TemporaryDirectory(dir=SHM if elsewhere else home) as base:
            place = Path(base) / "out"
            place.mkdir()
            (place / "old").write_text("old")
            wanted = request(place, *outputs, overwrite=overwrite)
            through = fetch_and_die(home / "run", wanted, step)
            fetched = Fetcher(home / "run").fetch(wanted, left_files=True)
            assert fetched.error is None
            assert fetched.missing == (("missing",) if ("missing", "missing") in outputs else ())
            assert contents(place) == expected
            backups = sorted(path.name for path in Path(base).iterdir() if path != place)
            assert backups == ([] if overwrite else ["out.~1~"])
        if through:
            assert step > 2
            return
    raise AssertionError("it never came through")


def test_the_job_directory_itself_becomes_the_destination(work, tmp_path):
    (work / "jobs" / "T.1" / "sub" / "deep" / "x").unlink()
    (work / "jobs" / "T.1" / "sub" / "deep").rmdir()
    (work / "jobs" / "T.1" / "sub").rmdir()
    inode = (work / "jobs" / "T.1").stat().st_ino
    wanted = request(tmp_path / "new" / "out", ("b c\n", "b c\n"), ("a", "a"))
    assert Fetcher(work).fetch(wanted, left_files=True).missing == ()
    assert (tmp_path / "new" / "out").stat().st_ino == inode


def test_an_empty_destination_is_used(work, tmp_path):
    (tmp_path / "out").mkdir()
    Fetcher(work).fetch(request(tmp_path / "out", ("a", "a")), left_files=True)
    assert contents(tmp_path / "out") == {"a": "a"}
    assert list(tmp_path.glob("out.*")) == []


def test_a_file_at_the_destination_is_kept(work, tmp_path):
    (tmp_path / "out").write_text("mine")
    Fetcher(work).fetch(request(tmp_path / "out", ("a", "a")), left_files=True)
    assert (tmp_path / "out.~1~").read_text() == "mine"


def test_a_job_that_left_nothing_gets_an_empty_destination(tmp_path):
    (tmp_path / "run").mkdir()
    wanted = request(tmp_path / "out", ("a", "a"))
    for _ in range(2):
        fetched = Fetcher(tmp_path / "run").fetch(wanted, left_files=False)
        assert (fetched.missing, fetched.error) == (("a",), None)
    assert list((tmp_path / "out").iterdir()) == []
    assert list(tmp_path.glob("out.*")) == []


def test_contents_of_a_directory_that_is_not_there_are_missing(work, tmp_path):
    wanted = request(tmp_path / "out", ("none", "."), ("sub", "."), ("nor this", "below"))
    fetched = Fetcher(work).fetch(wanted, left_files=True)
    assert (fetched.missing, fetched.error) == (("none", "nor this"), None)
    assert contents(tmp_path / "out") == {"deep/x": "x"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_keeps_its_name_in_the_destination(work, tmp_path, overwrite):
    wanted = request(tmp_path / "out", ("sub/deep/x", "."), ("a", "."), overwrite=overwrite)
    for _ in range(2):
        fetched = Fetcher(work).fetch(wanted, left_files=True)
        assert (fetched.missing, fetched.error) == ((), None)
        assert contents(tmp_path / "out") == {"x": "x", "a": "a"}


@pytest.mark.parametrize(
    "name", ["link", "door/passwd", "../outside", "/etc/passwd", "sub/../../o"]
)
def test_nothing_outside_the_directory_is_followed(work, tmp_path, name):
    (work / "outside").write_text("secret")
    (work / "jobs" / "T.1" / "link").symlink_to(work / "outside")
    (work / "jobs" / "T.1" / "door").symlink_to("/etc")
    fetched = Fetcher(work).fetch(request(tmp_path / "out", (name, "x")), left_files=True)
    assert fetched.error is not None
    assert name in fetched.error
    assert contents(tmp_path / "out") == {}


def test_a_link_inside_the_directory_is_delivered_as_its_content(work, tmp_path):
    (work / "jobs" / "T.1" / "link").symlink_to("sub/deep/x")
    Fetcher(work).fetch(request(tmp_path / "out", ("link", "l")), left_files=True)
    assert (tmp_path / "out" / "l").read_text() == "x"
    assert not (tmp_path / "out" / "l").is_symlink()


def test_trouble_is_reported_and_can_be_mended(work, tmp_path):
    (tmp_path / "out").write_text("in the way")
    wanted = request(tmp_path / "out" / "below", ("a", "a"))
    assert "out" in Fetcher(work).fetch(wanted, left_files=True).error
    (tmp_path / "out").unlink()
    assert Fetcher(work).fetch(wanted, left_files=True).error is None
    assert contents(tmp_path / "out" / "below") == {"a": "a"}


def test_nothing_is_fetched_without_a_destination(work):
    wanted = FetchRequest(token="T.1", outputs=(("a", "a"),), destination=None)
    assert Fetcher(work).fetch(wanted, left_files=True).missing == ()
    assert contents(work / "jobs" / "T.1") == ALL


def test_freeing_leaves_no_trace_of_a_fetch(work, tmp_path):
    Fetcher(work).fetch(request(tmp_path / "out", *PARTS), left_files=True)
    Fetcher(work).free(["T.1"])
    assert contents(work) == {"jobs/T.1/b c\n": "b", "jobs/T.1/sub/deep/x": "x"}
