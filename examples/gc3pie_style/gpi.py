#!/usr/bin/env python3
"""Estimate pi by throwing darts, many at a time: a script as they are written for GC3Libs.

    python gpi.py 20 --darts 100000 -C 2

See README.md.
"""

if __name__ == "__main__":
    # the tasks remember their class by the name of this module, and not as part of `__main__`
    import gpi

    gpi.PiScript().run()


from pathlib import Path

from gc3libs import Application
from gc3libs.cmdline import SessionBasedScript, nonnegative_int, positive_int
from gc3libs.workflow import RetryableTask

HERE = Path(__file__).resolve().parent


class Darts(Application):
    """Throw some darts. When it is over, `hits` says how many were inside of the circle."""

    application_name = "darts"

    def __init__(self, darts, seed, **extra):
        Application.__init__(
            self,
            arguments=["./throw_darts.py", darts, seed],
            inputs=[HERE / "throw_darts.py"],
            outputs=[],
            stdout="hits.txt",
            stderr="errors.txt",
            darts=darts,
            seed=seed,
            **extra,
        )

    def terminated(self):
        """Called when the output is here: read it."""
        if self.execution.exitcode == 0:
            self.hits = int(Path(self.output_dir, "hits.txt").read_text().split()[1])


class PatientDarts(RetryableTask):
    """Throw again, with another seed, if that went wrong."""

    def __init__(self, darts, seed, **extra):
        RetryableTask.__init__(self, Darts(darts, seed, **extra), max_retries=2, **extra)

    def retry(self):
        """Called when a try is over."""
        self.task.arguments[2] = str(int(self.task.arguments[2]) + 1000)
        return RetryableTask.retry(self)


class PiScript(SessionBasedScript):
    """Estimate pi by throwing darts at a square.

    Each task throws some of them; when all are over, the estimate is printed.
    """

    def __init__(self):
        SessionBasedScript.__init__(self, version="1.0", stats_only_for=Darts)

    def setup_args(self):
        """Which arguments there are."""
        self.add_param("tasks", type=positive_int, help="how many tasks")

    def setup_options(self):
        """Which options there are, besides the usual ones."""
        self.add_param("--darts", type=positive_int, default=100_000, help="darts of a task")
        self.add_param("--seed", type=nonnegative_int, default=0, help="seed of the first task")

    def new_tasks(self, extra):
        """Make the tasks."""
        for number in range(self.params.tasks):
            seed = self.params.seed + number
            yield PatientDarts(self.params.darts, seed, **dict(extra, jobname=f"seed-{seed}"))

    def after_main_loop(self):
        """Say what came of it, as far as there is anything."""
        over = [each.task for each in self.session if each.execution.returncode == 0]
        darts = sum(each.darts for each in over)
        if darts:
            pi = 4 * sum(each.hits for each in over) / darts
            print(f"pi is about {pi:.4f}, by {darts:,} darts of {len(over)} tasks")
