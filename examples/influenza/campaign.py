#!/usr/bin/env python3
"""Fit an SIR model to an outbreak of influenza: 400 runs of `sir.py`, on all cores of this machine.

The runs are kept in a session. Stop the script whenever you like and run it again: it goes on where
it was stopped. See README.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import draw
import report

import gc3libs
from gc3libs.exceptions import Error
from gc3libs.session import Session

HERE = Path(__file__).resolve().parent
MODEL = HERE / "sir.py"
DATA = HERE / "influenza_school_1978.csv"
GRID = draw.Grid(
    betas=[round(1.20 + 0.05 * number, 2) for number in range(20)],
    gammas=[round(0.26 + 0.02 * number, 2) for number in range(20)],
)


def runs(directory: Path) -> Iterator[gc3libs.Application]:
    """One run of the model for each point of the grid; its fit goes into `directory`."""
    for beta in GRID.betas:
        for gamma in GRID.gammas:
            name = f"beta={beta:.2f}-gamma={gamma:.2f}"
            yield gc3libs.Application(
                arguments=[f"./{MODEL.name}", "--beta", beta, "--gamma", gamma, "-o", "fit.json"],
                inputs=[str(MODEL), str(DATA)],
                outputs=["fit.json"],
                output_dir=str(directory / name),
                jobname=name,
                beta=beta,
                gamma=gamma,
            )


def run(session: Session) -> bool:
    """Run what has not ended yet; False if the user stopped it."""
    session.add_many(runs(Path(session.path) / "runs"), new_only=True)
    if len(ended(session)) == len(session):
        print(f"{Path(session.path).name}: all {len(session)} runs have ended already")
        return True
    try:
        gc3libs.run(session)
    except KeyboardInterrupt:
        return False
    return True


def ended(session: Session) -> list[gc3libs.Task]:
    """The tasks that ended, well or not."""
    return list(session.find(state="TERMINATED"))


def summarize(session: Session) -> bool:
    """Write and print what is known so far, and what is missing; True if nothing is."""
    over = ended(session)
    done = [task for task in over if task.execution.returncode == 0]
    results = report.collect(task.output_path / "fit.json" for task in done)
    if results.fits:
        print("\n" + report.write(Path(session.path), GRID, results.fits, DATA))
    problems = list(_problems(session, len(over), len(done), results.unreadable))
    for problem in problems:
        print("\n" + problem)
    return not problems


def _problems(session: Session, over: int, done: int, unreadable: list[Path]) -> Iterator[str]:
    name, total = report.shown(Path(session.path)), len(session)
    if over < total:
        yield f"not ended: {total - over} of {total} runs\n  go on:    run this script again"
    if done < over:
        yield (
            f"failed: {over - done} of {total} runs\n"
            f"  why:      gc3 failures {name}\n  again:    gc3 retry {name}"
        )
    if unreadable:
        yield (
            f"results that cannot be read: {len(unreadable)}, {report.shown(unreadable[0])} first\n"
            f"  again:    remove {name} and run this script"
        )


def main() -> int:
    """Run the campaign. Status 0: complete, 1: something is missing, 130: stopped by the user."""
    parser = argparse.ArgumentParser(description="Sweep an SIR model over 400 pairs of rates.")
    parser.add_argument(
        "--session",
        type=Path,
        default=HERE / "flu",
        help="directory of the session and of all results (default: flu, beside this script)",
    )
    directory = parser.parse_args().session.resolve()
    try:
        with Session(directory, store_or_url="sqlite") as session:
            went_on = run(session)
            complete = summarize(session)
    except KeyboardInterrupt:
        print("Stopped.\n  go on:    run this script again")
        return 130
    except Error as err:
        print(f"{parser.prog}: {err}", file=sys.stderr)
        return 1
    if not went_on:
        return 130
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
