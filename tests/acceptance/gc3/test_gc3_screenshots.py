"""The pictures in the documentation can be made anew, and show what they are said to."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
SHOWN = {
    "run": ["gc3 run flu", "flu · 84 tasks · 2 of 2 slots", "x ZeroDivisionError", "Ctrl-C"],
    "status": ["gc3 status flu", "84 tasks", "core-hours used", "gc3 failures flu"],
    "ls": ["gc3 ls flu --failed", "ZeroDivisionError", "8 of 84 tasks"],
    "failures": ["gamma = 0 in all of them", "walltime of 3 s", "gc3 retry flu --family F2"],
}


def text_of(picture: Path) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", picture.read_text())).replace("\xa0", " ")


def test_pictures_can_be_made_anew(tmp_path: Path) -> None:
    subprocess.run([sys.executable, DOCS / "screenshots.py", tmp_path], check=True, timeout=200)
    for name, words in SHOWN.items():
        text = text_of(tmp_path / f"{name}.svg")
        assert [word for word in words if word not in text] == [], text


def test_pictures_of_the_documentation_are_there_and_need_nothing_from_elsewhere() -> None:
    for name, words in SHOWN.items():
        picture = DOCS / "screenshots" / f"{name}.svg"
        assert words[0] in text_of(picture)
        assert "url(http" not in picture.read_text()
