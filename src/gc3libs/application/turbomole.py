"""TURBOMOLE, a suite of programs for quantum chemistry."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gc3libs.model import ANY_OUTPUT, Application

__all__ = ["TurbomoleApplication", "TurbomoleDefineApplication"]

WRAPPER = Path(__file__).with_name("turbomole.sh")

StrPath = str | os.PathLike[str]


class TurbomoleApplication(Application):
    """Runs a program of TURBOMOLE, and brings back all files; its text is in `PROGRAM.out`.

    Args:
        turbomole_program: Such as `ridft`.
        control: Path of the file `control`.
        *others: Paths of further files, such as `coord` and `basis`.
        **extra: As for any `Application`, `output_dir` among them.
    """

    application_name = "turbomole"

    def __init__(
        self, turbomole_program: str, control: StrPath, *others: StrPath, **extra: Any
    ) -> None:
        self._prepare(turbomole_program, {"control": control}, others, extra)

    def _prepare(
        self,
        program: str,
        named: dict[str, StrPath],
        others: tuple[StrPath, ...],
        extra: dict[str, Any],
    ) -> None:
        inputs = {str(WRAPPER): WRAPPER.name}
        inputs |= {os.fspath(path): name for name, path in named.items()}
        inputs |= {os.fspath(path): Path(path).name for path in others}
        extra["tags"] = [*extra.get("tags", ()), "APPS/CHEM/TURBOMOLE"]
        super().__init__([f"./{WRAPPER.name}", program], inputs, ANY_OUTPUT, **extra)


class TurbomoleDefineApplication(TurbomoleApplication):
    """The same, after `define` has made `control`; what that says is in `define.out`.

    Args:
        turbomole_program: Such as `ridft`.
        define_in: Path of what would be typed to `define`.
        coord: Path of the file `coord`.
        *others: Paths of further files.
        **extra: As for any `Application`, `output_dir` among them.
    """

    def __init__(
        self,
        turbomole_program: str,
        define_in: StrPath,
        coord: StrPath,
        *others: StrPath,
        **extra: Any,
    ) -> None:
        named = {"define.in": define_in, "coord": coord}
        self._prepare(turbomole_program, named, others, extra)
