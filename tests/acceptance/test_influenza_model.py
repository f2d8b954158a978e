"""The influenza example's model, report and picture. The model is run as users run it, too."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "influenza"
MODULES = ("sir", "draw", "report")
SVG = "{http://www.w3.org/2000/svg}"
MURRAY = (763 * 2.18e-3, 202 * 2.18e-3)


@pytest.fixture(scope="module")
def example() -> Iterator[Any]:
    """The example's modules, known by their short names while this file's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE))
        for name in MODULES:
            patch.delitem(sys.modules, name, raising=False)
        yield SimpleNamespace(**{name: import_module(name) for name in MODULES})
        for name in MODULES:
            sys.modules.pop(name)


@pytest.fixture(scope="module")
def sir(example: Any) -> ModuleType:
    module: ModuleType = example.sir
    return module


@pytest.fixture(scope="module")
def counts(sir: Any) -> Any:
    return sir.read_counts(sir.DATA)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(EXAMPLE / "sir.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


# The science


def test_the_counts_are_those_of_the_outbreak(counts: Any) -> None:
    assert len(counts) == 14
    assert (counts[0].day, counts[0].date.isoformat(), counts[0].in_bed) == (1, "1978-01-22", 3)
    assert (counts[-1].day, counts[-1].date.isoformat(), counts[-1].in_bed) == (14, "1978-02-04", 4)
    assert max(count.in_bed for count in counts) == 298


def test_the_published_rates_fit_the_counts(sir: Any, counts: Any) -> None:
    published = sir.fit(*MURRAY, counts)
    assert published.r0 == pytest.approx(762 / 202)
    assert published.misfit == pytest.approx(4146, abs=1)
    assert published.rms < 0.06 * max(count.in_bed for count in counts)
    assert max(groups.infectious for groups in published.curve) == pytest.approx(298, rel=0.05)


def test_the_best_rates_are_the_published_ones_within_two_percent(sir: Any, counts: Any) -> None:
    rates = [(1.60 + 0.01 * i, 0.40 + 0.005 * j) for i in range(15) for j in range(15)]
    best = min((sir.fit(*pair, counts) for pair in rates), key=lambda fit: fit.misfit)
    assert (best.beta, best.gamma) == pytest.approx(MURRAY, rel=0.02)
    assert best.r0 == pytest.approx(3.8, abs=0.1)


@pytest.mark.parametrize("rates", [MURRAY, (10, 10), (10, 0), (0, 10), (0, 0), (1e-9, 3)])
def test_no_boy_is_lost(sir: Any, rates: tuple[float, float]) -> None:
    for groups in sir.outbreak(*rates, days=100):
        assert sum(groups[1:]) == pytest.approx(763, abs=1e-8)
        assert min(groups[1:]) >= 0


def test_the_error_of_the_integrator_falls_with_the_fourth_power_of_the_step(sir: Any) -> None:
    exact = sir.outbreak(*MURRAY, days=14, steps_per_day=320)[-1].infectious
    error = [abs(sir.outbreak(*MURRAY, 14, steps)[-1].infectious - exact) for steps in (5, 10, 20)]
    assert error[2] < 1e-3
    assert 12 < error[0] / error[1] < 20
    assert 12 < error[1] / error[2] < 20


def test_the_course_keeps_the_invariant_of_the_equations(sir: Any) -> None:
    """Along an exact solution, I + S - (gamma N / beta) log S does not change."""
    beta, gamma = MURRAY
    values = [
        groups.infectious + groups.susceptible - gamma * 763 / beta * math.log(groups.susceptible)
        for groups in sir.outbreak(beta, gamma, days=30)
    ]
    assert values == pytest.approx([values[0]] * len(values), abs=1e-3)


def test_without_recovery_everybody_falls_ill_and_r0_does_not_exist(sir: Any, counts: Any) -> None:
    fit = sir.fit(2.0, 0.0, counts)
    assert fit.r0 is None
    assert fit.curve[-1].infectious == pytest.approx(763, abs=0.1)
    assert fit.curve[-1].recovered == 0


def test_without_transmission_nobody_else_falls_ill(sir: Any, counts: Any) -> None:
    fit = sir.fit(0.0, 0.5, counts)
    assert fit.r0 == 0
    assert fit.curve[-1].susceptible == 762


# The program


def test_the_program_writes_what_the_model_says(sir: Any, counts: Any, tmp_path: Path) -> None:
    output = tmp_path / "fit.json"
    ended = run("--beta", 1.65, "--gamma", 0.44, "-o", output)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    record = json.loads(output.read_text())
    assert record["r0"] == pytest.approx(3.745, abs=0.001)
    assert record["curve"][0] == {
        "day": 0.0, "susceptible": 762.0, "infectious": 1.0, "recovered": 0.0,
    }  # fmt: skip
    assert sir.Fit.from_json(output.read_text()) == sir.fit(1.65, 0.44, counts)


def test_the_program_writes_to_standard_output_if_no_file_is_named() -> None:
    ended = run("--beta", 1.65, "--gamma", 0)
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["r0"] is None


def test_an_r0_beyond_all_numbers_is_null() -> None:
    ended = run("--beta", 1, "--gamma", 5e-324)
    assert json.loads(ended.stdout)["r0"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--beta", "1"], "the following arguments are required: --gamma"),
        (["--beta", "much", "--gamma", "1"], "argument --beta: 'much' is not a rate per day"),
        (["--beta", "1", "--gamma", "-0.1"], "argument --gamma: '-0.1' is not a rate per day"),
        (["--beta", "nan", "--gamma", "1"], "argument --beta: 'nan' is not a rate per day"),
        (["--beta", "1e999", "--gamma", "1"], "'1e999' is not a rate per day from 0 to 10"),
        (["--beta", "1", "--gamma", "1", "--data", "/none"], "cannot read /none: No such file"),
        (["--beta", "1", "--gamma", "1", "-o", "/none/x"], "cannot write /none/x: No such file"),
        (["--beta", "1", "--gamma", "1", "--delta", "1"], "unrecognized arguments: --delta 1"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(arguments: list[str], message: str) -> None:
    ended = run(*arguments)
    assert ended.returncode == 2
    assert ended.stderr.startswith("sir.py: ")
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "no counts in it"),
        (b"date,in_bed\n", "no counts in it"),
        (b"day,in_bed\n1978-01-22,3\n", "line 2: no column 'date'"),
        (b"date,in_bed\n1978-01-22,3\n1978-01-23,many\n", "line 3: invalid literal"),
        (b"date,in_bed\n1978-01-22\n", "line 2: "),
        (b"date,in_bed\n1978-13-22,3\n", "line 2: month must be in 1..12"),
        (b"date,in_bed\n1978-01-22,764\n", "line 2: 764 boys in bed, of 763"),
        (b"date,in_bed\n1978-01-22,-1\n", "line 2: -1 boys in bed"),
        (b"date,in_bed\n1978-01-22,3\n1978-01-22,3\n", "line 3: 1978-01-22 does not come after"),
        (b"\xff\xfe\x00", "is no table of text"),
    ],
)
def test_data_that_cannot_be_used_is_named(tmp_path: Path, text: bytes, message: str) -> None:
    data = tmp_path / "counts.csv"
    data.write_bytes(text)
    ended = run("--beta", 1, "--gamma", 1, "--data", data)
    assert ended.returncode == 2
    assert str(data) in ended.stderr
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_days_without_a_count_are_skipped(sir: Any, tmp_path: Path) -> None:
    data = tmp_path / "counts.csv"
    data.write_text("date,in_bed\n1978-01-30,3\n1978-02-02,29\n")
    assert [count.day for count in sir.read_counts(data)] == [1, 4]


