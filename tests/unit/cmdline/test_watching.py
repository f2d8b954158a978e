"""Watching directories."""

from __future__ import annotations

import select
import sys

import pytest

from gc3libs.cmdline._watching import LONG_PAUSE, PAUSE, QUIET, Alarm, Bell, Event, Inboxes
from gc3libs.testing import VirtualClock


@pytest.fixture
def inbox(tmp_path):
    made = tmp_path / "inbox"
    made.mkdir()
    return made


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def inboxes(inbox, tmp_path, clock):
    return Inboxes([str(inbox)], tmp_path / "memory.json", clock)


def dealt_with(inboxes):
    events = inboxes.look()
    for event in events:
        inboxes.settle(event)
    return events


def after_a_while(inboxes, clock):
    assert dealt_with(inboxes) == []
    clock.sleep(QUIET)
    return dealt_with(inboxes)


def test_a_file_counts_once_it_does_not_change_any_more(inbox, inboxes, clock):
    path = inbox / "file"
    path.write_text("a")
    assert inboxes.look() == []
    assert inboxes.due_in == QUIET
    clock.sleep(QUIET / 2)
    path.write_text("ab")
    assert inboxes.look() == []
    clock.sleep(QUIET / 2)
    assert inboxes.look() == []
    clock.sleep(QUIET / 2)
    assert dealt_with(inboxes) == [Event("created", str(inbox), str(path))]
    assert inboxes.due_in == float("inf")
    assert inboxes.look() == []


def test_changes_and_removals_are_told(inbox, inboxes, clock):
    path = inbox / "sub" / "file"
    path.parent.mkdir()
    path.write_text("a")
    after_a_while(inboxes, clock)
    path.write_text("abc")
    assert after_a_while(inboxes, clock) == [Event("modified", str(inbox), str(path))]
    path.unlink()
    assert dealt_with(inboxes) == [Event("deleted", str(inbox), str(path))]
    assert inboxes.look() == []


def test_a_file_that_goes_before_it_is_complete_never_was(inbox, inboxes, clock):
    path = inbox / "file"
    path.write_text("a")
    inboxes.look()
    path.unlink()
    clock.sleep(QUIET)
    assert inboxes.look() == []
    assert inboxes.due_in == float("inf")


def test_hidden_files_and_dangling_links_do_not_count(inbox, inboxes, clock):
    (inbox / ".hidden").write_text("a")
    (inbox / ".git").mkdir()
    (inbox / ".git" / "file").write_text("a")
    (inbox / "link").symlink_to("nowhere")
    assert after_a_while(inboxes, clock) == []


def test_what_was_dealt_with_is_remembered(inbox, inboxes, tmp_path, clock):
    (inbox / "first").write_text("a")
    after_a_while(inboxes, clock)
    inboxes.remember()
    (inbox / "second").write_text("b")
    anew = Inboxes([str(inbox)], tmp_path / "memory.json", clock)
    assert [each.path for each in after_a_while(anew, clock)] == [str(inbox / "second")]


def test_a_memory_that_cannot_be_read_is_no_obstacle(inbox, tmp_path, clock, caplog):
    (tmp_path / "memory.json").write_text("{")
    (inbox / "file").write_text("a")
    inboxes = Inboxes([str(inbox)], tmp_path / "memory.json", clock)
    assert len(after_a_while(inboxes, clock)) == 1
    assert "cannot be read" in caplog.text


def test_a_bell_wakes_whoever_waits():
    bell = Bell()
    assert select.select([bell], [], [], 0)[0] == []
    bell.ring()
    bell.ring()
    assert select.select([bell], [], [], 0)[0] == [bell]
    bell.silence()
    bell.silence()
    assert select.select([bell], [], [], 0)[0] == []
    bell.close()


PATIENCE = 60.0


@pytest.fixture
def bell():
    made = Bell()
    yield made
    made.close()


@pytest.mark.parametrize("below", ["", "sub/"])
def test_the_system_tells_of_changes_at_once(inbox, bell, below):
    """Fails if watchdog's observer is not started: nobody looks for a minute then."""
    pytest.importorskip("watchdog")
    (inbox / "sub").mkdir()
    alarm = Alarm([str(inbox)], bell.ring)
    assert alarm.pause == LONG_PAUSE
    (inbox / f"{below}file").write_text("a")
    assert select.select([bell], [], [], PATIENCE)[0] == [bell]
    alarm.close()
    bell.silence()
    (inbox / "other").write_text("a")
    assert select.select([bell], [], [], 0)[0] == []


@pytest.mark.parametrize("why", ["no watchdog", "network"])
def test_where_the_system_does_not_tell_one_has_to_look(inbox, bell, why, monkeypatch):
    if why == "network":
        monkeypatch.setattr("gc3libs.cmdline._watching.is_local", lambda path: False)
    else:
        monkeypatch.setitem(sys.modules, "watchdog.observers", None)
    alarm = Alarm([str(inbox)], bell.ring)
    assert alarm.pause == PAUSE
    alarm.close()
