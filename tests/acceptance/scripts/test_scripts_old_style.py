"""Scripts in the manner of GC3Libs' users, run as they run them."""

from __future__ import annotations

import sqlite3

import pytest

COUNT = '''
#! /usr/bin/env python
"""
Front-end script for counting lines.
"""
from __future__ import absolute_import, print_function
__version__ = '1.1'

if __name__ == "__main__":
    import gcount
    gcount.GCountScript().run()

import os
import gc3libs
from gc3libs import Application, Run, Task
from gc3libs.cmdline import SessionBasedScript, executable_file
from gc3libs.quantity import Memory, kB, MB, GB, Duration, hours, minutes
import gc3libs.utils


class CountApplication(Application):
    application_name = 'count'

    def __init__(self, filename, **extra_args):
        extra_args['requested_walltime'] = 10*minutes
        self.filename = filename
        Application.__init__(
            self,
            arguments=["wc", "-l", os.path.basename(filename)],
            inputs=[filename],
            outputs=gc3libs.ANY_OUTPUT,
            stdout='count.out', stderr='count.err',
            **extra_args)

    def terminated(self):
        gc3libs.log.info("task %s has ended in %s", self.jobname, self.output_dir)
        self.lines = int(gc3libs.utils.read_contents(self.output_dir + '/count.out').split()[0])
        if self.lines > 1:
            self.execution.returncode = (0, 3)


class GCountScript(SessionBasedScript):
    """
    Count the lines of each input file.
    """
    def __init__(self):
        SessionBasedScript.__init__(
            self, version=__version__, application=CountApplication,
            stats_only_for=CountApplication, input_filename_pattern='*.inp')

    def after_main_loop(self):
        for task in self.session:
            if task.execution.state == Run.State.TERMINATED:
                print("%s: %d lines, exit %s" % (task.jobname, task.lines, task.execution.exitcode))
'''


@pytest.fixture
def inputs(desk):
    """A directory with three files that count, and one that does not."""
    (desk.directory / "in/sub").mkdir(parents=True)
    for name, text in ("one.inp", "a\nb\n"), ("sub/two.inp", "c\n"), ("x.txt", "d\n"):
        desk.write(f"in/{name}", text)
    return desk


def test_one_task_for_each_input_file(inputs):
    inputs.write("gcount.py", COUNT)
    ran = inputs.run("gcount.py", "in", "-C", 1, "-l", "failed,ok")
    assert ran.code == 2, ran
    last = ran.out[ran.out.rindex("Status of jobs in the 'gcount' session: (at ") :]
    assert type(ran)(0, last, "").states() == {"TERMINATED": 2, "ok": 1, "failed": 1, "total": 2}
    assert "| CountApplication.1 | one      | TERMINATED | terminated: exit 3 |" in last
    assert last.endswith("one: 2 lines, exit 3\ntwo: 1 lines, exit 0\n")
    assert inputs.read("two/count.out") == "1 two.inp\n"
    assert inputs.read("two/two.inp") == "c\n"
    assert "INFO" not in ran.err
    again = inputs.run("gcount.py", "in", "-v")
    assert again.code == 2
    assert "plan:" not in again.out
    assert inputs.run("gcount.py", "-V").out == "gcount 1.1\n"


SWEEP = '''
if __name__ == "__main__":
    import gsweep
    gsweep.GSweepScript().run()

import os
from gc3libs import Application, Run
from gc3libs.cmdline import SessionBasedScript, existing_file, positive_int
from gc3libs.exceptions import InvalidUsage
from gc3libs.quantity import *
from gc3libs.template import Template, expansions
from gc3libs.utils import check_file_access, irange, parse_range
from gc3libs.workflow import RetryableTask


class SweepApp(Application):
    application_name = 'sweep'
    def __init__(self, text, **extra):
        Application.__init__(
            self, arguments=['/bin/sh', './job.sh', text, '$HOME'], inputs={'job.sh': 'job.sh'},
            outputs=['res/'], stdout='out.log', join=True, **extra)


class SweepTask(RetryableTask):
    def __init__(self, text, **extra):
        RetryableTask.__init__(self, SweepApp(text, **extra), max_retries=2, **extra)
    def retry(self):
        return self.task.execution.exitcode == 9 and self.retried < self.max_retries


class GSweepScript(SessionBasedScript):
    """Sweep parameters."""
    version = '2.0'

    def setup_options(self):
        self.add_param("-x", "--times", metavar="NUM", type=positive_int, default=2)
        self.add_param("--pause", type=Duration, default='1sec')
        self.actions['memory_per_core'].default = Memory('1 GB')
        self.actions['wctime'].default = '1 hour'

    def setup_args(self):
        self.add_param('range', help="LOW:HIGH:STEP")
        self.add_param('script', type=existing_file)

    def parse_args(self):
        assert isinstance(self.params.pause, Duration)
        try:
            self.params.range = parse_range(self.params.range)
        except ValueError as err:
            raise InvalidUsage("Invalid range: %s" % err)
        check_file_access(self.params.script, os.R_OK, InvalidUsage)

    def new_tasks(self, extra):
        text = Template("${x}-${m}", x=list(irange(*self.params.range)), m=["a", "b"])
        for each in expansions(text):
            jobname = "sweep-%s" % each
            kwargs = extra.copy()
            kwargs['jobname'] = jobname
            kwargs['output_dir'] = kwargs['output_dir'].replace('NAME', jobname)
            yield SweepTask(str(each), **kwargs)

    def before_main_loop(self):
        assert self._controller.max_in_flight == self.params.max_running
        self._controller.retrieve_overwrites = True
'''

