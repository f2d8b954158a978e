"""What is particular to stores in files."""

import errno
import logging
import os
import subprocess
import sys

import pytest
from msgspec.structs import replace

from gc3libs import _atomic
from gc3libs.exceptions import Conflict, LoadError, NewerFormat, StoreUnavailable
from gc3libs.persistence.filesystem import FilesystemStore
from gc3libs.persistence.frame import LIST_HEAD
from gc3libs.persistence.places import blob_place, epoch_name, place_of
from gc3libs.persistence.record import Query, Record, Summary
from gc3libs.persistence.tree import Tree


def record_of(number, revision=1, payload=b"p" * 100, **facts):
    facts.setdefault("id", f"Thing.{number}")
    return Record(summary=Summary(cls="m:Thing", **facts), revision=revision, payload=payload)


@pytest.fixture
def store(tmp_path):
    with FilesystemStore(tmp_path / "jobs") as store:
        yield store


def files_in(directory):
    return sorted(
        str(each.relative_to(directory)) for each in directory.rglob("*") if each.is_file()
    )


def test_nothing_is_made_before_the_first_save(tmp_path):
    with FilesystemStore(tmp_path / "jobs") as store:
        assert list(store.list()) == list(store.summaries()) == store.counts() == []
        assert store._read(["Thing.1"]) == {}
        store.flush()
    assert list(tmp_path.iterdir()) == []


def test_each_record_is_a_file_among_at_most_a_thousand(store):
    store._write([record_of(7), record_of(1007), record_of(123456)])
    assert files_in(store.path) == ["00/Thing.7", "01/Thing.1007", "123/Thing.123456", "store"]


@pytest.mark.parametrize("size", [0, 20, 200])
def test_a_file_cut_short_is_named(store, size, caplog):
    store._write([record_of(1), record_of(2)])
    path = store.path / "00" / "Thing.1"
    total = path.stat().st_size
    os.truncate(path, size)
    found = store._read(["Thing.1", "Thing.2"])
    assert isinstance(found["Thing.2"], Record)
    error = found["Thing.1"]
    assert isinstance(error, LoadError)
    assert str(path) in str(error)
    assert f"ends after {size}" in str(error)
    if size == 200:
        assert f"it ends after 200 of {total} bytes" in str(error)
    assert "Thing.2" in [each.id for each in store._summaries(Query())]


@pytest.mark.parametrize("at", range(0, 300, 7))
def test_a_changed_byte_is_noticed(store, at):
    store._write([record_of(1)])
    path = store.path / "00" / "Thing.1"
    content = bytearray(path.read_bytes())
    content[at] ^= 0x40
    path.write_bytes(content)
    assert isinstance(store._read(["Thing.1"])["Thing.1"], LoadError)


def test_damaged_summaries_are_left_out_and_logged(store, caplog):
    store._write([record_of(1), record_of(2)])
    (store.path / "00" / "Thing.1").write_bytes(b"rubbish" * 30)
    with caplog.at_level(logging.WARNING):
        assert [each.id for each in store._summaries(Query())] == ["Thing.2"]
    assert "Thing.1" in caplog.text
    assert list(store._ids()) == ["Thing.1", "Thing.2"]


def test_a_record_under_another_name_is_noticed(store):
    store._write([record_of(1)])
    os.rename(store.path / "00" / "Thing.1", store.path / "00" / "Thing.2")
    assert "holds the record of 'Thing.1'" in str(store._read(["Thing.2"])["Thing.2"])


def test_links_do_not_lead_out_of_the_store(store, tmp_path):
    store._write([record_of(1), record_of(2), record_of(1001)])
    outside = tmp_path / "outside"
    outside.mkdir()
    os.rename(store.path / "00" / "Thing.1", outside / "Thing.1")
    os.symlink(outside / "Thing.1", store.path / "00" / "Thing.1")
    os.rename(store.path / "01", outside / "01")
    os.symlink(outside / "01", store.path / "01")
    found = store._read(["Thing.1", "Thing.2", "Thing.1001"])
    assert isinstance(found["Thing.1"], LoadError)
    assert isinstance(found["Thing.1001"], LoadError)
    assert isinstance(found["Thing.2"], Record)
    assert "Thing.1001" not in list(store._ids())
    with pytest.raises(StoreUnavailable):
        store._write([record_of(1002)])
    assert os.listdir(outside / "01") == ["Thing.1001"]