def test_the_program_needs_neither_installed_packages_nor_its_own_directory(tmp_path: Path) -> None:
    for name in ("sir.py", "influenza_school_1978.csv"):
        (tmp_path / name).write_bytes((EXAMPLE / name).read_bytes())
    command = [sys.executable, "-I", "-S", "sir.py", "--beta", "1.65", "--gamma", "0.44"]
    ended = subprocess.run(
        command, cwd=tmp_path, env={}, capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(ended.stdout)["misfit"] == pytest.approx(4329, abs=1)


def test_the_scripts_are_executable() -> None:
    assert os.access(EXAMPLE / "sir.py", os.X_OK)
    assert os.access(EXAMPLE / "campaign.py", os.X_OK)


# Report and picture


@pytest.fixture(scope="module")
def grid(example: Any) -> Any:
    return example.draw.Grid([1.55, 1.65, 1.75, 1.85], [0.42, 0.44, 0.46])


@pytest.fixture(scope="module")
def fits(sir: Any, counts: Any, grid: Any) -> list[Any]:
    return [sir.fit(beta, gamma, counts) for beta in grid.betas for gamma in grid.gammas]


def colours(svg: ElementTree.Element) -> list[str]:
    """Those of the heat map's cells, in the order of the grid."""
    cells = next(group for group in svg.iter(f"{SVG}g") if group.get("shape-rendering"))
    return [cell.attrib["fill"] for cell in cells]


def test_damaged_results_hide_no_others(example: Any, fits: list[Any], tmp_path: Path) -> None:
    good, torn, odd, absent = (tmp_path / name for name in ("good", "torn", "odd", "absent"))
    good.write_text(fits[0].to_json())
    torn.write_text(fits[1].to_json()[:200])
    odd.write_text("[1, 2]")
    results = example.report.collect([torn, absent, good, odd])
    assert results.fits == [fits[0]]
    assert results.unreadable == [torn, absent, odd]


def test_all_misfits_are_in_the_csv_file(
    example: Any, grid: Any, fits: list[Any], tmp_path: Path
) -> None:
    example.report.write(tmp_path, grid, fits, example.sir.DATA)
    with (tmp_path / "misfits.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(float(row["beta"]), float(row["gamma"])) for row in rows] == [
        (fit.beta, fit.gamma) for fit in fits
    ]
    assert [float(row["misfit"]) for row in rows] == [fit.misfit for fit in fits]


def test_the_table_shows_the_best_beside_the_published_fit(
    example: Any, grid: Any, fits: list[Any], tmp_path: Path
) -> None:
    text = example.report.write(tmp_path, grid, fits, example.sir.DATA)
    lines = text.splitlines()
    best, published = (" ".join(line.split()) for line in lines[2:4])
    assert best == "best of 12 runs 1.650 0.440 3.75 4329 17.6 boys"
    assert published == "published (Murray) 1.663 0.440 3.77 4146 17.2 boys"
    assert max(map(len, lines[:4])) < 80


def test_the_picture_shows_the_best_run_darkest(
    example: Any, grid: Any, fits: list[Any], tmp_path: Path
) -> None:
    example.report.write(tmp_path, grid, fits, example.sir.DATA)
    svg = ElementTree.parse(tmp_path / "influenza.svg").getroot()
    cells = colours(svg)
    assert len(cells) == len(fits)
    by_misfit = sorted(zip(fits, cells, strict=True), key=lambda pair: pair[0].misfit)
    assert by_misfit[0][1] == example.draw.VIRIDIS[0]
    assert by_misfit[-1][1] == example.draw.VIRIDIS[-1]
    words = " ".join("".join(text.itertext()) for text in svg.iter(f"{SVG}text"))
    assert "transmission 1.65 and recovery 0.44" in words
    assert len(list(svg.iter(f"{SVG}polyline"))) == 2


def test_the_picture_of_a_part_of_the_runs_says_so(
    example: Any, grid: Any, fits: list[Any], tmp_path: Path
) -> None:
    example.report.write(tmp_path, grid, fits[:1], example.sir.DATA)
    svg = ElementTree.parse(tmp_path / "influenza.svg").getroot()
    assert colours(svg)[1:] == [example.draw.MISSING] * 11
    assert "1 of 12 runs (grey: no result)" in "".join(svg.itertext())


def test_paths_are_shown_relative_to_the_current_directory(
    example: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert example.report.shown(tmp_path / "flu" / "misfits.csv") == "flu/misfits.csv"
    assert example.report.shown(Path("/elsewhere/flu")) == "/elsewhere/flu"
