"""What `--json` prints is what the documentation says, for every command there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from gc3libs.cli._table import COMMANDS

DOCS = Path(__file__).parents[3] / "docs" / "commands.md"
EVERYWHERE = {"schema", "command", "session"}
CALLS: dict[str, list[list[str]]] = {
    "new": [["other"]],
    "add": [["flu", "--", "true"]],
    "run": [["flu"]],
    "wait": [["flu", "--for", "done > 0"]],
    "retry": [["flu", "3"]],
    "kill": [["flu", "5", "-y"]],
    "hold": [["flu", "5"]],
    "release": [["flu", "5"]],
    "status": [["flu"]],
    "ls": [["flu"]],
    "show": [["flu", "3"]],
    "logs": [["flu", "1"]],
    "history": [["flu", "1"]],
    "failures": [["flu"]],
    "results": [["flu"], ["flu", "-o", "flu.csv"]],
    "sessions": [[]],
    "tag": [["flu", "1", "--add", "a"]],
    "rm": [["flu", "1", "-y"]],
    "undo": [["flu"], ["flu", "--list"]],
    "check": [["flu"], ["flu", "--repair"]],
    "export": [["flu", "flu.tar.gz"]],
    "import": [["packed.tar.gz", "again"]],
    "copy": [["flu", "copy"]],
    "migrate": [["flu"]],
    "config": [["flu"]],
    "resources": [["flu"]],
    "completion": [["bash"]],
}
CHANGING = {
    *("new", "add", "run", "retry", "kill", "hold", "release", "tag", "rm", "undo", "check"),
    *("export", "import", "copy", "migrate"),
}


def documented() -> dict[str, set[str]]:
    """The members of each command's object."""
    section = DOCS.read_text().partition("\n## JSON\n")[2]
    rows = re.findall(r"^\| (`[a-z`, ]+`) \| (.+) \|$", section, re.MULTILINE)
    found: dict[str, set[str]] = {}
    for commands, members in rows:
        for command in re.findall(r"`(\w+)`", commands):
            found.setdefault(command, set()).update(re.findall(r"`(\w+)`", members))
    return found


def words_of_section() -> set[str]:
    section = DOCS.read_text().partition("\n## JSON\n")[2]
    return set(re.findall(r"`(\w+)`", section))


FREE = {"rows", "details", "parameters", "left", "limits", "facts", "seconds_left"}
"""Members whose own members are nobody's choice."""


def members_of(data: Any) -> set[str]:
    """Of all objects in an object."""
    if isinstance(data, list):
        return {name for each in data for name in members_of(each)}
    if not isinstance(data, dict):
        return set()
    below = {name for key, each in data.items() if key not in FREE for name in members_of(each)}
    return data.keys() | below


def state_of(directory: Path) -> dict[str, bytes]:
    """All that lies in a directory but what SQLite keeps for a while, and locks."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm", ".lock", "lease"))
    }


@pytest.fixture
def session(flu: Any) -> Any:
    flu("export", "flu", "packed.tar.gz")
    flu("add", "flu", "--over", "y=5", "--", "true", "{y}")
    flu("tag", "flu", "1", "--add", "before")
    return flu


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_prints_what_is_documented(session: Any, name: str) -> None:
    known = documented()[name] | EVERYWHERE
    if name == "release":
        session("hold", "flu", "5")
    for words in CALLS[name]:
        result = session.try_(name, "--json", *words)
        assert result.code in (0, 2), result.err
        data = result.json
        assert (data["schema"], data["command"]) == ("gc3/1", name)
        assert data.keys() <= known | {"dry_run"}, data.keys() - known
        assert members_of(data) <= words_of_section()


@pytest.mark.parametrize("name", sorted(CHANGING))
def test_a_dry_run_changes_nothing_and_says_so(session: Any, name: str) -> None:
    if name == "release":
        session("hold", "flu", "5")
    before = state_of(session.directory)
    data = session(name, "-n", "--json", *CALLS[name][0]).json
    assert data["dry_run"] is True
    assert data.keys() <= documented()[name] | EVERYWHERE | {"dry_run"}
    assert state_of(session.directory) == before


def test_each_command_that_changes_something_has_a_dry_run(gc3: Any) -> None:
    for name in COMMANDS:
        assert ("--dry-run" in gc3(name, "--help").out) == (name in CHANGING), name