def test_other_peoples_files_are_ignored(store):
    store._write([record_of(1)])
    (store.path / "README").write_text("hello")
    (store.path / "00" / "Thing.1~").write_text("backup")
    (store.path / "notes").mkdir()
    assert list(store._ids()) == ["Thing.1"]


def test_numbers_stay_unique_without_the_state_file(store):
    first = store._reserve(10)
    store._write([record_of(first + 9)])
    for damage in (b"", b"gc3libs store, format 00001\nnext 0000000000000", None):
        state = store.path / "store"
        state.unlink()
        if damage is not None:
            state.write_bytes(damage)
        with FilesystemStore(store.path) as other:
            assert other._reserve(1) > first + 9


def test_numbers_stay_unique_with_an_old_state_file(store):
    first = store._reserve(1)
    state = (store.path / "store").read_bytes()
    store._write([record_of(store._reserve(5) + 4)])
    (store.path / "store").write_bytes(state)
    with FilesystemStore(store.path) as other:
        assert other._reserve(1) == first + 6


def test_a_new_record_never_takes_anothers_place(store, monkeypatch):
    store._write([record_of(1)])
    monkeypatch.setattr(FilesystemStore, "_check_new", lambda *args: None)
    with pytest.raises(Conflict):
        store._write([record_of(1, payload=b"other")])
    assert store._read(["Thing.1"])["Thing.1"].payload == b"p" * 100
    assert files_in(store.path) == ["00/Thing.1", "store"]


def test_links_do_where_renaming_must_not_replace(tmp_path, monkeypatch):
    monkeypatch.setattr(_atomic, "_libc_function", lambda name: None)
    test_a_new_record_never_takes_anothers_place_in(tmp_path, monkeypatch)


def test_a_new_record_never_takes_anothers_place_in(tmp_path, monkeypatch):
    with FilesystemStore(tmp_path / "jobs") as store:
        test_a_new_record_never_takes_anothers_place(store, monkeypatch)


def test_a_newer_format_is_refused(store):
    store._reserve(1)
    state = store.path / "store"
    state.write_bytes(state.read_bytes().replace(b"format 00001", b"format 00099"))
    with pytest.raises(NewerFormat):
        FilesystemStore(store.path)
    with pytest.raises(NewerFormat):
        store._write([record_of(1)])


def test_files_of_a_killed_writer_are_removed(store):
    store._write([record_of(1)])
    with Tree(store.path) as tree:
        tree.write_new("new.Thing.2", b"half a rec")
    assert list(store._ids()) == ["Thing.1"]
    store._write([record_of(3)])
    assert files_in(store.path) == ["00/Thing.1", "00/Thing.3", "store"]


def test_a_batch_that_a_kill_interrupted_is_completed(store):
    code = (
        "import os, sys\n"
        "from gc3libs.persistence.tree import Tree\n"
        "from gc3libs.persistence.filesystem import FilesystemStore\n"
        "from gc3libs.testing._stores import record_of\n"
        "moved = []\n"
        "place = Tree.place\n"
        "def one(*args, **kwargs):\n"
        "    if moved:\n"
        "        os.kill(os.getpid(), 9)\n"
        "    moved.append(place(*args, **kwargs))\n"
        "Tree.place = one\n"
        "FilesystemStore(sys.argv[1])._write([record_of(1, 2), record_of(2), record_of(3)])\n"
    )
    store._write([record_of(1)])
    subprocess.run([sys.executable, "-c", code, str(store.path)], check=False, timeout=60)
    assert (store.path / "commit").is_dir()
    store._reserve(1)
    found = store._read(["Thing.1", "Thing.2", "Thing.3"])
    assert {id_: record.revision for id_, record in found.items()} == {
        "Thing.1": 2,
        "Thing.2": 1,
        "Thing.3": 1,
    }
    assert not (store.path / "commit").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("after", [0, 2])
