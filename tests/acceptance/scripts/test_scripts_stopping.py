"""Ctrl-C: what runs goes on, or is ended by a second one; and the command that goes on."""

from __future__ import annotations

import os
import signal


def interrupt(process, until):
    """Press Ctrl-C once the script has said something; what it has said so far."""
    said = ""
    while until not in said:
        line = process.stdout.readline()
        assert line, f"it ended without saying {until!r}: {said}{process.stderr.read()}"
        said += line
    os.kill(process.pid, signal.SIGINT)
    return said


STAYING = """
if __name__ == "__main__":
    import staying
    staying.Staying().run()

from squares import Squares


class Staying(Squares):
    '''A script that says when its tasks run.'''
    told = False

    def _main_loop_after_tasks_progress(self):
        if self._controller.running() and not self.told:
            self.told = True
            print("they run")

    def terminate(self):
        print("terminate is called")

    def after_main_loop(self):
        print("after_main_loop is called")
"""


def test_ctrl_c_leaves_what_runs_and_says_how_to_go_on(squares):
    squares.write("staying.py", STAYING)
    process = squares.start("staying.py", 1, 2, 3, "--seconds", "4", "-J", 1, "-C", 1)
    interrupt(process, "they run")
    out, err = process.communicate(timeout=60)
    assert "terminate is called" in out
    assert "after_main_loop is called" in out
    assert "Stopped. 1 task goes on to its end, 2 wait; nothing is lost." in out
    assert "go on:" in out
    assert "staying.py 1 2 3 --seconds 4 -J 1 -C 1" in out
    assert process.returncode == 4 | 8, (out, err)
    assert "Traceback" not in err
    on = squares.run("staying.py", 1, 2, 3, "--seconds", "4", "-J", 3, "-C", 1)
    assert on.code == 0, on
    assert not (squares.directory / "square-1.~1~").exists()


def test_a_second_ctrl_c_ends_what_runs(squares):
    squares.write("staying.py", STAYING)
    process = squares.start("staying.py", 1, 2, 3, "--seconds", "60", "-J", 1, "-C", 1)
    interrupt(process, "they run")
    interrupt(process, "Stopped.")
    out, err = process.communicate(timeout=60)
    assert "Ended 1 as well." in out, err
    assert process.returncode == 2 | 8
    session = squares.session("staying")
    counts = session.counts()
    assert (counts["failed"], counts["NEW"]) == (1, 2)
    assert [each.info for each in session.summaries(failed=True)] == ["cancelled"]
    session.close()


def test_ctrl_c_before_the_first_round_is_13(squares):
    text = squares.read("squares.py")
    squares.write(
        "squares.py",
        text.replace(
            "            yield Square(", "            self._pause()\n            yield Square("
        )
        + "\n    def _pause(self):\n        import time\n        time.sleep(60)\n",
    )
    process = squares.start("squares.py", 1)
    interrupt(process, "new_tasks is called")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 13
    assert err == "squares: stopped\n"
    assert not (squares.directory / "squares").exists()


def test_the_command_that_goes_on_does_not_begin_anew(squares):
    squares.write("staying.py", STAYING)
    process = squares.start("staying.py", "-vN", 1, "--seconds", "60", "-C", 1, "--new-session")
    interrupt(process, "they run")
    said = interrupt(process, "go on:")
    process.communicate(timeout=60)
    assert said.rstrip().endswith("staying.py -v 1 --seconds 60 -C 1")
