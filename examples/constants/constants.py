#!/usr/bin/env python3
"""Derive physical constants from each other, as a graph of tasks. See README.md."""

from pathlib import Path

import derive

import gc3libs
from gc3libs.workflow import DependentTaskCollection

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"
TABLE = HERE / derive.TABLE


def derivations():
    """A task for each derived constant, after those of the constants that it needs."""
    graph = DependentTaskCollection(jobname="constants")
    tasks = {}
    for name in derive.FORMULAS:
        before = [tasks[each] for each in derive.needs(name) if each in derive.FORMULAS]
        tasks[name] = gc3libs.Application(
            ["./derive.py", name],
            inputs=[HERE / "derive.py", TABLE, *map(result_of, before)],
            outputs=[name],
            output_dir=OUT / "values" / name,
            jobname=name,
        )
        graph.add(tasks[name], after=before)
    return graph


def result_of(task):
    """The file that holds the constant, once the task is done."""
    return task.output_path / task.jobname


def main():
    with gc3libs.Session(OUT / "constants", store_or_url="sqlite") as session:
        session.add_many([derivations()], new_only=True)
        gc3libs.run(session)
        done = list(session.find(ok=True))

    published = derive.read(TABLE)
    print(f"{'':15}  {'derived':>20}  {'unit':4}  relative difference to CODATA")
    for task in done:
        row = published[task.jobname]
        derived, known = float(result_of(task).read_text()), float(row["value"])
        difference = derived / known - 1
        print(f"{task.jobname:15}  {derived:20.13e}  {row['unit']:4}  {difference:+.0e}")


if __name__ == "__main__":
    main()
