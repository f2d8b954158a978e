"""Files are replaced as a whole, and names are given once."""

import errno
import os
import signal
import stat
import threading

import pytest

from gc3libs import _atomic


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_as_a_whole(tmp_path, durable):
    path = tmp_path / "file"
    _atomic.write_file(path, "naïve", durable=durable)
    os.chmod(path, 0o640)
    with open(path, "rb") as before:
        _atomic.write_file(path, b"new", durable=durable)
        assert before.read() == "naïve".encode()
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["file"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "directory"
    path.mkdir()
    (path / "inside").touch()
    with pytest.raises(OSError):
        _atomic.write_file(path, b"new")
    assert os.listdir(tmp_path) == ["directory"]


def killed_while_writing(path):
    """Have a process be killed right before it gives the file its name; what it has left."""
    before = set(path.parent.iterdir())
    pid = os.fork()
    if pid == 0:
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)
        _atomic.write_file(path, b"half")
    os.waitpid(pid, 0)
    (left,) = set(path.parent.iterdir()) - before
    return left


def test_what_killed_writers_have_left_is_removed_by_a_later_one(tmp_path):
    mine = tmp_path / ".mine.new"
    mine.touch()
    path = tmp_path / "file"
    late, fresh = (killed_while_writing(path) for _ in range(2))
    of_another = killed_while_writing(tmp_path / "another")
    for each in (late, of_another, mine):
        os.utime(each, (0, 0))
    _atomic.write_file(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert set(tmp_path.iterdir()) == {path, fresh, mine}


def test_a_directory_that_cannot_be_listed_is_written_all_the_same(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "no", path)

    monkeypatch.setattr(os, "listdir", refuse)
    _atomic.write_file(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_the_longest_name_can_be_written(tmp_path):
    _atomic.write_file(tmp_path / ("x" * 255), b"data")
    assert os.listdir(tmp_path) == ["x" * 255]


@pytest.mark.parametrize("system_call", [True, False])
def test_a_new_name_is_given_once(tmp_path, monkeypatch, system_call):
    if not system_call:
        monkeypatch.setattr(_atomic, "_libc_function", lambda name: None)
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        for name in ("a", "b"):
            (tmp_path / name).write_text(name)
        _atomic.rename_new("a", "target", source_directory=fd, directory=fd)
        with pytest.raises(FileExistsError):
            _atomic.rename_new("b", "target", source_directory=fd, directory=fd)
    finally:
        os.close(fd)
    assert (tmp_path / "target").read_text() == "a"
    assert sorted(os.listdir(tmp_path)) == ["b", "target"]


def test_a_lock_is_held_by_one(tmp_path):
    order = []
    entered = threading.Event()

    def second():
        entered.set()
        with _atomic.locked(tmp_path / "lock"):
            order.append("second")

    with _atomic.locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_filesystem_can_be_synced_with_and_without_the_system_call(tmp_path, monkeypatch):
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        _atomic.sync_filesystem(fd)
        synced = []
        monkeypatch.setattr(_atomic, "_libc_function", lambda name: None)
        monkeypatch.setattr(os, "sync", lambda: synced.append(True))
        _atomic.sync_filesystem(fd)
        assert synced == [True]
    finally:
        os.close(fd)
    with pytest.raises(OSError):
        monkeypatch.undo()
        _atomic.sync_filesystem(fd)


@pytest.mark.parametrize("system_call", [True, False])
def test_reserved_room_does_not_show(tmp_path, monkeypatch, system_call):
    if not system_call:
        monkeypatch.setattr(_atomic, "_libc_function", lambda name: None)
    path = tmp_path / "file"
    path.write_bytes(b"data")
    with open(path, "r+b") as file:
        _atomic.reserve(file.fileno(), 1 << 20)
    assert path.read_bytes() == b"data"


def test_room_that_there_is_not_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(_atomic, "_libc_function", lambda name: lambda *args: -1)
    monkeypatch.setattr(_atomic, "_errno", lambda: errno.ENOSPC)
    with open(tmp_path / "file", "wb") as file, pytest.raises(OSError, match="No space left"):
        _atomic.reserve(file.fileno(), 1)
