"""What can be asked of a script that stays."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from gc3libs._clock import SYSTEM
from gc3libs.cmdline._orders import Orders
from gc3libs.cmdline._reception import Answer, Wish
from gc3libs.cmdline._requests import Request
from gc3libs.cmdline._tables import summary_table, tasks_table
from gc3libs.exceptions import Error, InvalidArgument

if TYPE_CHECKING:
    from gc3libs.persistence.record import Summary
    from gc3libs.session import Session

logger = logging.getLogger(__name__)


class Commands:
    """The commands: the public methods. A class of its own may have more.

    Each gets words and gives the text that is printed.

    Args:
        session: Of the script.
        orders: Carries out what is to be done to tasks.
        name: Of the script.
        arrive: Called with a path that is to be treated as if it had come just now.
        leave: Ends the script.
    """

    def __init__(
        self,
        session: Session,
        orders: Orders,
        name: str,
        arrive: Callable[[str], None],
        leave: Callable[[], None],
    ) -> None:
        self._session = session
        self._orders = orders
        self._name = name
        self._arrive = arrive
        self._leave = leave

    def _answer(self, wish: Wish) -> Answer:
        """Do what is wanted, and say what came of it."""
        method = self._known().get(wish.command)
        if method is None:
            known = ", ".join(self._known())
            text = f"there is no command {wish.command!r}, only {known}"
            return Answer(code=os.EX_UNAVAILABLE, text=text)
        try:
            inspect.signature(method).bind(*wish.arguments)
            return Answer(text=method(*wish.arguments))
        except (Error, TypeError) as err:
            return Answer(code=os.EX_SOFTWARE, text=f"{wish.command}: {err}")
        except Exception as err:
            logger.exception("the command %s has failed", wish.command)
            return Answer(code=os.EX_SOFTWARE, text=f"{wish.command}: {type(err).__name__}: {err}")

    def _known(self) -> dict[str, Callable[..., str]]:
        return {
            name: getattr(self, name)
            for name in sorted(dir(self))
            if not name.startswith("_") and callable(getattr(self, name))
        }

    # about the script

    def help(self, command: str = "") -> str:
        """The commands, or how one of them is used."""
        known = self._known()
        if command and command not in known:
            raise InvalidArgument(f"there is no command {command!r}")
        chosen = [command] if command else list(known)
        width = max(map(len, chosen))
        return "\n".join(f"{each:<{width}}  {_first_line(known[each])}" for each in chosen)

    def hello(self) -> str:
        """Say who is there."""
        return f"{self._name} runs session {self._session.path} as process {os.getpid()}"

    def quit(self) -> str:
        """End the script; jobs that run go on to their end."""
        self._leave()
        return f"{self._name} ends"

    def stop(self) -> str:
        """The same as quit."""
        return self.quit()

    # about tasks

    def stats(self, format: str = "text") -> str:
        """How many tasks are in each state; as text, json or yaml."""
        counts = dict(self._session.counts(tree=True).items())
        return summary_table(counts) if _is_text(format) else _json(counts)

    def status(self, format: str = "text") -> str:
        """The same as stats."""
        return self.stats(format)

    def list(self, format: str = "text") -> str:
        """IDs of the tasks; as text, json or yaml."""
        ids = [each.id for each in self._tasks()]
        return "\n".join(ids) if _is_text(format) else _json(ids)

    def list_details(self, format: str = "text") -> str:
        """The tasks with name, state and last message; as text, json or yaml."""
        tasks = self._tasks()
        if not _is_text(format):
            return _json([msgspec.to_builtins(each) for each in tasks])
        return tasks_table(tasks) if tasks else "there are none"

    def show(self, task_id: str, format: str = "text") -> str:
        """All that is known of a task without its class; as text, json or yaml."""
        found = next(
            (each for each in self._session.summaries(tree=True) if each.id == task_id), None
        )
        if found is None:
            raise InvalidArgument(f"there is no task {task_id!r}")
        facts = msgspec.to_builtins(found)
        if not _is_text(format):
            return _json(facts)
        return "\n".join(f"{name}: {value}" for name, value in facts.items())

    def _tasks(self) -> Sequence[Summary]:
        return [each for each in self._session.summaries(tree=True) if each.id in self._session]

    # doing something to tasks

    def add(self, *paths: str) -> str:
        """Treat files as if they had come just now."""
        for path in paths:
            self._arrive(path)
        return f"{len(paths)} taken in"

    def kill(self, *task_ids: str) -> str:
        """End tasks."""
        return self._carry_out("kill", task_ids)

    def redo(self, *task_ids: str) -> str:
        """Run tasks again that are over."""
        return self._carry_out("retry", task_ids)

    def remove(self, *task_ids: str) -> str:
        """Remove tasks that are not in flight."""
        return self._carry_out("rm", task_ids)

    def manage(self, *task_ids: str) -> str:
        """Let tasks start that were held back."""
        return self._carry_out("release", task_ids)

    def unmanage(self, *task_ids: str) -> str:
        """Hold tasks back that have not started."""
        return self._carry_out("hold", task_ids)

    def _carry_out(self, verb: str, ids: tuple[str, ...]) -> str:
        outcome = self._orders.carry_out(
            Request(verb=verb, ids=ids, time=SYSTEM.now(), by=self._name)
        )
        lines = [f"{verb}: {len(outcome.done)} of {len(ids)}"]
        lines += [f"  {id_}: {reason}" for id_, reason in outcome.left.items()]
        return "\n".join(lines)


def _is_text(format: str) -> bool:
    """Whether text is wanted; what else is possible is one, as JSON is YAML."""
    if format not in ("text", "json", "yaml"):
        raise InvalidArgument(f"{format!r} is no format: text, json or yaml")
    return format == "text"


def _json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()


def _first_line(method: Callable[..., str]) -> str:
    return (inspect.getdoc(method) or "").partition("\n")[0]
