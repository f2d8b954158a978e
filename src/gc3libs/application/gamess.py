"""GAMESS, a program for quantum chemistry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gc3libs.application.apppot import AppPotApplication
from gc3libs.model import Application

__all__ = ["GamessAppPotApplication", "GamessApplication"]

EXTBAS = "extbas"
NORMAL = "EXECUTION OF GAMESS TERMINATED NORMALLY"
ABNORMAL = "EXECUTION OF GAMESS TERMINATED -ABNORMALLY-"


class GamessApplication(Application):
    """Runs `rungms` on one input file, and brings back `NAME.out` and `NAME.dat`.

    The exit code follows from what GAMESS writes at its end: 0 if that was normal, 1 if not. If it
    says neither, it is that of `rungms`, and 70 where that is 0: the calculation broke off.

    Args:
        inp_file: Path of the input file; its name without the suffix is NAME.
        *other_inputs: Paths of further files.
        verno: Version of GAMESS, as `rungms` takes it; None: `rungms`'s own default.
        extbas: Path of a file of basis sets, which the variable `EXTBAS` names to GAMESS.
        **extra: As for any `Application`, `output_dir` among them; `jobname` and `stdout` are NAME
            and `NAME.out` by default.

    >>> job = GamessApplication("/data/water.inp", verno="2012R2", output_dir="water.d")
    >>> job.arguments, sorted(job.outputs), job.tags
    (['rungms', 'water', '2012R2', '1'], ['water.dat', 'water.out'], ['APPS/CHEM/GAMESS-2012R2'])
    """

    application_name = "gamess"

    def __init__(
        self,
        inp_file: str | os.PathLike[str],
        *other_inputs: str | os.PathLike[str],
        verno: str | None = None,
        extbas: str | os.PathLike[str] | None = None,
        **extra: Any,
    ) -> None:
        self.inp_file_path = os.fspath(inp_file)
        name = Path(inp_file).stem
        self.verno = verno
        inputs: list[Any] = [self.inp_file_path, *(os.fspath(each) for each in other_inputs)]
        if extbas is not None:
            inputs.append((os.fspath(extbas), EXTBAS))
            extra["environment"] = {**extra.get("environment", {}), "EXTBAS": EXTBAS}
        tag = "APPS/CHEM/GAMESS" if verno is None else f"APPS/CHEM/GAMESS-{verno}"
        extra["tags"] = [*extra.get("tags", ()), tag]
        extra.setdefault("jobname", name)
        extra.setdefault("stdout", f"{name}.out")
        words = [name, "00" if verno is None else verno, extra.get("requested_cores", 1)]
        super().__init__(
            arguments=["rungms", *words],
            inputs=inputs,
            outputs=[f"{name}.dat"],
            join=True,
            **extra,
        )

    def terminated(self) -> None:
        """Find out how the calculation ended."""
        run, place = self.execution, self.output_path
        if place is None or run.signal or self.stdout is None:
            return
        run.exitcode = _how_it_ended(place / self.stdout, run.exitcode)


def _how_it_ended(output: Path, exitcode: int | None) -> int | None:
    """The exit code that the text of an output file means."""
    try:
        text = output.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    if ABNORMAL in text:
        return 1
    if NORMAL in text:
        return os.EX_OK
    return exitcode or os.EX_SOFTWARE


class GamessAppPotApplication(GamessApplication, AppPotApplication):
    """The same inside an AppPot machine: takes what both classes take."""
