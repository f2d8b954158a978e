"""What the guide to a first campaign shows works as it is shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ...acceptance._reading import ROOT, blocks
from ...services.slurm import Slurm

PAGE = ROOT / "docs" / "how-to" / "slurm.md"


def test_the_first_campaign_runs_on_slurm(slurm: Slurm, tmp_path: Path) -> None:
    found = list(blocks(PAGE.read_text()))
    settings = next(block.text for block in found if block.language == "toml")
    program = next(block for block in found if block.file == "campaign.py")
    absent = ("modules", "account")  # this Slurm has neither
    kept = [line for line in settings.splitlines() if not line.startswith(absent)]
    (tmp_path / "gc3.toml").write_text("\n".join([*kept, 'poll_every = "1 s"\n']))
    (tmp_path / "campaign.py").write_text(program.text)
    environment = os.environ | {"GC3_CONFIG": str(tmp_path / "gc3.toml")}
    for _ in range(2):  # the second time, there is nothing left to do
        done = subprocess.run(
            [sys.executable, "campaign.py"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
            check=True,
        )
        assert done.stdout == "".join(f"{n} squared is {n * n}\n" for n in range(20))
    jobs = slurm.run("squeue", "-h", "--states=all", "--me", "-o", "%j %m %l").stdout
    assert jobs.count("954M 11:00") == 20
