"""Small parts of scripts: arguments, tables, counts, Ctrl-C, messages."""

from __future__ import annotations

import argparse
import logging
import signal

import pytest

from gc3libs.cmdline._interrupts import Interrupts
from gc3libs.cmdline._logging import make_logger
from gc3libs.cmdline._memo import FORMAT, Memo, arguments_of, plain, read_memo, write_memo
from gc3libs.cmdline._tables import is_wanted, tasks_table
from gc3libs.cmdline._tally import Tally
from gc3libs.exceptions import NewerFormat
from gc3libs.model import Application, Run, Task
from gc3libs.persistence.record import Summary
from gc3libs.quantity import GB, Memory
from gc3libs.session import Session


def summary(**facts):
    return Summary(**{"id": "Task.1", "cls": "gc3libs:Task", "state": "NEW", **facts})


# arguments


def test_a_memo_is_read_as_it_was_written(tmp_path):
    memo = Memo(program="sweep.py", arguments={"n": [1, 2]}, complete=True, orphaned=("T.1",))
    write_memo(str(tmp_path), memo)
    assert read_memo(str(tmp_path)) == memo


def test_no_memo_or_a_broken_one_is_none(tmp_path):
    assert read_memo(str(tmp_path)) is None
    (tmp_path / "script.json").write_text("{")
    assert read_memo(str(tmp_path)) is None


def test_a_memo_of_a_later_version_is_refused(tmp_path):
    (tmp_path / "script.json").write_text(f'{{"format": {FORMAT + 1}}}')
    with pytest.raises(NewerFormat):
        read_memo(str(tmp_path))


def test_only_arguments_that_were_given_are_remembered():
    parser = argparse.ArgumentParser()
    actions = [
        parser.add_argument("files", nargs="*"),
        parser.add_argument("-m", type=Memory, default=2 * GB),
        parser.add_argument("-n", type=int, default=1),
    ]
    given = parser.parse_args(["a", "b", "-m", "4GB"])
    assert arguments_of(given, actions) == {"files": ["a", "b"], "m": "4GB"}


def test_values_become_plain_data_that_compares():
    class Thing:
        pass

    assert plain(Thing()) == plain(Thing())
    assert plain({1: (2, {3})}) == {"1": [2, ["3"]]}
    assert plain(float("nan")) == plain(float("nan"))


# tables


def test_a_table_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = tasks_table([summary(jobname="x" * 50, info="y" * 200)]).splitlines()
    assert {len(line) for line in lines} == {80}
    assert "…" in lines[3]


def test_names_cannot_break_the_table():
    assert "\x1b" not in tasks_table([summary(jobname="a\x1b[2Jb\n")])


def test_states_that_are_wanted():
    ended = summary(state="TERMINATED", returncode=0)
    assert is_wanted(ended, ["ok"])
    assert is_wanted(ended, [Run.State.TERMINATED])
    assert not is_wanted(ended, ["failed", "NEW"])
    assert is_wanted(summary(state="TERMINATED", returncode=None), ["failed"])


# counts


def test_tasks_of_some_classes_are_counted(tmp_path):
    session = Session(tmp_path / "session")
    session.add(Task())
    session.add_many(Application(["true", n], [], [], None) for n in range(3))
    assert Tally(session, None).counts()["total"] == 4
    counted = Tally(session, Application)
    assert dict(counted.counts()) == {"ok": 0, "failed": 0, "total": 3, "NEW": 3}
    assert Tally(session, (Application, Task)).counts()["NEW"] == 4
    session.destroy()


# Ctrl-C


def press():
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_raised_at_once_where_it_does_no_harm():
    with Interrupts(), pytest.raises(KeyboardInterrupt):
        press()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_is_held_back_until_somebody_asks():
    with Interrupts() as interrupts, interrupts.held_back():
        press()
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        interrupts.check()


def test_ctrl_c_that_was_held_back_is_raised_where_it_is_allowed():
    with Interrupts() as interrupts, interrupts.held_back():
        press()
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            pytest.fail("it came too late")
        with pytest.raises(KeyboardInterrupt), interrupts.allowed():
            press()


def test_pressed_often_enough_ctrl_c_is_raised_anywhere():
    with Interrupts() as interrupts, interrupts.held_back():
        press()
        press()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_ctrl_c_is_allowed_while_an_item_is_made_and_not_while_it_is_used():
    def items():
        yield 1
        press()
        yield 2

    used = []
    with Interrupts() as interrupts, interrupts.held_back():
        with pytest.raises(KeyboardInterrupt):
            used.extend(interrupts.allowed_between(items()))
        assert used == [1]
        for _ in interrupts.allowed_between([1]):
            press()
            break
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()


def test_a_program_that_deals_with_ctrl_c_itself_is_left_alone():
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts():
            press()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, former)


# messages


@pytest.fixture
def quiet_logging():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("gc3", "gc3libs", "sweep")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, each in levels.items():
        logging.getLogger(name).setLevel(each)


def test_messages_begin_with_the_name_of_the_script(quiet_logging, capsys):
    logger = make_logger(0, "sweep")
    logger.warning("mind the %s", "gap")
    logger.info("not said")
    assert capsys.readouterr().err == "sweep: mind the gap\n"


def test_more_is_said_on_request(quiet_logging, capsys):
    logger = make_logger(3, "sweep", threshold=1)
    logger.debug("a detail")
    assert "DEBUG sweep: a detail\n" in capsys.readouterr().err
    make_logger(1, "sweep", threshold=1).info("not said")
    assert capsys.readouterr().err == ""
