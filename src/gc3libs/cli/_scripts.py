"""Scripts that define classes of tasks; none is imported that the user has not agreed to."""

from __future__ import annotations

import os
import shlex
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gc3libs.cli._exits import CannotDo
from gc3libs.cli._output import confirm, is_interactive, say
from gc3libs.cli._place import shown

if TYPE_CHECKING:
    from gc3libs.session import Session

_LOOKED_AT: Final = 2000
"""Waiting tasks whose classes are looked at before a run."""


def needed_script(session: Session, *, yes: bool) -> Path | None:
    """The script that waiting tasks need, once the user has agreed to import it.

    Raises:
        CannotDo: It is not known, or nobody can be asked.
    """
    modules = _foreign_modules(session)
    if not modules:
        return None
    named = shown(session.path)
    script = _script_that_made(session, modules)
    what = f"tasks of {session.name} are of classes of {', '.join(sorted(modules))}"
    if script is None:
        raise CannotDo(f"{what}. Name the script: gc3 run {named} SCRIPT")
    if not yes and not is_interactive():
        raise CannotDo(f"{what}. Name the script: gc3 run {named} {shlex.quote(str(script))}")
    if not confirm(f"{what}. Import {script}?", yes=yes):
        raise CannotDo("nothing was run")
    return script


def _foreign_modules(session: Session) -> set[str]:
    """Modules, not of gc3libs, of the classes of tasks that wait to be run, as far as looked at."""
    unfinished = session.summaries(
        tree=True, states=["NEW", "SUBMITTED", "RUNNING", "STOPPED", "TERMINATING", "UNKNOWN"]
    )
    modules = {each.cls.partition(":")[0] for each in islice(unfinished, _LOOKED_AT)}
    return {
        name for name in modules if name.partition(".")[0] != "gc3libs" and name not in sys.modules
    }


def _script_that_made(session: Session, modules: set[str]) -> Path | None:
    """The script that made the session, if the classes are its own."""
    if not session.command or not session.command[0].endswith(".py"):
        return None
    script = Path(session.command[0])
    for place in (Path.cwd(), Path(session.path).parent):
        found = place / script
        if not modules.isdisjoint((found.name, found.stem)) and os.path.isfile(found):  # noqa: PTH113
            return found
    return None


def import_script(script: Path) -> None:
    """Import a script, under its own name, for its classes.

    Raises:
        CannotDo: It is not there, or importing it fails.
    """
    import importlib.util

    if not script.is_file():
        raise CannotDo(f"there is no script {script}")
    say(f"importing {script}")
    name = script.stem
    spec = importlib.util.spec_from_file_location(name, script)
    if spec is None or spec.loader is None:
        raise CannotDo(f"{script} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(script.parent.absolute()))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as err:  # whatever a user's script raises
        raise CannotDo(f"{script} cannot be imported: {type(err).__name__}: {err}") from err
