"""Sessions that are moved go on; copies become sessions of their own."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from gc3libs import Task
from gc3libs.persistence import make_store
from gc3libs.session import Session

NAMES = [
    "plain",
    "with blanks",
    "100%",
    "a#b?c",
    "new\nline",
    "ünïcode",
    "-rf",
    os.fsdecode(b"\xff"),
]


@pytest.fixture
def opened():
    """Opens sessions; they are closed at the end."""
    made = []

    def open_session(path, *args, **options):
        made.append(Session(path, *args, **options))
        return made[-1]

    yield open_session
    for session in made:
        session.close()


@pytest.fixture(params=["file", "sqlite"])
def inside(request, tmp_path, opened):
    """A session with its store inside, and tasks in several states."""
    session = opened(tmp_path / "original", store_or_url=request.param)
    states = ["NEW", "SUBMITTED", "RUNNING", "TERMINATED"]
    for state in states:
        task = Task(jobname=state)
        task.execution.state = state
        if state == "TERMINATED":
            task.execution.returncode = 0
        session.add(task)
    session.set_start_timestamp(1_000_000_000)
    session.close()
    return session


def states(session):
    return [each.state for each in session.summaries()]


def url_of(session):
    return os.fsdecode(Path(session.path, "store.url").read_bytes())


def test_the_url_of_a_store_inside_is_relative(tmp_path, opened):
    assert url_of(opened(tmp_path / "a")) == "file:jobs\n"
    assert url_of(opened(tmp_path / "b", store_or_url="sqlite")) == "sqlite:store.db\n"
    assert url_of(opened(tmp_path / "c", store_or_url=tmp_path / "c" / "x y")) == "file:x%20y\n"
    url = f"sqlite://{tmp_path}/d/my.db#table=mine"
    assert url_of(opened(tmp_path / "d", store_or_url=url)) == "sqlite:my.db#table=mine\n"


def test_the_url_of_a_store_outside_is_absolute(tmp_path, opened, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert url_of(opened("a", store_or_url="sqlite:my.db")) == f"sqlite://{tmp_path}/my.db\n"
    assert url_of(opened("b", store_or_url="jobs")) == f"file://{tmp_path}/jobs\n"
    assert url_of(opened("c", "sqlite:my.db")) == f"sqlite://{tmp_path}/my.db\n"


@pytest.mark.parametrize("kind", ["file", "sqlite"])
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_will_do_and_can_be_changed(tmp_path, opened, name, kind):
    path = tmp_path / name / "session"
    session = opened(path, store_or_url=kind)
    session.add(Task(jobname="a"))
    session.close()
    assert opened(path).counts().total == 1
    moved = tmp_path / f"{name} moved"
    (tmp_path / name).rename(moved)
    again = opened(moved / "session")
    assert [task.jobname for task in again] == ["a"]
    again.add(Task(jobname="b"))
    assert again.counts().total == len(again) == 2
    again.destroy()
    assert list(moved.iterdir()) == []


def test_a_moved_session_goes_on(inside, tmp_path, opened):
    moved = shutil.move(inside.path, tmp_path / "moved")
    session = opened(moved)
    assert session.uuid == inside.uuid
    assert states(session) == ["NEW", "SUBMITTED", "RUNNING", "TERMINATED"]
    session.add(Task())
    assert session.uuid == inside.uuid
    assert session.created == 1_000_000_000
    assert json.loads(Path(moved, "created").read_text())["path"] == str(moved)
    assert states(opened(moved)) == ["NEW", "SUBMITTED", "RUNNING", "TERMINATED", "NEW"]


def test_a_moved_session_is_known_where_it_is_now(inside, tmp_path, opened):
    moved = shutil.move(inside.path, tmp_path / "moved")
    opened(moved).add(Task())
    copy = opened(shutil.copytree(moved, inside.path))
    copy.add(Task())
    assert copy.uuid != inside.uuid
    assert opened(moved).uuid == inside.uuid


def test_a_copy_becomes_a_session_of_its_own(inside, tmp_path, opened):
    path = shutil.copytree(inside.path, tmp_path / "copy")
    os.mkdir(os.path.join(path, "run"))
    Path(path, "run", "journal").touch()
    copy = opened(path)
    assert copy.uuid == inside.uuid
    assert states(copy) == ["NEW", "SUBMITTED", "RUNNING", "TERMINATED"]
    copy.add(Task(jobname="more"))
    assert copy.uuid != inside.uuid
    assert states(copy) == ["NEW", "TERMINATED", "TERMINATED", "TERMINATED", "NEW"]
    assert not os.path.exists(os.path.join(path, "run"))
    lost = copy.tasks.values()[2]
    assert (lost.jobname, lost.execution.signal) == ("RUNNING", 120)
    assert lost.execution.history.last().endswith(f"a copy of: {inside.path}")
    assert copy.created == 1_000_000_000
    again = opened(path)
    assert again.uuid == copy.uuid
    assert states(again) == states(copy)
    original = opened(inside.path)
    assert original.uuid == inside.uuid
    assert states(original) == ["NEW", "SUBMITTED", "RUNNING", "TERMINATED"]


@pytest.mark.parametrize("write", ["lease", "remove", "save_all", "flush"])
def test_any_writing_makes_a_copy_its_own(inside, tmp_path, opened, write):
    copy = opened(shutil.copytree(inside.path, tmp_path / "copy"))
    task = copy.tasks.values()[0]
    if write == "lease":
        copy.lease().release()
    elif write == "remove":
        copy.remove(task.persistent_id)
    else:
        task.beta = 1
        copy.add(task, flush=False)
        getattr(copy, write)()
    assert copy.uuid != inside.uuid
    assert opened(copy.path).uuid == copy.uuid
    assert copy.counts()["RUNNING"] == 0
    assert opened(inside.path).counts()["RUNNING"] == 1


def test_looking_at_a_copy_changes_nothing(inside, tmp_path, opened):
    copy = opened(shutil.copytree(inside.path, tmp_path / "copy"))
    before = Path(copy.path, "created").read_text()
    assert (len(copy), copy.counts().total, len(list(copy))) == (4, 4, 4)
    copy.save_all()
    assert Path(copy.path, "created").read_text() == before


def test_a_copy_of_a_session_whose_store_is_elsewhere(tmp_path, opened):
    original = opened(tmp_path / "original", store_or_url=f"sqlite://{tmp_path}/store.db")
    ids = original.add_many(Task(jobname=name) for name in "abc")
    running = original.tasks[ids[0]]
    running.execution.state = "RUNNING"
    original.save_all()
    copy = opened(shutil.copytree(original.path, tmp_path / "copy"))
    new = copy.add(Task(jobname="d"))
    assert copy.uuid != original.uuid
    assert copy.counts().total == 4
    assert [each.name for each in copy.summaries()] == list("abcd")
    assert list(copy.unfinished()) == [*ids[1:], new]
    assert original.counts()["RUNNING"] == 1
    copy.remove(ids[1])
    copy.remove(new)
    assert len(copy) == 2
    assert ids[1] in original.store
    assert new not in original.store
    copy.destroy()
    assert original.counts().total == 3
    assert [task.jobname for task in original] == list("abc")


def test_another_way_to_the_same_directory_is_no_copy(inside, tmp_path, opened):
    (tmp_path / "link").symlink_to(inside.path)
    session = opened(tmp_path / "link")
    session.add(Task())
    assert session.uuid == inside.uuid
    assert states(session)[:3] == ["NEW", "SUBMITTED", "RUNNING"]


def test_a_store_elsewhere_may_be_given_as_it_is(tmp_path, opened):
    store = make_store(tmp_path / "jobs")
    session = opened(tmp_path / "session", store_or_url=store)
    assert session.store is store
    assert opened(tmp_path / "session", store_or_url=store).store is store
    session.add(Task())
    session.close()
    assert store.list() == ["Task.1"]
    store.close()


def test_two_processes_make_a_copy_its_own_once(inside, tmp_path, opened):
    path = shutil.copytree(inside.path, tmp_path / "copy")
    one, two = opened(path), opened(path)
    a = one.add(Task())
    b = two.add(Task())
    assert one.uuid == two.uuid == opened(path).uuid != inside.uuid
    for session in (one, two):
        assert session.list_ids().issuperset({a, b})
        assert session.counts().total == len(session) == 6
