"""Which commands there are. Nothing else is imported until one of them is run."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command.

    Attributes:
        name: As it is typed.
        module: In `gc3libs.cli.commands`.
        summary: One line for the list of commands.
    """

    name: str
    module: str
    summary: str


GROUPS: dict[str, tuple[Command, ...]] = {
    "Make and fill": (
        Command("new", "new", "make a session"),
        Command("add", "add", "add tasks: a command, over values of its parameters"),
    ),
    "Run": (
        Command("run", "run", "run it, or go on; shows the progress"),
        Command("wait", "wait", "wait until it is over, or until a condition holds"),
        Command("retry", "change", "run tasks again that are over"),
        Command("kill", "change", "end tasks"),
        Command("hold", "change", "do not start tasks until they are released"),
        Command("release", "change", "let tasks start that were held"),
    ),
    "Look": (
        Command("status", "status", "how far it is, and who runs it"),
        Command("ls", "ls", "list its tasks"),
        Command("show", "show", "everything about one task"),
        Command("logs", "logs", "what a task has written, also while it runs"),
        Command("history", "history", "every step that a task took"),
        Command("failures", "failures", "what went wrong, by cause"),
        Command("results", "results", "a table: parameters, results, times"),
        Command("sessions", "sessions", "the sessions below a directory"),
    ),
    "Keep in order": (
        Command("tag", "change", "put words on tasks, or take them off"),
        Command("rm", "change", "remove tasks"),
        Command("undo", "undo", "take back the last retry, kill, hold, tag or rm"),
        Command("check", "check", "look for damage, and repair it"),
        Command("export", "travel", "pack a session into one file"),
        Command("import", "travel", "unpack one"),
        Command("copy", "travel", "copy a session, also to another kind of store"),
        Command("migrate", "migrate", "bring a session to the present format"),
    ),
    "Set up": (
        Command("config", "config", "the settings that hold here, and where each comes from"),
        Command("resources", "resources", "where tasks can run, and whether that answers"),
        Command("completion", "completion", "completion for bash, zsh or fish"),
    ),
}

COMMANDS = {command.name: command for group in GROUPS.values() for command in group}


def overview() -> str:
    """All commands, grouped by what people do."""
    lines = ["gc3: sessions of computational tasks that survive anything"]
    for group, commands in GROUPS.items():
        lines += ["", group]
        lines += [f"  {command.name:<12}{command.summary}" for command in commands]
    lines += [
        "",
        "  gc3 COMMAND --help       what one of them takes",
        "  gc3 -V                   the version",
        "",
        "SESSION is a directory. Without it: $GC3_SESSION, or the one that the current",
        "directory is in.",
    ]
    return "\n".join(lines)
