"""What a script's author can override, in which order it is called, and what it sees."""

from __future__ import annotations

HOOKS = """
if __name__ == "__main__":
    import hooks
    hooks.Hooks().run()

from gc3libs import Application
from gc3libs.cmdline import SessionBasedScript


class Job(Application):
    def submitted(self): print("  submitted")
    def terminated(self):
        print("  terminated in state", self.execution.state, "with", self.output_dir)


class Hooks(SessionBasedScript):
    '''Says what is called.'''

    def __init__(self):
        print("__init__")
        SessionBasedScript.__init__(self, version="1", stats_only_for=Job, mine=42)

    def setup_options(self): print("setup_options", "memory_per_core" in self.actions)
    def setup_args(self):
        print("setup_args", self.mine)
        super().setup_args()
    def parse_args(self):
        print("parse_args", self.session, hasattr(self.params, "walltime"), self.log.name)
        self.extra["tail"] = "from parse_args"
    def make_directory_path(self, pathspec, jobname):
        print("make_directory_path", jobname)
        return super().make_directory_path(pathspec, jobname)
    def process_args(self):
        print("process_args", self.params.walltime, len(self.session))
        super().process_args()
    def new_tasks(self, extra):
        print("new_tasks", sorted(extra), extra["output_dir"].endswith("/NAME"))
        yield Job(["true"], [], ["made"], jobname="only", **extra)
    def make_task_controller(self):
        print("make_task_controller")
        return super().make_task_controller()
    def before_main_loop(self):
        print("before_main_loop", type(self._controller).__name__)
        self._controller.retrieve_overwrites = True
    def _main_loop_before_tasks_progress(self): print("before progress")
    def every_main_loop(self): print("every_main_loop")
    def _main_loop_after_tasks_progress(self):
        print("after progress")
        return super()._main_loop_after_tasks_progress()
    def print_summary_table(self, output, stats): output.write(f"summary {stats['total']}\\n")
    def print_tasks_table(self, output, states, only=None): output.write(f"tasks {states}\\n")
    def after_main_loop(self):
        print("after_main_loop", self._controller.counts(Job)["ok"])
"""


