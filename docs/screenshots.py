"""Pictures of what `gc3` shows: runs a small campaign, and draws what terminals would.

`make screenshots` writes `docs/screenshots/*.svg`; another directory can be named.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WIDTH, HEIGHT = 80, 24
SIR = """\
import json, sys, time

beta, gamma = float(sys.argv[1]), float(sys.argv[2])
if (beta, gamma) == (2.4, 0.01):
    time.sleep(60)  # a fit that does not converge
r0 = beta / gamma
s, i, days = 0.999, 0.001, 0
while i > 1e-4 and days < 200:
    new = min(s, beta * s * i)
    s, i, days = s - new, i + new - gamma * i, days + 1
time.sleep(0.05)
json.dump({"r0": r0, "days": days, "spared": s}, open("fit.json", "w"))
"""
_NEW_FRAME = re.compile(rb"(?:\r?\x1b\[2K|\x1b\[1A)+")
_FONT_FACE = re.compile(r"@font-face \{\{.*?\}\}\n", re.DOTALL)
_BLANK, _CELL = "&#160;", 12.2
_INDENTED = re.compile(
    r'x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" textLength="(?P<length>[\d.]+)"'
    r"(?P<rest>[^>]*>)(?P<blanks>(?:&#160;)+)"
)


class Campaign:
    """A session in a directory of its own, and what commands show of it on a terminal."""

    def __init__(self, directory: Path, command: str) -> None:
        self._directory = directory
        self._command = command
        self._environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("GC3", "NO_COLOR"))},
            "TERM": "xterm-256color",
            "COLUMNS": str(WIDTH),
            "LC_ALL": "C.UTF-8",
            "HOME": str(directory),
        }

    def add(self) -> None:
        """Make the session: 84 tasks, of which four fail for one reason and one for another."""
        (self._directory / "sir.py").write_text(SIR)
        grid = ["--over", "beta=0.6:2.6:0.1", "--over", "gamma=0,0.01,0.3,0.45"]
        files = ["--inputs", "sir.py", "--outputs", "fit.json", "--walltime", "3s"]
        template = ["python3", "sir.py", "{beta}", "{gamma}"]
        self.shown("new", "flu")
        self.shown("add", "flu", *grid, *files, "--", *template)

    def shown(self, *words: str) -> bytes:
        """All that a terminal receives while a command runs."""
        screen, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        with subprocess.Popen(
            [self._command, *words],
            cwd=self._directory,
            env=self._environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        ):
            os.close(terminal)
            received = b"".join(iter(lambda: _read(screen), b""))
        os.close(screen)
        return received


def _read(screen: int) -> bytes:
    try:
        return os.read(screen, 65536)
    except OSError:  # the command is over
        return b""


def frame_of(received: bytes, share: float) -> bytes:
    """A picture of a view that is drawn again and again: the one after this share of them."""
    frames = [each for each in _NEW_FRAME.split(received) if b"waiting" in each]
    return frames[int(len(frames) * share)]


def draw(command: str, received: bytes) -> str:
    """The picture of a terminal in which a command was typed, as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), color_system="truecolor")
    text = re.sub(rb"\x1b\[\?25[hl]", b"", received).decode().replace("\r\n", "\n")
    console.print(Text.assemble(("$ ", "dim"), (command, "bold")))
    console.print(Text.from_ansi(text.strip("\n")))
    plain = _FONT_FACE.sub("", CONSOLE_SVG_FORMAT)  # viewers need nothing from elsewhere
    svg = console.export_svg(title="", theme=MONOKAI, code_format=plain, unique_id="gc3")
    return _INDENTED.sub(_moved, svg)


def _moved(text: re.Match[str]) -> str:
    """A text that begins with blanks, which some viewers leave out, further to the right."""
    blanks = len(text["blanks"]) // len(_BLANK) * _CELL
    start, length = float(text["x"]) + blanks, float(text["length"]) - blanks
    return f'x="{start:g}" y="{text["y"]}" textLength="{length:g}"{text["rest"]}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("into", nargs="?", default=Path(__file__).with_name("screenshots"))
    into = Path(parser.parse_args().into)
    into.mkdir(parents=True, exist_ok=True)
    beside = Path(sys.executable).with_name("gc3")
    with tempfile.TemporaryDirectory(prefix="gc3-pictures-") as directory:
        campaign = Campaign(Path(directory), str(beside))
        campaign.add()
        pictures = {"run": ("gc3 run flu", frame_of(campaign.shown("run", "flu", "-j", "2"), 0.7))}
        for name, words in {
            "status": ["status", "flu"],
            "ls": ["ls", "flu", "--failed", "--limit", "8"],
            "failures": ["failures", "flu"],
        }.items():
            pictures[name] = f"gc3 {' '.join(words)}", campaign.shown(*words)
    for name, (command, received) in pictures.items():
        (into / f"{name}.svg").write_text(draw(command, received), encoding="utf-8")
        print(into / f"{name}.svg")  # noqa: T201


if __name__ == "__main__":
    main()
