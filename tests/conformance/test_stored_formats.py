"""What earlier versions have written is read, and can be worked with."""

import pathlib
import runpy
import shutil

import pytest

from gc3libs.exceptions import LeaseLost
from gc3libs.persistence.factory import make_store
from gc3libs.persistence.record import Guard, Query, Record, Summary

FORMATS = pathlib.Path(__file__).parents[1] / "data" / "formats"
SCRIPT = runpy.run_path(str(FORMATS / "make_v1.py"))
SESSION = SCRIPT["SESSION"]


@pytest.fixture(params=["file:{}/jobs", "sqlite:{}/store.db"])
def store(request, tmp_path):
    shutil.copytree(FORMATS / "v1", tmp_path / "v1")
    with make_store(request.param.format(tmp_path / "v1")) as store:
        yield store


def test_records_of_format_1_are_read(store):
    expected = {}
    for record in SCRIPT["records"]():
        expected[record.id] = Record(
            summary=record.summary,
            revision=record.revision,
            version=record.version,
            details=record.details,
            payload=record.payload,
        )
    assert store._read(list(expected)) == expected
    assert list(store._ids()) == ["Application.1", "Sequence.2", "Application.1001"]
    assert list(store._summaries(Query(session=SESSION))) == [
        each.summary for each in expected.values()
    ]


def test_relations_and_blobs_of_format_1_are_read(store):
    assert store._read_children(["Sequence.2"]) == {
        "Sequence.2": ["Application.1001", "Application.1"]
    }
    assert store._read_blob("Application.1/result") == b"\x00result"
    assert store._read_blob("sha256/abc") == b"shared"


def test_sessions_of_format_1_are_read(store):
    new = Record(summary=Summary(id="Application.5000", cls="m:A"), revision=1)
    with pytest.raises(LeaseLost):
        store._write([new], guard=Guard(session=SESSION, epoch=6))
    store._write([new], guard=Guard(session=SESSION, epoch=7))
    if store.mirrors_sessions:
        assert store._stamp(SESSION) == "stamp"


def test_numbers_of_format_1_are_not_given_again(store):
    assert store._reserve(1) == 1002
