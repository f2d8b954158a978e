"""Sessions keep every promise, whatever store they use."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import sys
import uuid
from pathlib import Path

import pytest

import gc3libs
from gc3libs.exceptions import (
    InvalidArgument,
    InvalidType,
    InvalidValue,
    LoadError,
    ObjectNotFound,
    SaveError,
)
from gc3libs.persistence import Persistable, make_store
from gc3libs.session import Session, TemporarySession

SERVERS = {
    "postgresql": (
        os.environ.get("GC3LIBS_TEST_POSTGRESQL", "postgresql://root@127.0.0.1:5432/test"),
        "pg_ctlcluster 15 main start",
    ),
    "mysql": (
        os.environ.get("GC3LIBS_TEST_MYSQL", "mysql://root@127.0.0.1:3306/test"),
        "service mariadb start",
    ),
}


class Group(gc3libs.Task):
    """A task that owns others."""

    _leaf = False

    def __init__(self, *members, **extra):
        super().__init__(**extra)
        self.__dict__["_members"] = list(members)

    def __getstate__(self):
        return {key: value for key, value in super().__getstate__().items() if key != "_members"}

    def _owned(self):
        return self.__dict__["_members"]

    def _set_owned(self, children):
        self.__dict__["_members"] = children


gc3libs.trust(__name__)


class Unloadable(gc3libs.Task):
    """A task whose class does not let itself be restored."""

    def __setstate__(self, state):
        raise RuntimeError("lost the recipe")


class Sessions:
    """Makes sessions on one kind of store, and closes them."""

    def __init__(self, kind, directory, url):
        self.kind = kind
        self.directory = directory
        self.url = url
        self._made = []

    @property
    def path(self):
        return str(self.directory / "session")

    def open(self, path=None, **options):
        if self.kind == "memory" and self._made and "store_or_url" not in options:
            options["store_or_url"] = self._made[0].store
        options.setdefault("store_or_url", self.url)
        session = Session(path or self.path, **options)
        self._made.append(session)
        return session

    def close(self):
        for session in self._made:
            session.close()


@contextlib.contextmanager
def table_url(kind):
    """A URL of a table of our own, which is dropped at the end."""
    sqlalchemy = pytest.importorskip("sqlalchemy")
    from gc3libs.persistence.sql import SqlStore

    url, start = SERVERS[kind]
    table = f"s{uuid.uuid4().hex[:12]}"
    engine = SqlStore(url, table=table)._engine
    try:
        engine.connect().close()
    except sqlalchemy.exc.OperationalError as err:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no server: {start} ({str(err).splitlines()[0]})")
    yield f"{url}#table={table}"
    with engine.begin() as connection:
        for name in sqlalchemy.inspect(connection).get_table_names():
            if name.startswith(table):
                connection.execute(sqlalchemy.text(f"DROP TABLE {name}"))
    engine.dispose()


@pytest.fixture(
    params=[
        "file",
        "sqlite",
        "memory",
        pytest.param("postgresql", marks=pytest.mark.server),
        pytest.param("mysql", marks=pytest.mark.server),
    ]
)
def sessions(request, tmp_path):
    kind = request.param
    with contextlib.ExitStack() as stack:
        if kind in SERVERS:
            url = stack.enter_context(table_url(kind))
        else:
            url = {"file": None, "sqlite": "sqlite", "memory": "memory:"}[kind]
        made = Sessions(kind, tmp_path, url)
        stack.callback(made.close)
        yield made


def names(session):
    return [task.jobname for task in session]


def index(session):
    return Path(session.path, "index.txt").read_text()


def task(name, **extra):
    return gc3libs.Task(jobname=name, **extra)


# the specification's examples


def test_a_new_directory_lists_three_files(sessions):
    session = sessions.open()
    assert sorted(os.listdir(session.path)) == ["created", "index.txt", "store.url"]


def test_adding_removing_counting_iterating(sessions):
    session = sessions.open()
    first, second = session.add(task("a")), session.add(task("b"))
    assert len(session) == 2
    assert [type(each) for each in session] == [gc3libs.Task, gc3libs.Task]
    session.remove(first)
    assert len(session) == 1
    assert index(session) == f"{second}\n"
    with pytest.raises(ObjectNotFound):
        session.store.load(first)


def test_the_same_object_is_added_once(sessions):
    session = sessions.open()
    one = task("a")
    assert session.add(one) == session.add(one)
    assert len(session) == 1
    assert session.add_many([one, one]) == [one.persistent_id] * 2
    assert index(session) == f"{one.persistent_id}\n"


def test_saving_does_not_add(sessions):
    session = sessions.open()
    obj = Persistable()
    id_ = session.save(obj)
    assert len(session) == 0
    assert session.load(id_, add=False).persistent_id == obj.persistent_id
    assert len(session) == 0


def test_loading_adds_unless_told_otherwise(sessions):
    session = sessions.open()
    id_ = session.save(task("a"))
    session.load(id_)
    assert session.list_ids() == {id_}
    assert names(sessions.open()) == ["a"]
    assert sessions.open().counts().total == 1


def test_loading_many_gives_them_by_id(sessions):
    session = sessions.open()
    ids = [session.save(task(name)) for name in "abc"]
    found = session.load_many(ids[:2], flush=False)
    assert {id_: each.jobname for id_, each in found.items()} == dict(
        zip(ids[:2], "ab", strict=True)
    )
    assert index(session) == ""
    assert len(session) == 2
    session.flush()
    assert index(session) == f"{ids[0]}\n{ids[1]}\n"


def test_what_is_not_there_cannot_be_loaded(sessions):
    session = sessions.open()
    with pytest.raises(ObjectNotFound, match=r"Task\.4711"):
        session.load("Task.4711")
    assert len(session) == 0


def test_destroying_removes_everything(sessions):
    session = sessions.open()
    session.add(task("a"))
    session.destroy()
    assert not os.path.exists(session.path)
    session.destroy()


def test_names_and_ids_are_sets(sessions):
    session = sessions.open()
    ids = [session.add(task("a")), session.add(gc3libs.Task()), session.add(task("a"))]
    assert session.list_ids() == set(ids)
    assert session.list_names() == {"a", "Task"}


def test_the_workflow_is_iterated_breadth_first(sessions):
    session = sessions.open()
    inner = Group(task("1a"), task("1b"), jobname="1")
    session.add(Group(inner, task("2"), jobname="top"))
    session.add(task("other"))
    expected = ["top", "other", "1", "2", "1a", "1b"]
    assert [each.jobname for each in session.iter_workflow()] == expected
    again = sessions.open()
    assert [each.jobname for each in again.iter_workflow()] == expected


def test_a_shared_child_is_iterated_once(sessions):
    session = sessions.open()
    child = task("child")
    session.add(Group(child, jobname="a"))
    session.add(Group(child, jobname="b"))
    assert [each.jobname for each in session.iter_workflow()] == ["a", "b", "child"]


def test_timestamps(sessions):
    session = sessions.open()
    assert session.finished == -1
    session.set_start_timestamp(1_000_000_000.5)
    session.set_end_timestamp(1_000_000_100)
    again = sessions.open()
    assert again.created == os.stat(os.path.join(session.path, "created")).st_mtime
    assert (again.created, again.finished) == (1_000_000_000.5, 1_000_000_100)
    session.set_end_timestamp()
    assert again.finished > 1_700_000_000


# the table of decisions


def test_created_holds_the_command_line(sessions, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["sweep.py", "--beta", "1 2"])
    session = sessions.open()
    created = json.loads(Path(session.path, "created").read_text())
    assert created["argv"] == ["sweep.py", "--beta", "1 2"]
    assert shlex.split(created["command"]) == created["argv"]


def test_not_creating_creates_nothing(sessions):
    with pytest.raises(InvalidArgument):
        sessions.open(create=False)
    assert not os.path.exists(sessions.path)
    os.mkdir(sessions.path)
    for create in (True, False):
        with pytest.raises(InvalidArgument):
            sessions.open(create=create, task_ids=["Task.1"])
    assert os.listdir(sessions.path) == []


def test_an_existing_session_is_opened_without_creating(sessions):
    id_ = sessions.open().add(task("a"))
    assert sessions.open(create=False).list_ids() == {id_}


def test_not_loading_destroys_the_old_one(sessions):
    old = sessions.open()
    old_id = old.add(task("a"))
    Path(old.path, "litter").touch()
    new = sessions.open(load=False)
    assert len(new) == 0
    assert new.uuid != old.uuid
    assert old_id not in new.store
    assert sorted(os.listdir(new.path)) == ["created", "index.txt", "store.url"]


def test_other_files_in_the_directory_are_left_alone(sessions):
    os.mkdir(sessions.path)
    with open(os.path.join(sessions.path, "mine"), "w") as file:
        file.write("precious")
    session = sessions.open()
    session.add(task("a"))
    session.destroy()
    assert os.listdir(sessions.path) == ["mine"]


def test_a_directory_that_was_there_goes_if_it_is_empty(sessions):
    os.mkdir(sessions.path)
    session = sessions.open()
    session.add(task("a"))
    session.set_end_timestamp()
    session.destroy()
    assert not os.path.exists(sessions.path)


def test_only_these_tasks(sessions):
    session = sessions.open()
    a, _, c = session.add_many(map(task, "abc"))
    some = sessions.open(task_ids=[c, a])
    assert names(some) == ["c", "a"]
    assert len(some) == 2
    assert some.counts().total == 2
    d = some.add(task("d"))
    assert names(some) == ["c", "a", "d"]
    assert some.tasks[d].jobname == "d"
    assert names(sessions.open()) == ["a", "b", "c", "d"]
    with pytest.raises(ObjectNotFound, match=r"Task\.4711"):
        sessions.open(task_ids=[a, "Task.4711"])


def test_a_new_session_of_tasks_that_a_store_has(sessions):
    old = sessions.open()
    ids = old.add_many(map(task, "abc"))
    path = str(sessions.directory / "other")
    new = sessions.open(path, store_or_url=old.store, task_ids=ids[1:])
    assert names(new) == ["b", "c"]
    assert (new.counts().total, old.counts().total) == (2, 3)
    new.destroy()
    assert names(old) == ["a", "b", "c"]


def test_remove_of_a_collection_takes_its_children_along(sessions):
    session = sessions.open()
    shared, deep = task("shared"), task("deep")
    one = Group(task("a"), shared, Group(deep, jobname="inner"), jobname="one")
    two = Group(shared, jobname="two")
    session.add(one)
    session.add(two)
    ids = [one.persistent_id, one._owned()[0].persistent_id, deep.persistent_id]
    shared_id = shared.persistent_id
    session.remove(one.persistent_id)
    assert not any(id_ in session.store for id_ in ids)
    assert shared_id in session.store
    assert sorted(each.name for each in session.summaries(tree=True)) == ["shared", "two"]


def test_remove_keeps_a_child_that_is_listed_itself(sessions):
    session = sessions.open()
    child = task("child")
    session.add(child)
    id_ = session.add(Group(child, jobname="group"))
    session.remove(id_)
    assert names(session) == ["child"]
    assert session.counts(tree=True).total == 1


@pytest.mark.parametrize("looked_at", [True, False])
def test_a_removed_child_does_not_come_back_with_its_owner(sessions, looked_at):
    """Neither as a new task, nor as one that cannot be loaded."""
    session = sessions.open()
    children = [task(name) for name in "abcd"]
    id_ = session.add(Group(*children, jobname="group"))
    removed = session.add(children[1])
    if not looked_at:
        children.clear()
        session = sessions.open()
        session.store.invalidate_cache()
    group = session.load(id_)
    assert len(group._owned()) == 4
    session.remove(removed)
    group.notes = "changed"
    session.save_all()
    assert [each.jobname for each in group._owned()] == ["a", "c", "d"]
    assert [each.name for each in session.summaries()] == ["a", "c", "d"]
    group._owned().pop()
    group.notes = "changed again"
    session.save_all()
    other = sessions.open()
    assert [each.jobname for each in other.load(id_)._owned()] == ["a", "c"]
    assert removed not in other.store


def test_a_child_that_was_removed_is_a_new_task_when_it_is_added(sessions):
    session = sessions.open()
    child = task("child")
    group = Group(child, jobname="group")
    id_ = session.add(group)
    removed = session.add(child)
    session.remove(removed)
    group._owned().append(child)
    group.notes = "changed"
    session.save_all()
    assert child.persistent_id not in (None, removed)
    assert [each.jobname for each in sessions.open().load(id_)._owned()] == ["child"]


def test_remove_without_flush_shows_in_memory_and_store_only(sessions):
    session = sessions.open()
    a, b = session.add_many(map(task, "ab"))
    session.remove(a, flush=False)
    assert (len(session), session.list_ids(), a in session.store) == (1, {b}, False)
    assert index(session) == f"{a}\n{b}\n"
    session.flush()
    assert index(session) == f"{b}\n"
    assert session.counts().total == 1


def test_forget_keeps_the_record(sessions):
    session = sessions.open()
    group = session.add(Group(task("child"), jobname="group"))
    kept = session.add(task("kept"))
    session.forget(group)
    assert session.list_ids() == {kept}
    assert session.counts(tree=True).total == 1
    assert [each.jobname for each in session.load(group)._owned()] == ["child"]
    assert session.counts(tree=True).total == 3


def test_forget_without_flush(sessions):
    session = sessions.open()
    a, b = session.add_many(map(task, "ab"))
    session.forget(b, flush=False)
    assert (len(session), index(session)) == (1, f"{a}\n{b}\n")
    assert session.counts().total == 1
    session.flush()
    assert index(session) == f"{a}\n"
    assert session.counts().total == 1


@pytest.mark.parametrize("change", ["remove", "forget"])
def test_what_is_not_in_the_session_cannot_be_removed(sessions, change):
    session = sessions.open()
    id_ = session.save(task("a"))
    for each in (id_, "Task.4711", "nonsense"):
        with pytest.raises(ObjectNotFound, match=each):
            getattr(session, change)(each)
    assert id_ in session.store


def test_a_changed_task_is_saved_again_when_it_is_added_again(sessions):
    session = sessions.open()
    one = task("a")
    session.add(one)
    one.jobname = "b"
    session.add(one)
    assert not one.changed
    assert names(sessions.open()) == ["b"]
    assert [each.name for each in session.summaries()] == ["b"]


def test_add_without_flush_is_in_store_and_memory_only(sessions):
    session = sessions.open()
    a = session.add(task("a"), flush=False)
    assert a in session.store
    assert (len(session), index(session)) == (1, "")
    assert session.list_ids() == {a}
    assert session.list_names() == {"a"}
    assert session.counts().total == 1
    assert session.tasks[a].jobname == "a"
    assert len(sessions.open()) == 0
    session.flush()
    assert len(sessions.open()) == 1
    assert session.counts().total == 1


def test_what_was_added_without_flush_comes_first(sessions):
    session = sessions.open()
    a, b, c = (session.add(task(name), flush=name == "c") for name in "abc")
    assert index(session) == f"{a}\n{b}\n{c}\n"


def test_order_is_that_of_adding(sessions):
    session = sessions.open()
    late = session.save(task("late"))
    ids = session.add_many(map(task, "abcd"))
    session.remove(ids[0])
    session.load(late)
    session.add(task("last"))
    expected = ["b", "c", "d", "late", "last"]
    assert names(session) == expected
    assert [each.jobname for each in session.summaries()] == expected
    again = sessions.open()
    assert names(again) == expected
    assert [each.jobname for each in again.summaries()] == expected


def test_an_unloadable_task_is_left_out_and_stays(sessions, caplog):
    session = sessions.open()
    a, bad, c = session.add_many([task("a"), Unloadable(jobname="bad"), task("c")])
    session.store.invalidate_cache()
    again = sessions.open()
    with caplog.at_level(logging.WARNING, "gc3libs.session"):
        assert names(again) == ["a", "c"]
    assert f"'{bad}'" in caplog.text
    assert "lost the recipe" in caplog.text
    assert len(again) == 3
    with pytest.raises(LoadError, match="lost the recipe") as raised:
        again.load(bad)
    assert raised.value.id == bad
    with pytest.raises(LoadError):
        again.tasks[bad]
    with pytest.raises(LoadError, match="lost the recipe"):
        again.tasks.values()[1]
    assert [each.jobname for each in again.tasks.values()[:3]] == ["a", "c"]
    again.remove(a)
    assert index(again) == f"{bad}\n{c}\n"
    assert again.counts().total == 2
    again.remove(bad)
    assert index(again) == f"{c}\n"


def test_a_line_that_is_no_id_is_left_out_and_stays(sessions, caplog):
    session = sessions.open()
    a = session.add(task("a"))
    with open(os.path.join(session.path, "index.txt"), "a") as file:
        file.write("../../etc/passwd\nTask.4711\n")
    session.add(task("b"))
    again = sessions.open()
    assert names(again) == ["a", "b"]
    assert "'../../etc/passwd' is no ID" in caplog.text
    assert len(again) == 4
    assert again.counts().total == 2
    with pytest.raises(LoadError):
        again.tasks["../../etc/passwd"]
    again.remove(a)
    assert index(again).startswith("../../etc/passwd\nTask.4711\n")
    again.remove("../../etc/passwd")
    again.remove("Task.4711")
    assert len(again) == 1


def test_blank_lines_are_ignored(sessions):
    session = sessions.open()
    a, b = session.add_many(map(task, "ab"))
    with open(os.path.join(session.path, "index.txt"), "w") as file:
        file.write(f"\n  {a}\r\n\n\n{b} \n\n")
    assert len(session) == 2
    assert names(session) == ["a", "b"]
    assert session.tasks[b].jobname == "b"
    session.add(task("c"))
    assert names(sessions.open()) == ["a", "b", "c"]
    assert session.counts().total == 3


def test_an_unterminated_last_line_is_cut(sessions):
    session = sessions.open()
    a = session.add(task("a"))
    with open(os.path.join(session.path, "index.txt"), "a") as file:
        file.write("Task.99")
    for each in (session, sessions.open()):
        assert len(each) == 1
        assert names(each) == ["a"]
    b = session.add(task("b"))
    assert index(session) == f"{a}\n{b}\n"


def test_tasks_is_a_mapping_like_a_list(sessions):
    session = sessions.open()
    ids = session.add_many(map(task, "abc"))
    tasks = session.tasks
    assert list(tasks) == ids
    assert len(tasks) == 3
    assert ids[0] in tasks
    assert "Task.4711" not in tasks
    assert tasks[ids[1]].jobname == "b"
    assert tasks.get("Task.4711") is None
    with pytest.raises(KeyError, match=r"Task\.4711"):
        tasks["Task.4711"]
    values = tasks.values()
    assert (values[0].jobname, values[-1].jobname, len(values)) == ("a", "c", 3)
    assert [each.jobname for each in values[1:]] == ["b", "c"]
    extra = task("d")
    values.extend([extra])
    assert values[3] is extra
    assert [each.jobname for each in values] == ["a", "b", "c", "d"]
    more = []
    more.extend(tasks.values())
    assert len(more) == len(tasks) == 3
    assert tasks.keys()[2] == ids[2]
    assert tasks.items()[1] == (ids[1], more[1])
    assert dict(tasks.items()).keys() == set(ids)
    with pytest.raises(IndexError):
        values[9]


def test_the_same_id_is_the_same_object(sessions):
    session = sessions.open()
    one = task("a")
    id_ = session.add(one)
    assert session.tasks[id_] is one
    assert next(iter(session)) is one
    assert session.load(id_) is one


def test_ids_are_plain_text(sessions):
    session = sessions.open()
    id_ = session.add(task("a"))
    assert {id_: 1}[str(id_)] == 1
    assert id_ in session
    assert session.tasks[id_] in session
    assert task("other") not in session


def test_the_context_saves_and_flushes(sessions):
    with sessions.open() as session:
        one = task("a", notes=[])
        id_ = session.add(one, flush=False)
        one.notes.append("changed in place")
        one.beta = 0.5
    again = sessions.open()
    again.store.invalidate_cache()
    assert again.tasks[id_].notes == ["changed in place"]
    assert again.counts(beta=0.5).total == 1


def test_save_all_saves_children_and_what_nobody_holds_any_more(sessions):
    session = sessions.open()
    id_ = session.add(Group(task("child", notes=[]), jobname="group"))
    again = sessions.open()
    again.store.invalidate_cache()
    again.tasks[id_]._owned()[0].notes.append(1)
    again.save_all()
    last = sessions.open()
    last.store.invalidate_cache()
    assert last.tasks[id_]._owned()[0].notes == [1]


def test_only_tasks_can_be_added(sessions):
    session = sessions.open()
    with pytest.raises(InvalidType, match="'text' cannot be added"):
        session.add("text")
    assert len(session) == 0


# many tasks


def test_adding_many_from_a_generator(sessions):
    session = sessions.open()
    ids = session.add_many(task(f"t{i}", beta=i) for i in range(2100))
    assert len(ids) == len(set(ids)) == len(session) == 2100
    assert index(session).split() == ids
    again = sessions.open()
    assert session.counts().total == again.counts().total == 2100
    assert [each.beta for each in again] == list(range(2100))


def test_what_came_before_a_task_that_cannot_be_saved_is_added(sessions):
    session = sessions.open()
    tasks = [task("a"), task("b"), task("bad", hook=lambda: None), task("c")]
    with pytest.raises(SaveError, match=r"bad.*hook"):
        session.add_many(tasks)
    assert names(sessions.open()) == ["a", "b"]
    assert session.counts().total == 2


def test_what_came_before_an_error_of_the_generator_is_added(sessions):
    def broken():
        yield task("a")
        raise ZeroDivisionError

    session = sessions.open()
    with pytest.raises(ZeroDivisionError):
        session.add_many(broken())
    assert names(session) == ["a"]
    assert session.counts().total == 1


def test_new_only_leaves_out_equal_work(sessions):
    session = sessions.open()
    assert len(session.add_many((task("t", beta=b) for b in (1, 2, 2)), new_only=True)) == 2
    new = session.add_many((task("t", beta=b) for b in (3, 1, 2, 3)), new_only=True)
    assert [session.tasks[id_].beta for id_ in new] == [3]
    assert len(session) == 3
    assert len(session.add_many([task("t", beta=1)])) == 1
    assert len(session) == 4


def test_a_task_that_cannot_be_saved_is_not_added(sessions):
    session = sessions.open()
    with pytest.raises(SaveError, match="hook"):
        session.add(task("bad", hook=lambda: None))
    assert (len(session), session.counts().total, index(session)) == (0, 0, "")


# asking


@pytest.fixture
def asked(sessions):
    """Tasks in various states."""
    session = sessions.open()
    new, running, done, bad = (
        task(name, beta=beta, kind=kind)
        for name, beta, kind in (("n", 1, "x"), ("r", 2, "x"), ("d", 3, "y"), ("b", 0.1, "y"))
    )
    running.execution.state = "RUNNING"
    done.execution.returncode = 0
    bad.execution.returncode = (0, 3)
    done.execution.state = bad.execution.state = "TERMINATED"
    new.tags = ["hot"]
    session.add_many([new, running, done, bad, Group(task("c"), jobname="g")])
    return session


FILTERS = [
    ({}, "nrdbc"),
    ({"tree": True}, "nrdbgc"),
    ({"leaf": False}, "g"),
    ({"state": "RUNNING"}, "r"),
    ({"state": ["RUNNING", "NEW"]}, "nrc"),
    ({"states": "TERMINATED"}, "db"),
    ({"state": "ok"}, "d"),
    ({"state": "FAILED"}, "b"),
    ({"state": ["failed", "NEW"]}, "nbc"),
    ({"state": ["failed", "ok"]}, "db"),
    ({"ok": True}, "d"),
    ({"failed": True}, "b"),
    ({"state": "TERMINATED", "returncode": 0}, "d"),
    ({"returncode": 768}, "b"),
    ({"returncode": (0, 3)}, "b"),
    ({"jobname": "[a-c]"}, "bc"),
    ({"tag": "hot"}, "n"),
    ({"held": True}, ""),
    ({"kind": "y"}, "db"),
    ({"kind": "x", "beta": 2}, "r"),
    ({"beta": 0.1}, "b"),
    ({"parameters": {"beta": 3}}, "d"),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS, ids=str)
def test_filters(asked, filters, expected):
    assert "".join(each.name for each in asked.summaries(**filters)) == expected
    assert "".join(each.jobname for each in asked.find(**filters)) == expected
    assert asked.counts(**filters).total == len(expected)


@pytest.mark.parametrize(("filters", "expected"), FILTERS, ids=str)
def test_filters_while_something_is_not_flushed(asked, filters, expected):
    asked.add(task("n", tags=["hot"], beta=1, kind="x"), flush=False)
    names = [each.name for each in asked.summaries(**filters)]
    assert len(names) == asked.counts(**filters).total
    assert set(names) == set(expected)


def test_counts(asked):
    counts = asked.counts()
    assert (counts.total, counts.ok, counts.failed) == (5, 1, 1)
    assert dict(counts.items()) == {
        "NEW": 2,
        "RUNNING": 1,
        "TERMINATED": 2,
        "ok": 1,
        "failed": 1,
        "total": 5,
    }
    assert counts["SUBMITTED"] == 0
    assert counts["FAILED"] == counts["failed"] == 1
    assert asked.counts(tree=True).total == 6
    with pytest.raises(InvalidValue, match=r"'RUNING'.*RUNNING"):
        counts["RUNING"]


def test_an_unknown_state_is_refused(asked):
    with pytest.raises(InvalidValue, match=r"'done', only NEW, SUBMITTED.*ok, failed"):
        asked.counts(state="done")


def test_a_table(asked):
    pytest.importorskip("pandas")
    table = asked.to_pandas(kind="y")
    assert list(table.columns) == [
        "beta",
        "kind",
        "result",
        "state",
        "returncode",
        "duration",
        "cpu_time",
        "memory",
        "jobname",
    ]
    assert table["beta"].tolist() == [3, 0.1]
    assert table["returncode"].tolist() == [0, 768]
    assert table["jobname"].tolist() == ["d", "b"]
    assert table.index.tolist() == [each.id for each in asked.summaries(kind="y")]
    assert list(asked.to_pandas(jobname="nobody")) == list(table.columns)[2:]


# sessions that share a store


def test_each_session_knows_its_own(sessions):
    one = sessions.open()
    two = sessions.open(str(sessions.directory / "two"), store_or_url=one.store)
    a = one.add(task("a"))
    b = two.add(task("b"))
    assert (one.list_ids(), two.list_ids()) == ({a}, {b})
    assert (one.counts().total, two.counts().total) == (1, 1)
    two.destroy()
    assert a in make_store(one.store)
    assert b not in one.store
    assert names(one) == ["a"]


def test_a_task_of_two_sessions(sessions):
    one = sessions.open()
    two = sessions.open(str(sessions.directory / "two"), store_or_url=one.store)
    shared = task("shared")
    one.add(shared)
    two.add(shared)
    two.add(task("own"))
    assert (names(one), names(two)) == (["shared"], ["shared", "own"])
    assert (one.counts().total, two.counts().total) == (1, 2)
    two.destroy()
    assert names(one) == ["shared"]
    assert one.counts().total == 1


# several objects, one session


def test_neither_loses_what_the_other_adds_and_removes(sessions):
    one = sessions.open()
    a, b = one.add_many(map(task, "ab"))
    two = sessions.open()
    assert len(two) == 2
    c = one.add(task("c"))
    d = two.add(task("d"), flush=False)
    two.forget(a, flush=False)
    e = one.add(task("e"))
    assert two.list_ids() == {b, c, d, e}
    two.flush()
    assert index(one) == f"{b}\n{c}\n{e}\n{d}\n"
    for each in (one, two, sessions.open()):
        assert list(each.tasks) == [b, c, e, d]
        assert each.counts().total == 4
        assert [s.id for s in each.summaries()] == [b, c, e, d]


def test_an_edited_index_is_believed(sessions):
    session = sessions.open()
    a, b, c = session.add_many(map(task, "abc"))
    with open(os.path.join(session.path, "index.txt"), "w") as file:
        file.write(f"{c}\n{a}\n")
    for each in (session, sessions.open()):
        assert [s.id for s in each.summaries()] == [c, a]
        assert each.counts().total == 2
        assert names(each) == ["c", "a"]
    session.load(b)
    assert [s.id for s in session.summaries()] == [c, a, b]


# temporary sessions


def test_a_temporary_session_is_all_that_is_in_a_store(sessions):
    session = sessions.open()
    a, b = session.add_many(map(task, "ab"))
    one = TemporarySession(session.store)
    assert one.list_ids() == {a, b}
    assert one.counts().total == 2
    c = one.add(task("c"))
    one.remove(a)
    assert sorted(session.store.list()) == sorted([b, c])
    path = one.path
    assert os.path.isdir(path)
    del one
    assert not os.path.exists(path)
    assert TemporarySession(session.store, task_ids=[c]).list_ids() == {c}
    with pytest.raises(ObjectNotFound, match="4711"):
        TemporarySession(session.store, task_ids=["Task.4711"])
