"""`DaemonClient`: talks to a script that stays."""

from __future__ import annotations

import os
from typing import Any

from gc3libs.cmdline._base import _Script
from gc3libs.cmdline._reception import Answer, ask


class DaemonClient(_Script):
    """Talk to a daemon, and print what it answers.

    The exit code is 0, 2 for wrong usage, 68 if nobody answers, 69 if there is no such command, or
    70 if the command fails.

    Args:
        **extra: As for any script.
    """

    version = "1.0"

    def __init__(self, **extra: Any) -> None:
        extra.setdefault("description", _HELP)
        super().__init__(**extra)

    def setup_args(self) -> None:
        """Add arguments: whom to ask for what."""
        self.add_param(
            "server",
            metavar="SERVER",
            help="directory of the daemon's session, or the file daemon.url in it, or its content",
        )
        self.add_param("command", metavar="COMMAND", help="`help` lists the commands")
        self.add_param("args", metavar="ARGUMENT", nargs="...", help="arguments of the command")

    def main(self) -> int:
        """Ask, print the answer, and give the exit code."""
        params = self.params
        try:
            answer = ask(params.server, params.command, *params.args)
        except OSError as err:
            text = f"nobody answers at {params.server}: {err.strerror or err}"
            answer = Answer(code=os.EX_NOHOST, text=text)
        self._say(answer.text, self.stderr if answer.code else self.stdout)
        return answer.code


_HELP = "Talk to a script that stays, and print what it answers."
