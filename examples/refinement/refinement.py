#!/usr/bin/env python3
"""Refine a parameter: where the next runs look depends on the last ones. See README.md."""

import json
from pathlib import Path

import gc3libs
from gc3libs.workflow import ParallelTaskCollection, Run, SequentialTaskCollection

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
MODEL = HERE.parent / "influenza" / "sir.py"
COUNTS = MODEL.with_name("influenza_school_1978.csv")

RECOVERY = 0.44  # per day, as published
POINTS = 4  # runs in a round
PRECISION = 0.01  # per day


class Refinement(SequentialTaskCollection):
    """Looks for the transmission with the smallest misfit, in ever smaller intervals."""

    def __init__(self, low, high, **extra):
        self.low, self.high = low, high
        super().__init__([self.next_round()], **extra)

    def next_round(self):
        """Runs for values that divide the interval into equal parts."""
        return ParallelTaskCollection(
            fit(self.low + number * self.step()) for number in range(1, POINTS + 1)
        )

    def step(self):
        """How far two values of a round are apart."""
        return (self.high - self.low) / (POINTS + 1)

    def next(self, done):
        """Look around the best value, unless it is known well enough."""
        if self.step() < PRECISION:
            return Run.State.TERMINATED
        best = min(self.tasks[done].tasks, key=misfit).beta
        self.low, self.high = best - self.step(), best + self.step()
        self.add(self.next_round())
        return Run.State.RUNNING


def fit(beta):
    """A run of the model with this transmission."""
    return gc3libs.Application(
        [f"./{MODEL.name}", "--beta", beta, "--gamma", RECOVERY, "-o", "fit.json"],
        inputs=[MODEL, COUNTS],
        outputs=["fit.json"],
        output_dir=OUT / "runs" / f"beta={beta:.4f}",
        jobname=f"beta={beta:.4f}",
        beta=beta,
    )


def misfit(run):
    """What a run has found; a run that failed has no such file, and that ends the search."""
    return json.loads((run.output_path / "fit.json").read_text())["misfit"]


def main():
    with gc3libs.Session(OUT / "refinement", store_or_url="sqlite") as session:
        session.add_many([Refinement(1.0, 3.0, jobname="transmission")], new_only=True)
        gc3libs.run(session)
        for search in session:
            for number, runs in enumerate(search.tasks, 1):
                best = min(runs.tasks, key=misfit)
                print(
                    f"round {number}: {runs.tasks[0].beta:.4f} to {runs.tasks[-1].beta:.4f} a day,"
                    f" best {best.beta:.4f}, misfit {misfit(best):.0f}"
                )


if __name__ == "__main__":
    main()
