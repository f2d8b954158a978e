"""Fenced blocks of Markdown pages, and a reader who tries them.

The word behind a fence says what happens to the block:

* `python`: a program, run in a process of its own; with prompts (`>>>`) a doctest, which knows the
  names of the page's earlier ones;
* `python title="NAME"` or `python file=NAME`: written to that file, for other blocks, and not run;
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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"""\b(?:title|file)="?(?P<name>[^"\s]+)""")
FLAGS = ("ELLIPSIS", "NORMALIZE_WHITESPACE")
TIMEOUT = 120
"""For each command, in seconds."""


@dataclass(frozen=True)
class Block:
    """A fenced block: what is behind the fence, its text, and the line on which that begins."""

    info: str
    text: str
    line: int

    @property
    def language(self) -> str:
        return self.info.partition(" ")[0]

    @property
    def file(self) -> str | None:
        named = NAMED.search(self.info)
        return None if named is None else named["name"]

    @property
    def is_doctest(self) -> bool:
        return self.language == "python" and self.file is None and ">>> " in self.text


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a Markdown text, in order."""
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start("text")) + 1
        yield Block(match["info"].strip(), match["text"], line)


def joined(examples: Iterable[Block]) -> Block:
    """Doctests of a page as one, each on the lines where it is in the page."""
    text = ""
    for each in examples:
        text += "\n" * (each.line - 1 - text.count("\n")) + each.text
    return Block("python", text, 1)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """What a console block runs, each command with the output that the page shows."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


class Reader:
    """Somebody who tries what a page says, in a directory of their own.

    Attributes:
        work: That directory.
    """

    def __init__(self, directory: Path) -> None:
        self._home = directory / "home"
        self.work = directory / "work"
        self._home.mkdir()
        self.work.mkdir()

    def complaint(self, block: Block) -> str | None:
        """Try a block; what is wrong with it, or None."""
        match block.language:
            case "python" if block.file:
                (self.work / block.file).write_text(block.text)
                return None
            case "python" if block.is_doctest:
                return self._doctest(block.text)
            case "python":
                return self._expect_success("-c", block.text)
            case "console":
                return self._console(block.text)
            case "toml":
                return self._settings(block.text)
            case _:
                return None

    def complaints(self, page: Path) -> list[str]:
        """Try a page, its doctests last; what is wrong with it."""
        found = list(blocks(page.read_text()))
        tried = [each for each in found if not each.is_doctest]
        if len(tried) < len(found):
            tried.append(joined(each for each in found if each.is_doctest))
        return [
            f"{page.name}, line {block.line}: {complaint}"
            for block in tried
            if (complaint := self.complaint(block))
        ]

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command; its errors are in its output."""
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
            cwd=self.work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def _expect_success(self, *arguments: str) -> str | None:
        result = self.run(sys.executable, *arguments)
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
            result = self.run("bash", "-c", command)
            if not checker.check_output(wanted, result.stdout, flags):
                return f"$ {command}\n{wanted}-- but it prints:\n{result.stdout}"
        return None

    def _settings(self, text: str) -> str | None:
        path = self._home / "documented.toml"
        path.write_text(text)
        program = "from gc3libs.config import load_settings; load_settings()"
        result = self.run("env", f"GC3_CONFIG={path}", sys.executable, "-c", program)
        return None if result.returncode == 0 else result.stdout
