"""Scripts: their rounds, their exit codes, what they print, where outputs go."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest


def test_a_script_runs_its_tasks_to_the_end(squares):
    ran = squares.run("squares.py", 3, 4, "-C", 1)
    assert ran.code == 0, ran
    assert ran.states() == {"TERMINATED": 2, "ok": 2, "failed": 0, "total": 2}
    assert squares.read("square-3/out.txt") == "9\n"
    assert squares.read("square-4/out.txt") == "16\n"
    session = squares.session("squares")
    assert session.list_names() == {"square-3", "square-4"}
    assert session.finished > 0
    assert session.store_url.startswith("sqlite:")
    session.close()


def test_without_c_it_makes_one_round_and_says_how_to_go_on(squares):
    ran = squares.run("squares.py", 1, 2, 3, "--seconds", 30)
    assert ran.code in (4, 4 | 8), ran
    assert ran.states()["RUNNING"] >= 1
    assert "squares.py 1 2 3 --seconds 30 -C 10" in ran.out


def test_rounds_one_after_the_other_bring_it_to_the_end(squares):
    codes = [squares.run("squares.py", 1, 2, 3).code]
    while codes[-1] and len(codes) < 20:
        codes.append(squares.run("squares.py", 1, 2, 3).code)
    assert codes[-1] == 0


def test_a_failed_task_is_bit_2_and_the_run_is_finished_all_the_same(squares):
    ran = squares.run("squares.py", 13, 2, "-C", 1)
    assert ran.code == 2, ran
    assert ran.states() == {"TERMINATED": 2, "ok": 1, "failed": 1, "total": 2}
    session = squares.session("squares")
    assert session.finished > 0
    session.close()


def test_nothing_to_do_is_success(squares):
    ran = squares.run("squares.py")
    assert ran.code == 0, ran
    assert "there are none" in ran.out


def test_the_limit_of_tasks_at_a_time_holds(squares):
    ran = squares.run("squares.py", 1, 2, 3, 4, "-J", 1, "--seconds", 30)
    assert ran.code == 4 | 8, ran
    assert ran.states()["NEW"] == 3


def test_the_tasks_table_lists_states(squares):
    squares.run("squares.py", 13, 2, "-C", 1)
    failed = squares.run("squares.py", 13, 2, "-l", "failed").out
    assert "square-13" in failed
    assert "square-2" not in failed
    every = squares.run("squares.py", 13, 2, "-l").out
    assert "square-13" in every
    assert "square-2" in every
    assert all(len(line) <= 80 for line in every.splitlines())
    assert "| Job name" in every


def test_a_resource_is_chosen_by_name_or_pattern(squares):
    assert squares.run("squares.py", 1, "-r", "x*,local*", "-C", 1).code == 0
    ran = squares.run("squares.py", 1, "-r", "cluster")
    assert ran.code == 1
    assert ran.err == "squares: no resource is called 'cluster'; there are: local\n"


def test_old_configuration_names_the_resources(squares):
    squares.write(
        "gc3pie.conf",
        """
        [auth/none]
        type=none
        [resource/mine]
        enabled=yes
        type=shellcmd
        transport=local
        auth=none
        max_cores=1
        max_memory_per_core=1 GB
        [resource/cloud]
        type=ec2+shellcmd
        """,
    )
    ran = squares.run("squares.py", 1, "--config-files", "gc3pie.conf", "-r", "mine", "-C", 1)
    assert ran.code == 0, ran
    session = squares.session("squares")
    assert [each.resource for each in session.summaries()] == ["mine"]
    session.close()
    ran = squares.run("squares.py", 1, "-r", "cloud", GC3PIE_CONF="gc3pie.conf")
    assert ran.code == 1
    assert "[resource/cloud] is left out: there are no resources of type 'ec2+shellcmd'" in ran.err
    assert "no resource is called 'cloud'; there are: mine" in ran.err


def test_a_broken_old_configuration_is_one_clear_line(squares):
    squares.write("bad.conf", "max_cores=2\n")
    ran = squares.run("squares.py", 1, "--config-files", "bad.conf")
    assert ran.code == 1
    assert len(ran.err.splitlines()) == 1
    assert "bad.conf" in ran.err


def test_settings_of_gc3_toml_hold(squares):
    squares.write("gc3.toml", "max_in_flight = 1\n")
    ran = squares.run("squares.py", 1, 2, 3, "--seconds", 30)
    assert ran.states()["NEW"] == 2, ran


@pytest.mark.parametrize("url", ["file", "sqlite", "sqlite:other.db"])
def test_the_store_can_be_chosen(squares, url):
    assert squares.run("squares.py", 5, "-u", url, "-C", 1).code == 0
    session = squares.session("squares")
    assert len(session) == 1
    session.close()
    expected = {
        "file": "squares/jobs",
        "sqlite": "squares/store.db",
        "sqlite:other.db": "other.db",
    }
    assert (squares.directory / expected[url]).exists()


def test_a_store_can_take_the_place_of_a_session(squares):
    url = f"sqlite:{squares.directory}/tasks.db"
    state = str(squares.directory / "state")
    words = [3, "--seconds", 1, "-s", url]
    first = squares.run("squares.py", *words, XDG_STATE_HOME=state)
    assert first.code == 4, first
    again = squares.run("squares.py", *words, "-C", 1, XDG_STATE_HOME=state)
    assert again.code == 0, again
    assert "new_tasks is called" not in again.out
    assert squares.read("square-3/out.txt") == "9\n"
    assert not (squares.directory / "squares").exists()


ASKING = """
if __name__ == "__main__":
    import asking
    asking.Asking().run()