def test_a_full_disk_is_reported_and_loses_nothing(store, monkeypatch, code, after):
    store._write([record_of(1)])
    write_all = _atomic.write_all
    left = [after]

    def failing(fd, data):
        if left[0] == 0:
            raise OSError(code, os.strerror(code))
        left[0] -= 1
        write_all(fd, data)

    monkeypatch.setattr(_atomic, "write_all", failing)
    with pytest.raises(StoreUnavailable, match=os.strerror(code)):
        store._write([record_of(1, 2), record_of(2), record_of(3)], durable=True)
    monkeypatch.undo()
    assert files_in(store.path) == ["00/Thing.1", "store"]
    store._write([record_of(1, 2), record_of(2), record_of(3)])
    assert len(list(store._ids())) == 3


def test_too_many_open_files_are_reported(store):
    store._write([record_of(1)])
    code = (
        "import resource, sys\n"
        "from gc3libs.exceptions import StoreUnavailable\n"
        "from gc3libs.persistence.filesystem import FilesystemStore\n"
        "store = FilesystemStore(sys.argv[1])\n"
        "store._read(['Thing.1'])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))\n"
        "try:\n"
        "    store._read(['Thing.1'])\n"
        "except StoreUnavailable as err:\n"
        "    print(err)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(store.path)], capture_output=True, text=True, check=False
    )
    assert "Too many open files" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "key",
    ["Thing.17/result", "sha256/abc", "x" * 400, "Thing.2/" + "☃" * 100, "../..", "Thing.1/.."],
)
def test_names_on_their_way_tell_where_files_belong(key):
    directory, name = blob_place(key)
    assert place_of(f"blob.{name}") == (directory, name)
    assert "/" not in name
    assert len(os.fsencode(f"blob.{name}")) < 256
    assert ".." not in directory


def test_epochs_stay_in_their_directory():
    assert "/" not in epoch_name("../../x")
    assert epoch_name("..") != ".."


