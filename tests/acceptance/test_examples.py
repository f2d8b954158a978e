"""The examples do what their READMEs say, and run nothing twice."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ._reading import ROOT, Reader

NAMES = ("sonnets", "refinement", "constants", "hubble", "primes")


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Somebody with a clean checkout of the examples."""
    reader = Reader(tmp_path)
    made = shutil.ignore_patterns("out", "flu*", "__pycache__")
    shutil.copytree(ROOT / "examples", reader.work / "examples", ignore=made)
    return reader


@pytest.mark.parametrize("name", NAMES)
def test_an_example_does_what_its_readme_says(name: str, reader: Reader) -> None:
    complaints = reader.complaints(ROOT / "examples" / name / "README.md")
    assert not complaints, "\n\n".join(complaints)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_that_is_run_again_runs_nothing(name: str, reader: Reader) -> None:
    if name == "hubble":
        pytest.importorskip("pandas")
    command = ("python", f"examples/{name}/{name}.py")
    first, second = reader.run(*command), reader.run(*command)
    assert (first.returncode, second.returncode) == (0, 0)
    over, _, results = second.stdout.partition("\n")
    assert re.fullmatch(rf"{name}: all \d+ tasks were over already: \d+ done, 0 failed", over)
    assert first.stdout.endswith(results)


def test_the_influenza_campaign_goes_on_after_ctrl_c(reader: Reader) -> None:
    command = [sys.executable, "examples/influenza/campaign.py"]
    with subprocess.Popen(command, cwd=reader.work, stderr=subprocess.PIPE, text=True) as campaign:
        assert campaign.stderr is not None
        assert "of 400 done" in campaign.stderr.readline()
        campaign.send_signal(signal.SIGINT)
        said = campaign.stderr.read()
    assert campaign.returncode == 130
    assert "nothing is lost" in said
    result = reader.run(*command)
    assert result.returncode == 0
    assert "best of 400 runs            1.650     0.440" in result.stdout


def test_examples_are_listed_and_say_where_their_data_come_from() -> None:
    listed = (ROOT / "examples" / "README.md").read_text()
    for name in NAMES:
        assert f"`make example-{name}`" in listed
        assert "\n## Source\n" in (ROOT / "examples" / name / "README.md").read_text()
