"""README and documentation do what they say; `_reading` says how they are tried."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ._reading import ROOT, Reader, blocks

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINKING = sorted([*PAGES, *ROOT.glob("examples/**/*.md"), *ROOT.glob("benchmarks/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    complaints = Reader(tmp_path).complaints(page)
    assert not complaints, "\n\n".join(complaints)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("```python\nraise SystemExit(3)\n```\n", "exit 3"),
        ("```python\n>>> 1 + 1\n3\n```\n", "Expected"),
        ("```console\n$ echo one\ntwo\n```\n", "one"),
        ("```toml\nno_such_key = 1\n```\n", "no_such_key"),
    ],
)
def test_a_page_that_is_wrong_is_found_out(text: str, part: str, tmp_path: Path) -> None:
    (block,) = blocks(text)
    assert part in (Reader(tmp_path).complaint(block) or "")


@pytest.mark.parametrize("word", ["file=two.py", 'title="two.py"'])
def test_a_named_block_is_a_file_for_the_blocks_that_follow(word: str, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    text = f"```python {word}\nprint(2)\n```\n\n```console\n$ python two.py\n2\n```\n"
    assert [reader.complaint(block) for block in blocks(text)] == [None, None]


def test_doctests_of_a_page_know_the_names_of_earlier_ones(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\n>>> x = 2\n\n```\n\n```python\n>>> x\n3\n\n```\n")
    (complaint,) = Reader(tmp_path).complaints(page)
    assert "line 7," in complaint


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
