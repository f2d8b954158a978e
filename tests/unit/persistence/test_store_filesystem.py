"""What is particular to stores in files."""

import errno
import logging
import os
import subprocess
import sys

import pytest

from gc3libs import _atomic
from gc3libs.exceptions import Conflict, LoadError, NewerFormat, StoreUnavailable
from gc3libs.persistence.filesystem import FilesystemStore
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
