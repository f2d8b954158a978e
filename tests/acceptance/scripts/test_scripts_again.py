"""Scripts that are run again: with the same arguments, with others, and with another program."""

from __future__ import annotations

PLANNED = "new_tasks is called"


def test_the_same_arguments_go_on_and_make_no_tasks(squares):
    first = squares.run("squares.py", 2, 3, "-C", 1)
    assert PLANNED in first.out
    again = squares.run("squares.py", 2, 3)
    assert again.code == 0, again
    assert PLANNED not in again.out
    assert "plan:" not in again.out
    assert again.states()["ok"] == 2


def test_options_that_mean_no_other_tasks_count_as_the_same(squares):
    squares.run("squares.py", 2, "-C", 1)
    again = squares.run("squares.py", 2, "-J", 3, "-C", 2, "-l", "ok", "-r", "local", "-v")
    assert again.code == 0, again
    assert PLANNED not in again.out


def test_more_inputs_become_more_tasks_and_the_known_are_not_run_again(squares):
    squares.run("squares.py", 2, 3, "-C", 1)
    again = squares.run("squares.py", 3, 4, 5, 2, "-C", 1)
    assert again.code == 0, again
    assert "plan: 2 new · 2 known (2 done) · 0 changed\n" in again.out
    assert again.states()["ok"] == 4
    assert sorted(each.name for each in squares.directory.glob("square-*")) == [
        "square-2",
        "square-3",
        "square-4",
        "square-5",
    ]


def test_fewer_inputs_leave_the_others_as_they_are(squares):
    squares.run("squares.py", 2, 3, 4, "-C", 1)
    again = squares.run("squares.py", 3, "-C", 1)
    assert "plan: 0 new · 1 known (1 done) · 0 changed · 2 no longer made" in again.out
    assert "(kept; gc3 rm squares --orphaned)\n" in again.out
    assert again.states()["total"] == 3


def test_update_makes_the_tasks_anew_with_the_same_arguments(squares):
    squares.run("squares.py", 2, "-C", 1)
    again = squares.run("squares.py", 2, "--update")
    assert "plan: 0 new · 1 known (1 done) · 0 changed\n" in again.out
    assert again.code == 0


def test_a_dry_run_changes_nothing(squares):
    fresh = squares.run("squares.py", 2, 3, "--dry-run")
    assert fresh.code == 0, fresh
    assert "plan: 2 new · 0 known · 0 changed\n" in fresh.out
    assert not (squares.directory / "squares").exists()
    squares.run("squares.py", 2, "-C", 1)
    again = squares.run("squares.py", 2, 3, "--dry-run")
    assert "plan: 1 new · 1 known (1 done) · 0 changed\n" in again.out
    session = squares.session("squares")
    assert len(session) == 1
    session.close()
    assert "plan: 1 new" in squares.run("squares.py", 2, 3, "-C", 1).out


def test_changed_tasks_are_kept_unless_they_are_to_be_run_again(squares):
    squares.run("squares.py", 2, 3, "-C", 1)
    kept = squares.run("squares.py", 2, 3, "--seconds", "0.01", "-C", 1)
    assert kept.code == 0, kept
    assert "plan: 0 new · 0 known · 2 changed\n" in kept.out
    assert "2 changed: kept" in kept.out
    assert not (squares.directory / "square-2.~1~").exists()
    anew = squares.run("squares.py", 2, 3, "--seconds", "0.01", "--rerun-changed", "-C", 1)
    assert anew.code == 0, anew
    assert anew.states()["total"] == 2
    assert (squares.directory / "square-2.~1~/out.txt").exists()
    assert squares.read("square-2/out.txt") == "4\n"
    settled = squares.run("squares.py", 2, 3, "--seconds", "0.01", "--update")
    assert "plan: 0 new · 2 known (2 done) · 0 changed\n" in settled.out


def test_changed_tasks_that_run_are_kept(squares):
    squares.run("squares.py", 2, "--seconds", 60)
    again = squares.run("squares.py", 2, "--seconds", 0, "--rerun-changed")
    assert "plan: 0 new · 0 known · 1 changed\n" in again.out
    assert "1 changed: kept as they were, because they are in flight" in again.out
    assert again.states()["total"] == 1


def test_a_task_is_known_by_its_work_and_not_by_its_name(squares):
    text = squares.read("squares.py")
    squares.run("squares.py", 2, 3, "-C", 1)
    squares.write("squares.py", text.replace('f"square-{number}"', 'f"renamed-{number}"'))
    again = squares.run("squares.py", 2, 3, "--update")
    assert "plan: 0 new · 2 known (2 done) · 0 changed\n" in again.out


def test_a_new_session_drops_the_old_tasks_and_those_that_run(squares):
    first = squares.run("squares.py", 2, 3, "--seconds", 60)
    assert first.states()["RUNNING"] >= 1, first
    anew = squares.run("squares.py", 4, "-N", "-C", 1)
    assert anew.code == 0, anew
    assert anew.states() == {"TERMINATED": 1, "ok": 1, "failed": 0, "total": 1}
    session = squares.session("squares")
    assert session.list_names() == {"square-4"}
    session.close()


def test_outputs_stay_when_a_session_begins_anew(squares):
    squares.run("squares.py", 4, "-C", 1)
    squares.run("squares.py", 4, "-N", "-C", 1)
    assert squares.read("square-4.~1~/out.txt") == squares.read("square-4/out.txt") == "16\n"


def test_making_tasks_that_was_cut_off_is_taken_up(squares):
    text = squares.read("squares.py")
    made = "            yield Square(number, self"
    broken = text.replace(made, f"            if number == 4: raise ValueError('no 4')\n{made}")
    squares.write("squares.py", broken)
    failed = squares.run("squares.py", 2, 3, 4, 5)
    assert failed.code == 1, failed
    assert "ValueError: no 4 (squares.py, line" in failed.err
    session = squares.session("squares")
    assert len(session) == 2
    session.close()
    squares.write("squares.py", text)
    mended = squares.run("squares.py", 2, 3, 4, 5, "-C", 1)
    assert mended.code == 0, mended
    assert "plan: 2 new · 2 known" in mended.out
    assert mended.states()["ok"] == 4


def test_a_script_with_process_args_of_its_own_is_called_for_an_empty_session_only(squares):
    squares.write(
        "own.py",
        """
        if __name__ == "__main__":
            import own
            own.Own().run()

        from squares import Square, Squares


        class Own(Squares):
            '''A script that does it itself.'''

            def process_args(self):
                print("process_args is called")
                for number in self.params.numbers:
                    self.session.add(Square(number, "0", output_dir=f"own-{number}"))
        """,
    )
    first = squares.run("own.py", 2, "-C", 1)
    assert first.code == 0, first
    assert "process_args is called" in first.out
    again = squares.run("own.py", 2, 3)
    assert again.code == 0, again
    assert "process_args is called" not in again.out
    assert "other arguments may be without effect" in again.err
