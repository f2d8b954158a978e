#!/usr/bin/env python3
"""Give tasks that run out of memory twice as much, and run them again. See README.md."""

import csv
from pathlib import Path

import gc3libs
from gc3libs.quantity import MB
from gc3libs.workflow import RetryableTask

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"

with (HERE / "primes_below.csv").open(newline="") as file:
    KNOWN = {int(row["limit"]): int(row["primes"]) for row in csv.DictReader(file)}


def count(limit):
    """Count the primes below a limit, at first in little memory."""
    sieve = gc3libs.Application(
        ["./sieve.py", limit],
        inputs=[HERE / "sieve.py"],
        outputs=[],
        output_dir=OUT / "counts" / f"below-{limit}",
        stdout="primes.txt",
        jobname=f"below-{limit}",
        limit=limit,
        requested_memory=50 * MB,
    )
    return RetryableTask(sieve, max_retries=3, memory_factor=2, max_memory=400 * MB)


def main():
    with gc3libs.Session(OUT / "primes", store_or_url="sqlite") as session:
        session.add_many(map(count, KNOWN), new_only=True)
        gc3libs.run(session)
        print("      below      primes  memory  retries")
        for task in session:
            sieve = task.task
            primes = int((sieve.output_path / "primes.txt").read_text())
            assert primes == KNOWN[sieve.limit], f"{primes} primes below {sieve.limit}"
            memory = f"{sieve.requested_memory.amount(MB):.0f} MB"
            print(f"{sieve.limit:11,} {primes:11,}  {memory:>6}  {task.retried:7}")


if __name__ == "__main__":
    main()