def test_a_damaged_blob_is_named(store):
    store._write([record_of(1)], blobs={"Thing.1/result": b"data"})
    path = store.path.joinpath(*blob_place("Thing.1/result"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(LoadError, match="blobs/00"):
        store._read_blob("Thing.1/result")


# relations


@pytest.fixture
def owner(store):
    """A store in which Thing.1 owns three others."""
    store._write([record_of(number) for number in (2, 3, 1004)])
    children = ["Thing.2", "Thing.3", "Thing.1004"]
    store._write([replace(record_of(1), children=children)], durable=True)
    return store


def add(store, revision, *children, start=3):
    store._write([replace(record_of(1, revision), children=children, children_from=start)])


def relation_file(store):
    return store.path / "children" / "00" / "Thing.1"


def test_a_child_whose_file_is_lost_is_missed(owner):
    (owner.path / "00" / "Thing.3").unlink()
    assert owner.children("Thing.1") == ["Thing.2", "Thing.3", "Thing.1004"]
    assert owner.owners_of(["Thing.3"]) == {"Thing.3": ["Thing.1"]}


def test_a_removed_child_is_not_missed(owner):
    (owner.path / "00" / "Thing.3").unlink()
    owner.remove_many(["Thing.3", "Thing.1004"], durable=True)
    with FilesystemStore(owner.path) as other:
        assert other.children("Thing.1") == ["Thing.2"]
        add(other, 2, "Thing.2", start=1)
    assert owner.children("Thing.1") == ["Thing.2", "Thing.2"]


def test_a_removal_that_was_interrupted_removes_nothing(owner, monkeypatch):
    monkeypatch.setattr(Tree, "remove", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        owner.remove_many(["Thing.2"])
    monkeypatch.undo()
    assert owner.children("Thing.1") == ["Thing.2", "Thing.3", "Thing.1004"]
    with (owner.path / "children" / "00" / "removed").open("ab") as file:
        file.write(b"gc3li")
    owner.remove_many(["Thing.2"])
    assert owner.children("Thing.1") == ["Thing.3", "Thing.1004"]


def test_a_new_child_is_added_to_the_file(owner):
    before = relation_file(owner).stat()
    content = relation_file(owner).read_bytes()
    owner._write([record_of(5), record_of(6)])
    add(owner, 2, "Thing.5")
    add(owner, 3, "Thing.6", start=4)
    assert owner.children("Thing.1") == ["Thing.2", "Thing.3", "Thing.1004", "Thing.5", "Thing.6"]
    assert relation_file(owner).stat().st_ino == before.st_ino
    assert content[LIST_HEAD:] in relation_file(owner).read_bytes()
    with FilesystemStore(owner.path) as other:
        add(other, 4, "Thing.5", start=5)
    add(owner, 5, "Thing.6", start=6)
    assert owner.children("Thing.1")[4:] == ["Thing.6", "Thing.5", "Thing.6"]
    add(owner, 6, "Thing.3", start=1)
    assert owner.children("Thing.1") == ["Thing.2", "Thing.3"]


@pytest.mark.parametrize("half", [False, True])
def test_an_addition_that_a_kill_interrupted_is_completed(owner, half):
    code = (
        "import os, sys\n"
        "from msgspec.structs import replace\n"
        "from gc3libs.persistence.tree import Tree\n"
        "from gc3libs.persistence.filesystem import FilesystemStore\n"
        "from gc3libs.testing._stores import record_of\n"
        "append = Tree.append\n"
        "def killed(self, place, at, data, **options):\n"
        "    if sys.argv[2]:\n"
        "        data, options = data[:20], {'durable': True}\n"
        "    append(self, place, at, data, **options)\n"
        "    os.kill(os.getpid(), 9)\n"
        "Tree.append = killed\n"
        "record = replace(record_of(1, 2), children=['Thing.2'], children_from=3)\n"
        "FilesystemStore(sys.argv[1])._write([record])\n"
    )
    command = [sys.executable, "-c", code, str(owner.path), "half" if half else ""]
    subprocess.run(command, check=False, timeout=60)
    assert (owner.path / "commit" / "append.Thing.1").exists()
    children = ["Thing.2", "Thing.3", "Thing.1004"]
    assert owner.children("Thing.1") == (children if half else [*children, "Thing.2"])
    owner._reserve(1)
    assert owner.children("Thing.1") == [*children, "Thing.2"]
    assert owner.record("Thing.1").revision == 2
    assert not (owner.path / "commit").exists()


def test_what_was_not_added_to_the_end_is_no_damage(owner):
    children = owner.children("Thing.1")
    with relation_file(owner).open("ab") as file:
        file.write(b"gc3libs\n and no more")
    assert owner.children("Thing.1") == children
    add(owner, 2, "Thing.2", start=len(children))
    assert owner.children("Thing.1") == [*children, "Thing.2"]


def test_a_damaged_relation_is_named(owner):
    content = relation_file(owner).read_bytes()
    relation_file(owner).write_bytes(content[:-1])
    with pytest.raises(LoadError, match=r"children/00/Thing\.1.*ends after"):
        owner.children("Thing.1")
    relation_file(owner).unlink()
    with pytest.raises(LoadError, match=r"children/00/Thing\.1.*is gone"):
        owner.children("Thing.1")
    relation_file(owner).write_bytes(b"rubbish")
    with pytest.raises(LoadError, match=r"children/00/Thing\.1"):
        add(owner, 2, "Thing.2")
    assert owner.record("Thing.1").revision == 1


def test_an_addition_is_not_begun_on_a_full_disk(owner, monkeypatch):
    def full(fd, size):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(_atomic, "reserve", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        add(owner, 2, "Thing.2")
    monkeypatch.undo()
    assert owner.record("Thing.1").revision == 1
    add(owner, 2, "Thing.2")
    assert owner.children("Thing.1")[3:] == ["Thing.2"]
