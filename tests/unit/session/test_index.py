"""The file that lists a session's tasks."""

from __future__ import annotations

import os

import pytest

from gc3libs.exceptions import DamagedStore
from gc3libs.session._index import Index


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "index.txt"
    file.touch()
    return file


def read(path):
    index = Index(path)
    index.refresh()
    return index


def ids(index):
    index.refresh()
    return list(index)


def test_appends_are_seen_by_others_at_the_cost_of_their_tail(path):
    one, two = read(path), read(path)
    one.append(["T.1", "T.2"])
    assert ids(two) == ["T.1", "T.2"]
    assert "T.2" in two
    one.append(["T.3"])
    assert ids(two) == ["T.1", "T.2", "T.3"]
    assert two.following("T.2", 5) == ["T.2", "T.3"]
    assert one.fingerprint == two.fingerprint == read(path).fingerprint


def test_the_fingerprint_to_come_is_known(path):
    index = read(path)
    index.append(["T.1"])
    coming = index.fingerprint_with(["T.2", "T.3"])
    index.append(["T.2", "T.3"])
    assert index.fingerprint == coming == read(path).fingerprint


def test_an_edit_in_place_is_seen(path):
    path.write_text("".join(f"T.{i}\n" for i in range(50)))
    index = read(path)
    inode = path.stat().st_ino
    with open(path, "r+") as file:
        file.write("".join(f"X.{i}\n" for i in range(100, 200)))
    assert path.stat().st_ino == inode
    assert ids(index) == [f"X.{i}" for i in range(100, 200)]
    assert "T.1" not in index


def test_a_shorter_file_is_read_anew(path):
    path.write_text("T.1\nT.2\n")
    index = read(path)
    path.write_text("T.9\n")
    assert ids(index) == ["T.9"]
    assert len(index) == 1


def test_removing_keeps_what_it_does_not_know(path):
    path.write_bytes(b"T.1\n\n caf\xe9\r\nT.2\n\xff\nT.3\ntorn")
    index = read(path)
    assert len(index) == 5
    index.remove(["T.2"])
    assert path.read_bytes() == b"T.1\ncaf\xe9\n\xff\nT.3\n"
    assert [os.fsencode(each) for each in index] == [b"T.1", b"caf\xe9", b"\xff", b"T.3"]
    assert index.following(os.fsdecode(b"\xff"), 2)[1] == "T.3"


def test_neighbours(path):
    path.write_text("".join(f"T.{i}\n" for i in range(30_000)))
    index = read(path)
    assert len(index) == 30_000
    assert list(index) == [f"T.{i}" for i in range(30_000)]
    assert index.following("T.29998", 3) == ["T.29998", "T.29999"]
    assert index.following("T.7", 2) == ["T.7", "T.8"]
    with pytest.raises(KeyError):
        index.following("T.30000", 1)


def test_iterating_goes_on_while_others_are_added(path):
    path.write_text("T.1\nT.2\n")
    index = read(path)
    iterator = iter(index)
    assert next(iterator) == "T.1"
    index.append(["T.3"])
    assert list(iterator) == ["T.2"]
    assert ids(index) == ["T.1", "T.2", "T.3"]


def test_permissions_stay(path):
    path.write_text("T.1\nT.2\n")
    path.chmod(0o640)
    read(path).remove(["T.1"])
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(path.parent) == ["index.txt"]


def test_a_missing_file_is_damage(path):
    index = read(path)
    path.unlink()
    path.with_name("store.url").write_text("file:jobs\n")
    with pytest.raises(DamagedStore, match=r"index\.txt is missing"):
        index.refresh()


def test_a_large_file_is_not_parsed_to_be_counted(path):
    path.write_text("".join(f"T.{i}\n" for i in range(30_000)))
    asked = []
    index = Index(path, lambda fingerprint: asked.append(fingerprint) or 30_000)
    index.refresh()
    assert len(index) == 30_000
    assert asked == [index.fingerprint]
    index.append(["T.30000"])
    assert list(index)[-1] == "T.30000"
    assert len(index) == 30_001
    assert Index(path).fingerprint == "0:00000000"
    assert read(path).fingerprint == index.fingerprint
