"""Asking for what has happened to files."""

import time

import pytest

from gc3libs.cmdline._watching import QUIET
from gc3libs.exceptions import InvalidArgument
from gc3libs.poller import make_poller
from gc3libs.url import Url


def events(poller):
    """What has happened, once the files are at rest."""
    assert list(poller.get_new_events()) == []
    time.sleep(QUIET)
    return list(poller.get_new_events())


def test_files_that_come_change_and_go_are_reported_once(tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    path = inbox / "file"
    path.write_text("a")
    poller = make_poller(inbox)
    assert events(poller) == [(Url(path), "created")]
    path.write_text("ab")
    assert events(poller) == [(Url(path), "modified")]
    path.unlink()
    assert list(poller.get_new_events()) == [(Url(path), "deleted")]
    assert list(poller.get_new_events()) == []


def test_directories_are_watched_as_long_as_one_wants(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    poller = make_poller(str(tmp_path / "a"))
    poller.watch(Url(tmp_path / "b"))
    poller.unwatch(tmp_path / "a")
    assert events(poller) == [(Url(tmp_path / "b/file"), "created")]


def test_only_this_machine_can_be_watched():
    with pytest.raises(InvalidArgument, match="no directory of this machine"):
        make_poller("swift://host/container")