def test_every_hook_is_called_in_order(desk):
    desk.write("hooks.py", HOOKS)
    ran = desk.run("hooks.py", "-C", 1, "-l", "ok")
    assert ran.code == 0, ran
    lines = [line for line in ran.out.splitlines() if not line.startswith("Status")]
    each_round = ["before progress", "every_main_loop", "after progress", "summary 1"]
    rounds = [line for line in lines if line in each_round or line.startswith("tasks")]
    assert rounds == [*each_round, "tasks ['ok']"] * (len(rounds) // 5)
    once = [line for line in lines if line not in rounds and "process_args" not in line]
    home = desk.directory
    assert once == [
        "__init__",
        "setup_options True",
        "setup_args 42",
        "parse_args None False hooks",
        "Starting hooks; to see more of what it does, add -v.",
        "make_directory_path NAME",
        "new_tasks ['output_dir', 'requested_cores', 'requested_memory', 'requested_walltime',"
        " 'tail'] True",
        "make_task_controller",
        "before_main_loop ScriptEngine",
        "  submitted",
        f"  terminated in state TERMINATING with {home}/only",
        "after_main_loop 1",
    ]


def test_a_hook_that_raises_ends_the_script_with_a_line(desk):
    text = HOOKS.replace('print("every_main_loop")', "raise RuntimeError('not today')")
    desk.write("hooks.py", text)
    ran = desk.run("hooks.py")
    assert ran.code == 1, ran
    assert "RuntimeError: not today (hooks.py, line" in ran.err
    assert "after_main_loop" not in ran.out


OLD = """
from gc3libs import Application
from gc3libs.cmdline import SessionBasedScript
from gc3libs.workflow import (ParallelTaskCollection, RetryableTask, SequentialTaskCollection)
from gc3libs import Run


class Copy(Application):
    def __init__(self, path, **extra):
        Application.__init__(self, ["/bin/cp", "in.txt", "out.txt"], {path: "in.txt"}, ["out.txt"],
                             **extra)


class Chain(SequentialTaskCollection):
    def __init__(self, path, **extra):
        self.path, self.extra = path, extra
        SequentialTaskCollection.__init__(
            self, [Copy(path, **dict(extra, jobname="link-0"))], **extra)

    def next(self, done):
        if done == 0:
            self.add(Copy(self.path, **dict(self.extra, jobname="link-1")))
            return Run.State.RUNNING
        return Run.State.TERMINATED


class Old(SessionBasedScript):
    '''Tasks as in former times.'''
    version = "1"

    def new_tasks(self, extra):
        kind, path = self.params.args
        if kind == "tuple":
            yield "by-tuple", Copy, [path], extra.copy()
            yield "plain", Copy, [path], {}
            yield "broken", Copy, [], {}
        if kind == "unnamed":
            yield Copy(path, **extra)
            yield Copy(path, **extra)
        if kind == "retry":
            yield RetryableTask(Copy(path, jobname="inner", **extra), max_retries=1)
        if kind == "parallel":
            yield ParallelTaskCollection(
                [Copy(path, jobname="a", **extra), Copy(path, **extra)], jobname="both", **extra)
        if kind == "chain":
            yield Chain(path, jobname="chain", **extra)
        if kind == "own":
            extra["output_dir"] = extra["output_dir"].replace("NAME", "my/NAME")
            yield Copy(path, **dict(extra, jobname="x", output_dir="elsewhere/x"))


if __name__ == "__main__":
    Old().run()
"""


def outputs(desk):
    return sorted(str(path.relative_to(desk.directory)) for path in desk.directory.rglob("out.txt"))


def run_old(desk, kind):
    desk.write("old.py", OLD)
    desk.write("data.inp", "data")
    ran = desk.run("old.py", kind, "data.inp", "-C", 1)
    assert not (desk.directory / "NAME").exists()
    return ran


def test_tuples_make_tasks_and_one_that_cannot_be_made_stops_nobody(desk):
    ran = run_old(desk, "tuple")
    assert ran.code == 0, ran
    assert outputs(desk) == ["by-tuple/out.txt", "plain/out.txt"]
    assert "task broken was left out: TypeError" in ran.err


def test_tasks_without_a_name_are_numbered(desk):
    assert run_old(desk, "unnamed").code == 0
    assert outputs(desk) == ["Copy-N1/out.txt", "Copy-N2/out.txt"]


def test_the_name_is_filled_in_inside_of_a_retryable_task(desk):
    assert run_old(desk, "retry").code == 0
    assert outputs(desk) == ["inner/out.txt"]


def test_the_name_is_filled_in_inside_of_a_collection(desk):
    assert run_old(desk, "parallel").code == 0
    assert outputs(desk) == ["a/out.txt", "both-2/out.txt"]


def test_the_name_is_filled_in_for_tasks_that_come_later(desk):
    ran = run_old(desk, "chain")
    assert ran.code == 0, ran
    assert outputs(desk) == ["link-0/out.txt", "link-1/out.txt"]


def test_a_directory_of_its_own_is_left_alone(desk):
    assert run_old(desk, "own").code == 0
    assert outputs(desk) == ["elsewhere/x/out.txt"]


SEARCHING = """
from gc3libs import Application
from gc3libs.cmdline import SessionBasedScript


class Count(Application):
    def __init__(self, path, **extra):
        Application.__init__(self, ["/usr/bin/wc", "-c", path], [path], [], stdout="wc.txt",
                             **extra)


if __name__ == "__main__":
    SessionBasedScript(
        name="searching", description="Count bytes.", version="1", application=Count,
        input_filename_pattern="*.inp", instances_per_file=EACH, instances_per_job=STEP,
    ).run()
"""


def names(desk, each="1", step="1", *words):
    desk.write("searching.py", SEARCHING.replace("EACH", each).replace("STEP", step))
    ran = desk.run("searching.py", *words)
    session = desk.session("searching")
    found = sorted(session.list_names())
    session.close()
    return found, ran


def test_input_files_are_searched_for(desk):
    deep = desk.directory / "deep/er"
    deep.mkdir(parents=True)
    for path in ("a.inp", "b.inp", "c.txt", "deep/d.inp", "deep/er/e.inp", "deep/f.out"):
        desk.write(path, path)
    found, ran = names(desk, "1", "1", "a.inp", "b", "c.txt", "deep", "nowhere")
    assert found == ["a", "b", "d", "e"], ran
    assert "c.txt is left out: it does not match *.inp" in ran.err
    assert "nowhere is left out: there is no such file" in ran.err


def test_several_tasks_are_made_of_one_file(desk):
    desk.write("a.inp", "a")
    assert names(desk, "3", "1", "a")[0] == ["a.1", "a.2", "a.3"]


def test_several_instances_are_one_task(desk):
    desk.write("a.inp", "a")
    assert names(desk, "5", "2", "a")[0] == ["a.1--2", "a.3--4", "a.5--5"]


CLASHING = """
from gc3libs.cmdline import SessionBasedScript


class Clashing(SessionBasedScript):
    '''Has letters of its own.'''

    def setup_options(self):
        self.add_param("-o", "--offset", type=int, default=7)
        self.add_param("-s", dest="size", default="small")
        self.add_param("-v", "--volume", default="loud")
        self.add_param("--dry-run", action="store_true")
        self.actions["wctime"].default = "1 hour"

    def new_tasks(self, extra):
        p = self.params
        print(p.offset, p.output.endswith("out/NAME"), p.size, p.volume, p.dry_run, p.verbose,
              p.wctime)
        return []


if __name__ == "__main__":
    Clashing(version="1").run()
"""


def test_standard_letters_mean_what_they_always_mean(desk):
    desk.write("clashing.py", CLASHING)
    ran = desk.run("clashing.py", "-o", "out", "--offset", 3, "-v", "low", "--dry-run")
    assert ran.code == 0, ran
    assert "3 True small low True 0 1 hour" in ran.out


def test_a_script_needs_a_version_and_a_description(desk):
    desk.write(
        "nothing.py",
        """
        from gc3libs.cmdline import SessionBasedScript

        class Silent(SessionBasedScript):
            pass

        for keywords in ({}, {"version": "1"}):
            try:
                Silent(**keywords)
            except AssertionError as err:
                print(err)
        """,
    )
    out = desk.run("nothing.py").out
    assert "needs a version=" in out
    assert "needs a docstring" in out


def test_run_gives_the_code_if_it_is_not_to_end_the_process(squares):
    squares.write(
        "twice.py",
        """
        from squares import Squares

        class Twice(Squares):
            '''Runs twice.'''

        codes = [
            Twice(argv=["twice.py", *words, "-C", "1"], exit_after_main=False).run()
            for words in (["2"], ["13", "2"], ["--wrong"][:0])
        ]
        print(codes)
        """,
    )
    assert squares.run("twice.py").out.endswith("[0, 2, 2]\n")


def test_tasks_can_be_added_while_it_runs(squares):
    squares.write(
        "adding.py",
        """
        if __name__ == "__main__":
            import adding
            adding.Adding().run()

        from squares import Square, Squares

        class Adding(Squares):
            '''Adds a task.'''
            def every_main_loop(self):
                if len(self.session) == 1:
                    self.add(Square(9, "0", output_dir="nine"))
        """,
    )
    ran = squares.run("adding.py", 2, "-C", 1)
    assert ran.code == 0, ran
    assert ran.states()["ok"] == 2
    assert squares.read("nine/out.txt") == "81\n"


COUNTING = """
if __name__ == "__main__":
    import counting
    counting.Counting().run()

from squares import Square, Squares


class Counting(Squares):
    '''Says what its engine counts.'''

    def __init__(self):
        Squares.__init__(self, stats_only_for=Square)

    def _say_counts(self, when):
        for counts in (self._controller.counts(), self._controller.counts(Square)):
            print(when, counts["total"], counts["NEW"], counts["ok"])

    def every_main_loop(self): self._say_counts("before")
    def _main_loop_after_tasks_progress(self): self._say_counts("after")
    def after_main_loop(self): self._say_counts("end")
"""


def test_the_engine_counts_the_tasks_of_the_session_also_those_that_were_over_before(squares):
    squares.write("counting.py", COUNTING)
    first = squares.run("counting.py", 1, 2, "-C", 1).out.splitlines()
    assert [line for line in first if line.startswith("before")][:2] == ["before 2 2 0"] * 2
    assert first[-2:] == ["end 2 0 2"] * 2
    again = squares.run("counting.py", 1, 2, 3, "-C", 1).out.splitlines()
    assert [line for line in again if line.startswith("before")][:2] == ["before 3 1 2"] * 2
    assert [line for line in again if line.startswith("after")][-1:] == ["after 3 0 3"]
    assert again[-2:] == ["end 3 0 3"] * 2


def test_modules_that_come_with_the_package_need_no_import_of_their_own(desk):
    desk.write(
        "top.py",
        """
        import gc3libs

        print(gc3libs.utils.basename_sans("a/b.txt"), gc3libs.debug.trace.__name__)
        """,
    )
    assert desk.run("top.py").out == "b trace\n"
