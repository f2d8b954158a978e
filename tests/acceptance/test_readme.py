"""README and documentation do what they say.

The word behind a fence says what happens to the block:

* `python`: a program, run in a process of its own; with prompts (`>>>`) a doctest;
* `python file=NAME`: written to that file, for the blocks that follow; not run;
* `console`: the lines that begin with `$ ` are run by a shell, and what they print must be what
  follows (`...` stands for anything);
* `toml`: a user's configuration file, which must be accepted;
* anything else (`text`, `sh`, none) is for reading only.

The blocks of a page share a directory, and a home without any configuration.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINKING = sorted([*PAGES, *ROOT.glob("examples/*/*.md"), *ROOT.glob("benchmarks/*.md")])
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = ("ELLIPSIS", "NORMALIZE_WHITESPACE")
TIMEOUT = 120
"""For each command, in seconds."""


@dataclass(frozen=True)
class Block:
    """A fenced block: the words behind the fence, its text, and the line on which that begins."""

    words: tuple[str, ...]
    text: str
    line: int

    @property
    def language(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def file(self) -> str | None:
        names = [word.removeprefix("file=") for word in self.words if word.startswith("file=")]
        return names[0] if names else None


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a Markdown text, in order."""
    for match in FENCE.finditer(text):
        words = tuple(match["info"].split())
        yield Block(words, match["text"], text.count("\n", 0, match.start("text")) + 1)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """What a console block runs, each command with the output that the page shows."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


class Reader:
    """Somebody who tries what a page says, in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self._home = directory / "home"
        self._work = directory / "work"
        self._home.mkdir()
        self._work.mkdir()

    def complaint(self, block: Block) -> str | None:
        """Try a block; what is wrong with it, or None."""
        match block.language:
            case "python" if block.file:
                (self._work / block.file).write_text(block.text)
                return None
            case "python" if ">>> " in block.text:
                return self._doctest(block.text)
            case "python":
                return self._expect_success("-c", block.text)
            case "console":
                return self._console(block.text)
            case "toml":
                return self._settings(block.text)
            case _:
                return None

    def _run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("GC3", "XDG_", "PYTEST_"))
        }
        environment |= {
            "COLUMNS": "80",
            "HOME": str(self._home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONWARNINGS": "error",
        }
        return subprocess.run(
            argv,
            cwd=self._work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def _expect_success(self, *arguments: str) -> str | None:
        result = self._run(sys.executable, *arguments)
        return None if result.returncode == 0 else f"exit {result.returncode}\n{result.stdout}"

    def _doctest(self, text: str) -> str | None:
        page = self._home / "example.txt"
        page.write_text(text)
        options = [word for flag in FLAGS for word in ("-o", flag)]
        return self._expect_success("-m", "doctest", *options, str(page))

    def _console(self, text: str) -> str | None:
        checker = doctest.OutputChecker()
        flags = sum(doctest.OPTIONFLAGS_BY_NAME[flag] for flag in FLAGS)
        for command, wanted in commands(text):
            result = self._run("bash", "-c", command)
            if not checker.check_output(wanted, result.stdout, flags):
                return f"$ {command}\n{wanted}-- but it prints:\n{result.stdout}"
        return None

    def _settings(self, text: str) -> str | None:
        path = self._home / "documented.toml"
        path.write_text(text)
        program = "from gc3libs.config import load_settings; load_settings()"
        result = self._run("env", f"GC3_CONFIG={path}", sys.executable, "-c", program)
        return None if result.returncode == 0 else result.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    complaints = [
        f"{page.name}, line {block.line}: {complaint}"
        for block in blocks(page.read_text())
        if (complaint := reader.complaint(block))
    ]
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


def test_a_named_block_is_a_file_for_the_blocks_that_follow(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    text = "```python file=two.py\nprint(2)\n```\n\n```console\n$ python two.py\n2\n```\n"
    assert [reader.complaint(block) for block in blocks(text)] == [None, None]


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
