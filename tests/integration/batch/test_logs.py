"""What a job on a cluster writes can be followed from another program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gc3libs
from gc3libs.session import Session

from ...services.slurm import Slurm

CONFIGURATION = """
[resources.cluster]
type = "slurm"
poll_every = "1 s"
"""
PATIENCE = 120.0


def test_logs_follows_a_job_to_its_end(slurm: Slurm, tmp_path: Path) -> None:
    (tmp_path / "gc3.toml").write_text(CONFIGURATION)
    go = tmp_path / "go"
    script = f"echo first; until [ -e '{go}' ]; do sleep 0.1; done; echo second"
    with Session(tmp_path / "s", store_or_url="sqlite") as session:
        out = str(tmp_path / "out")
        session.add(gc3libs.Application(["sh", "-c", script], [], [], out, stdout="o.txt"))
    session.close()
    environment = os.environ | {"GC3_CONFIG": str(tmp_path / "gc3.toml")}

    def gc3(*words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gc3libs", *words]
        return subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    with gc3("run", "s", "-q", "-y") as engine:
        shown = b""
        while b"first" not in shown:
            with gc3("logs", "s", "1") as look:
                shown = look.communicate(timeout=PATIENCE)[0]
        with gc3("logs", "-f", "s", "1") as follow:
            assert follow.stdout is not None
            assert follow.stdout.readline() == b"first\n"
            go.touch()
            assert follow.communicate(timeout=PATIENCE)[0] == b"second\n"
        said = engine.communicate(timeout=PATIENCE)[0]
        assert engine.returncode == 0, said
