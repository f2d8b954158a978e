"""The journal says after any cut what was started and how it ended, and does not grow for ever."""

import os

import pytest

from gc3libs.backends.local.supervisor import journal, recovery
from gc3libs.backends.local.supervisor.journal import Header, Journal
from gc3libs.backends.local.supervisor.records import Record, quote, unquote

LINES = (
    "S T.1\n",
    "S T.2\n",
    "T T.1 5.25 1000.5 scratch/1 /a%20b >\n",
    "P T.1 4711\n",
    "E T.1 1792 1001.5 0.25 5000 1 jobs/T.1 walltime of 1 s\n",
)


@pytest.fixture
def header(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Header("boot", 4242, 99, "1:2")


@pytest.fixture
def book(header):
    opened = Journal(header, {})
    yield opened
    opened.close({"kept": None})


def states(records):
    return {token: record.state for token, record in records.items()}


def test_what_was_written_is_read(book):
    assert all(book.append(line) for line in LINES)
    assert book.sync()
    found, records = journal.read()
    assert (found.boot, found.pid, found.start, found.place) == ("boot", 4242, 99, "1:2")
    assert states(records) == {"T.1": "E", "T.2": "S"}
    ended = records["T.1"]
    assert (ended.status, ended.started, ended.ended, ended.cpu) == (1792, 1000.5, 1001.5, 0.25)
    assert (ended.memory, ended.bound, ended.pid) == (5000, True, 4711)
    assert (ended.directory, ended.streams) == ("jobs/T.1", "/a%20b >")
    assert ended.reason == "walltime of 1 s"


def test_a_line_that_was_cut_short_was_not_written(header):
    whole = header.line() + "".join(LINES)
    for size in range(len(whole) + 1):
        with open(journal.FILE, "w") as file:
            file.write(whole[:size])
        _, records = journal.read()
        expected = {}
        for line in whole[:size].split("\n")[1:-1]:
            expected[line.split()[1]] = line[0]
        assert states(records) == expected


def test_no_journal_is_an_empty_one(header):
    assert journal.read() == (None, {})


def test_rewriting_loses_nothing(book):
    for line in (*LINES, "R T.3 cancelled\n", "S T.4\n", "T T.4 1.0 2.0 - . .\n", "P T.4 1\n"):
        book.append(line)
    book.append("L T.4 jobs/T.4 it was lost\nS T.5\nF T.5\nT T.6 1.0 2.0 - . .\n")
    _, before = journal.read()
    book.rewrite(before)
    _, after = journal.read()
    assert {token: record.report() for token, record in after.items()} == {
        token: record.report() for token, record in before.items()
    }
    assert states(after) == {"T.1": "E", "T.2": "S", "T.3": "R", "T.4": "L", "T.6": "T"}


def test_it_does_not_grow_for_ever(book):
    kept = {"kept": Record("kept", "R")}
    book.append("R kept \n")
    for number in range(60_000):
        book.append(f"S T.{number}\nT T.{number} 1.0 2.0 - . .\nF T.{number}\n")
        book.compact(kept)
    assert os.path.getsize(journal.FILE) < 2_000_000
    book.append("S later\n")
    assert states(journal.read()[1]) == {"kept": "R", "later": "S"}


def test_what_cannot_be_written_now_is_written_later(book, monkeypatch):

    def full(_fd, _data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        assert not book.append("S T.1\n")
        assert not book.sync()
    assert journal.read()[1] == {}
    assert book.append("S T.2\n")
    assert states(journal.read()[1]) == {"T.1": "S", "T.2": "S"}


def test_an_empty_one_is_removed(header):
    Journal(header, {}).close({})
    assert os.listdir() == []


def records_of(*lines):
    with open(journal.FILE, "w") as file:
        file.write("".join(lines))
    return journal.read()[1]


def test_in_the_same_life_of_the_machine_it_is_known_what_started(header):
    records = records_of(*LINES[:4], "T T.3 6.0 1000.0 - . .\n", "S T.4\n")
    recovery.settle(Header("boot", 2**22 + 1, 1, "1:2"), header, records)
    assert states(records) == {"T.1": "L", "T.2": "R", "T.3": "L", "T.4": "R"}
    assert {record.reason for record in records.values()} == {"the supervisor was killed"}


@pytest.mark.parametrize(
    ("old", "reason"),
    [
        (Header("other", 1, 1, "1:2"), "the machine was rebooted"),
        (Header("boot", 1, 1, "7:7"), "copy"),
    ],
)
def test_after_a_reboot_or_in_a_copy_all_that_was_announced_is_lost(header, old, reason):
    records = records_of(*LINES, "R T.3 \n")
    recovery.settle(old, header, records)
    assert states(records) == {"T.1": "E", "T.2": "L", "T.3": "R"}
    assert reason in records["T.2"].reason


def test_files_of_a_lost_job_are_kept_under_its_name(header):
    os.makedirs("scratch/1")
    os.makedirs("scratch/2")
    with open("scratch/1/x", "w") as file:
        file.write("x")
    records = records_of("T T.1 5.0 1.0 scratch/1 . .\n", "T T.2 5.0 1.0 scratch/2 . .\n")
    recovery.settle(Header("other", 1, 1, "1:2"), header, records)
    assert [records[token].directory for token in ("T.1", "T.2")] == ["jobs/T.1", ""]
    assert os.listdir("jobs/T.1") == ["x"]
    assert os.listdir("scratch") == []


@pytest.mark.parametrize("name", ["plain", "a b", "a\nb", "100%", "%20", "é\udcff%0A \n"])
def test_names_are_one_word(name):
    assert unquote(quote(name)) == name
    assert not set(quote(name)) & {" ", "\n"}
