#!/usr/bin/env python3
"""Count the words of every text, each in a task of its own. See README.md."""

from pathlib import Path

import gc3libs

HERE = Path(__file__).resolve().parent
OUT = HERE / "out"

counts = (
    gc3libs.Application(
        ["wc", "-w", text.name],
        inputs=[text],
        outputs=[],
        output_dir=OUT / text.stem,
        stdout="words.txt",
        jobname=text.stem,
    )
    for text in sorted(HERE.glob("texts/*.txt"))
)
with gc3libs.Session(OUT / "sonnets", store_or_url="sqlite") as session:
    session.add_many(counts, new_only=True)
    gc3libs.run(session)
    for task in session.find(ok=True):
        print((task.output_path / "words.txt").read_text(), end="")
