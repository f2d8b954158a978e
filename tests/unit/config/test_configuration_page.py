"""The page on configuration names every key, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gc3libs.config._clusters import KINDS, USER_ONLY, Limits, LocalResource
from gc3libs.config._settings import is_user_only, types_of

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "configuration.md").read_text()
LIMITS = {"enabled", *Limits.__struct_fields__}


def section(title: str) -> dict[str, str]:
    """Keys in the table under a heading, each with its row."""
    match = re.search(rf"^#+ {title}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match, f"there is no section {title}"
    return dict(re.findall(r"^\| `(\w+)` (.*)$", match[1], re.MULTILINE))


def marked(rows: dict[str, str]) -> set[str]:
    return {key for key, row in rows.items() if "(yours only)" in row}


def test_general_keys() -> None:
    rows = section("Keys")
    assert set(rows) == {key for key in types_of({}) if "." not in key}
    assert marked(rows) == {key for key in rows if is_user_only(key)}


def test_types() -> None:
    assert set(section("Resources")) == set(KINDS)


def test_limits() -> None:
    assert set(section("Limits")) == LIMITS


def test_this_machine() -> None:
    assert set(section("This machine")) == set(LocalResource.__struct_fields__) - LIMITS


@pytest.mark.parametrize(
    ("title", "kinds"),
    [
        ("Batch systems and hosts", ["host", "lsf", "pbs", "sge", "slurm"]),
        ("Dask", ["dask"]),
    ],
)
def test_clusters(title: str, kinds: list[str]) -> None:
    rows = section(title)
    fields = {field for kind in kinds for field in KINDS[kind].__struct_fields__}
    assert set(rows) == fields - LIMITS
    assert marked(rows) == USER_ONLY & rows.keys()
