"""Files and directories that may be read only, seen by somebody who is not root."""

import os
import pathlib
import pickle
import shutil
import tempfile

import pytest

from gc3libs.exceptions import StoreUnavailable
from gc3libs.persistence import Persistable, make_store
from gc3libs.persistence.record import Record, Summary

NOBODY = 65534
RECORD = Record(summary=Summary(id="Thing.1", cls="m:Thing"), revision=1, payload=b"p")
ANOTHER = Record(summary=Summary(id="Thing.2", cls="m:Thing"), revision=1, payload=b"p")


@pytest.fixture
def place():
    """A directory that everybody may enter."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="gc3libs-test-"))
    path.chmod(0o755)
    yield path
    for each in [path, *path.rglob("*")]:
        if each.is_dir():
            each.chmod(0o755)
    shutil.rmtree(path)


def as_nobody(function):
    """What the function returns, or raises, in a process without root's privileges."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.getuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            try:
                outcome = function()
            except StoreUnavailable as err:
                outcome = err
            os.write(writing, pickle.dumps(outcome))
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        outcome = pickle.loads(file.read())
    os.waitpid(pid, 0)
    return outcome


def protect(path):
    for each in [path, *path.rglob("*")]:
        each.chmod(0o555 if each.is_dir() else 0o444)


@pytest.mark.parametrize("url", ["file:{}/jobs", "sqlite:{}/store.db"])
def test_a_protected_store_is_read(place, url):
    url = url.format(place)
    with make_store(url) as store:
        store._write([RECORD])
    protect(place)

    def read():
        with make_store(url) as store:
            return store._read(["Thing.1"])

    assert as_nobody(read) == {"Thing.1": RECORD}


@pytest.mark.parametrize("url", ["file:{}/jobs", "sqlite:{}/store.db"])
def test_a_protected_store_is_not_written(place, url):
    url = url.format(place)
    with make_store(url) as store:
        store._write([RECORD])
    protect(place)

    def write():
        with make_store(url) as store:
            store._write([ANOTHER])

    error = as_nobody(write)
    assert isinstance(error, StoreUnavailable)
    assert str(place) in str(error)
    with make_store(url) as store:
        assert list(store._ids()) == ["Thing.1"]


@pytest.mark.parametrize("url", ["file:{}/jobs", "sqlite:{}/store.db"])
def test_a_store_is_not_made_in_a_protected_directory(place, url):
    protect(place)
    error = as_nobody(lambda: make_store(url.format(place)).url)
    assert isinstance(error, StoreUnavailable)
    assert f"{place} may not be written" in str(error) or f"{place}: may not" in str(error)
    assert list(place.iterdir()) == []


def test_a_log_that_cannot_be_read_is_an_error_and_not_ignored(place):
    path = place / "store.db"
    store = make_store(f"sqlite:{path}")
    store._write([RECORD])
    store._write([ANOTHER])
    copy = place / "copy"
    copy.mkdir()
    shutil.copy(path, copy)
    shutil.copy(f"{path}-wal", copy)
    store.close()
    protect(copy)
    error = as_nobody(lambda: list(make_store(f"sqlite:{copy}/store.db")._ids()))
    assert isinstance(error, StoreUnavailable)
    assert f"{copy}/store.db" in str(error)


def test_what_could_not_be_saved_can_be_saved_later(place):
    place.chmod(0o777)

    def work():
        store = make_store(f"file:{place}/jobs")
        first = Persistable()
        store.save(first)
        records = place / "jobs" / "00"
        records.chmod(0o555)
        first.step = 1
        new = Persistable()
        try:
            store.save_many([first, new])
            return "saved"
        except StoreUnavailable:
            pass
        records.chmod(0o755)
        first.step = 2
        ids = store.save_many([first, new])
        with make_store(f"file:{place}/jobs") as other:
            return ids, other.list(), other.load(ids[0]).step

    ids, listed, step = as_nobody(work)
    assert listed == ids
    assert step == 2