from gc3libs.cmdline import SessionBasedScript
from squares import Square


class Asking(SessionBasedScript):
    '''Say what tasks ask for.'''
    version = "1"

    def new_tasks(self, extra):
        yield Square(1, "0", **extra)

    def after_main_loop(self):
        for task in self.session:
            print(task.requested_cores, task.requested_walltime, task.requested_memory,
                  task.enforce_memory)
"""


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ("-m 100MB -c 2 -w 1hour", "2 1hour 200MB True"),
        ("-w 30minutes", "1 30minute 2GB False"),
    ],
)
def test_what_tasks_ask_for(squares, options, asked):
    squares.write("asking.py", ASKING)
    ran = squares.run("asking.py", "-C", 1, *options.split())
    assert ran.code == 0, ran
    assert asked in ran.out.splitlines()


DEFAULT_MEMORY = """
if __name__ == "__main__":
    import worded
    worded.Worded().run()

from asking import Asking


class Worded(Asking):
    '''Has a default in words.'''

    def setup_options(self):
        self.actions["memory_per_core"].default = "100MB"
"""


def test_a_default_memory_in_words_is_asked_for_by_nobody(squares):
    squares.write("asking.py", ASKING)
    squares.write("worded.py", DEFAULT_MEMORY)
    ran = squares.run("worded.py", "-C", 1)
    assert "1 8hour 100MB False" in ran.out.splitlines(), ran


LEAVING = """
if __name__ == "__main__":
    import leaving
    leaving.Leaving().run()

from gc3libs.workflow import AbortOnError, SequentialTaskCollection
from squares import Square, Squares


class First(AbortOnError, SequentialTaskCollection):
    pass


class Leaving(Squares):
    '''Has a sequence that ends early.'''

    def new_tasks(self, extra):
        yield First([Square(n, "0", **extra) for n in (13, 1)], jobname="sequence")
"""


def test_what_an_ended_sequence_leaves_behind_is_not_waited_for(squares):
    squares.write("leaving.py", LEAVING)
    ran = squares.run("leaving.py", "-C", 1)
    assert ran.states()["NEW"] == 1, ran
    assert ran.code == 2, ran
    assert squares.run("leaving.py").code == 2


def test_a_session_elsewhere_and_outputs_elsewhere(squares):
    ran = squares.run("squares.py", 6, "-s", "sub/mine", "-o", "results", "-C", 1)
    assert ran.code == 0, ran
    assert squares.read("results/square-6/out.txt") == "36\n"
    assert (squares.directory / "sub/mine/index.txt").exists()


def test_words_in_the_output_directory_are_replaced(squares):
    assert squares.run("squares.py", 6, "-o", "SESSION/DATE/NAME", "-C", 1).code == 0
    (found,) = (squares.directory / "squares.out").glob("*-*-*/square-6/out.txt")
    assert found.read_text() == "36\n"


def test_a_second_script_is_told_who_runs_the_session(squares):
    squares.run("squares.py", 1, "-C", 1)
    session = squares.session("squares")
    with session.lease("something else"):
        ran = squares.run("squares.py", 1, 2)
    session.close()
    assert ran.code == 1, ran
    (line,) = ran.err.splitlines()
    assert "squares is being run on" in line


def test_a_job_cannot_run_the_script(squares):
    ran = squares.run("squares.py", 1, GC3_JOB="Square.1")
    assert ran.code == 1
    assert "inside the job Square.1" in ran.err


def test_what_made_the_tasks_is_kept(squares):
    squares.run("squares.py", 7, "-C", 1)
    memo = json.loads(squares.read("squares/script.json"))
    assert memo["complete"] is True
    assert memo["arguments"] == {"numbers": [7]}


def test_a_script_that_was_killed_goes_on_and_runs_nothing_twice(squares):
    text = squares.read("squares.py").replace("echo $((", "echo ran >> {log}; echo $((")
    text = text.replace(
        "        command =", "        log = f\"/{extra['output_dir'][1:]}.log\"\n        command ="
    )
    squares.write("squares.py", text)
    process = squares.start("squares.py", *range(20, 30), "--seconds", "0.2", "-C", 1)
    logs = squares.directory
    while not list(logs.glob("*.log")):
        assert process.poll() is None
    process.kill()
    process.communicate()
    ran = squares.run("squares.py", *range(20, 30), "--seconds", "0.2", "-C", 1)
    assert ran.code == 0, ran
    assert "plan:" not in ran.out
    assert (logs / "NAME.log").read_text() == "ran\n" * 10


def test_on_a_terminal_there_is_a_picture_and_nothing_of_it_in_what_is_printed(squares):
    own, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "squares.py", "13", "3", "4", "-C", "1", "--seconds", "0.5"],
        cwd=squares.directory,
        env=squares.environment | {"TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody is there any more
        while data := os.read(own, 65536):
            seen += data
    os.close(own)
    printed = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 2
    picture = seen.decode()
    assert "squares · 3 tasks" in picture
    assert "Ctrl-C: stop" in picture
    assert "1 x exit 1" in picture
    assert "squares: 2 done, 1 failed in" in picture
    assert "\x1b" not in printed
    assert "TERMINATED  3/3  (100.0%)" in printed


def test_a_listener_that_leaves_early_is_no_reason_to_stop(squares):
    text = squares.read("squares.py")
    squares.write("squares.py", text.replace('print("new_tasks is called")', "pass"))
    process = squares.start("squares.py", 3, "-C", 1)
    process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert "Broken pipe" not in said
    assert squares.read("square-3/out.txt") == "9\n"