JOB = """
mkdir res; echo "$1 $2" >res/file; echo "run of $1"
case $1 in 2-a) exit 9 ;; 2-b) exit 5 ;; esac
"""


def test_a_sweep_with_retries(desk):
    desk.write("gsweep.py", SWEEP)
    desk.write("job.sh", JOB)
    words = ("1:3", "job.sh", "-s", "mine", "-o", "out/SESSION/NAME.d", "-J", 3, "-w", "10 minutes")
    ran = desk.run("gsweep.py", *words, "-C", 1, "-m", "500MB", "-x", 3)
    assert ran.code == 2, ran
    assert ran.states() == {"TERMINATED": 8, "ok": 4, "failed": 4, "total": 8}
    assert desk.read("out/mine.out/sweep-1-a.d/file") == f"1-a {desk.home}\n"
    assert desk.read("out/mine.out/sweep-2-b.d/out.log") == "run of 2-b\n"
    session = desk.session("mine")
    tries = {each.name: each.attempt for each in session.summaries()}
    assert tries == {"sweep-1-a": 1, "sweep-1-b": 1, "sweep-2-a": 3, "sweep-2-b": 1}
    session.close()
    more = desk.run("gsweep.py", "1:4", *words[1:], "-C", 1, "-m", "500MB", "-x", 3)
    assert "plan: 2 new · 4 known (2 done) · 0 changed\n" in more.out
    assert more.states()["total"] == 12


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["1:x", "job.sh"], 64, "gsweep: Invalid range: "),
        (["1:3", "nothing"], 2, "cannot access 'nothing'"),
        (["1:3", "job.sh", "-m", "2"], 2, "cannot read '2' as a Memory"),
        (["1:3", "job.sh", "-x", "0"], 2, "argument -x/--times"),
        (["1:3", "job.sh", "-r", "nowhere"], 1, "no resource is called 'nowhere'"),
        (["1:3", "job.sh", "-s", "job.sh"], 70, "job.sh is no directory"),
    ],
)
def test_what_makes_no_sense_is_said(desk, words, code, said):
    desk.write("gsweep.py", SWEEP)
    desk.write("job.sh", JOB)
    ran = desk.run("gsweep.py", *words)
    assert (ran.code, said in ran.err) == (code, True), ran


COLUMNS = '''
if __name__ == "__main__":
    import gcolumns
    gcolumns.GColumns().run()

import sqlalchemy
from gc3libs import Application
from gc3libs.cmdline import SessionBasedScript
from gc3libs.persistence.accessors import GET, GetValue
from gc3libs.session import Session


class Show(Application):
    def __init__(self, path, **extra):
        self.before = 'kept'
        Application.__init__(
            self, executable='/bin/cat', arguments=['in.txt'], inputs=[(path, 'in.txt')],
            outputs=[], stdout='sub/cat.out', stderr='err', **extra)


class GColumns(SessionBasedScript):
    """Columns of one's own."""
    def __init__(self):
        SessionBasedScript.__init__(
            self, version='3', application=Show, input_filename_pattern='*.inp',
            instances_per_file=3, instances_per_job=2)

    def _make_session(self, session_uri, store_url):
        return Session(session_uri, store_or_url=store_url, table_name='jobs', extra_fields={
            sqlalchemy.Column('called', sqlalchemy.TEXT()): GET.jobname,
            sqlalchemy.Column('code', sqlalchemy.INTEGER()): GET.execution.returncode,
            sqlalchemy.Column('lines', sqlalchemy.TEXT()): GetValue(default='?').no.ONLY(Show)})

    def print_summary_table(self, output, stats):
        output.write("mine: %d of %d\\n" % (stats['ok'], stats['total']))

    def after_main_loop(self):
        tasks = self.session.tasks.values()
        print(len(tasks), tasks[0].before, sorted(self.session.list_names()), self.config.locations)
'''


@pytest.mark.parametrize("store", ["default", "named"])
def test_columns_and_tables_of_ones_own(inputs, store):
    pytest.importorskip("sqlalchemy")
    inputs.write("gcolumns.py", COLUMNS)
    inputs.write("in/three.inp", "e\n")
    database = inputs.directory / ("gcolumns/store.db" if store == "default" else "mine.db")
    where = [] if store == "default" else ["-u", f"sqlite://{database}"]
    files = ["in/one.inp", "in/three"]
    ran = inputs.run(
        "gcolumns.py", *files, "-C", 1, *where, "--config-files", "a,b", GC3PIE_CONF=""
    )
    assert ran.code == 1 and "cannot read any of: a, b" in ran.err, ran
    ran = inputs.run("gcolumns.py", *files, "-C", 1, *where)
    assert ran.code == 0, ran
    assert "mine: 4 of 4\n4 kept ['one.1--2', 'one.3--3', 'three.1--2', 'three.3--3']" in ran.out
    assert inputs.read("three.3--3/sub/cat.out") == "e\n"
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT called, code, lines FROM jobs").fetchall()
    connection.close()
    assert sorted(rows)[0] == ("one.1--2", 0, "?")
