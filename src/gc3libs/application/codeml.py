"""CODEML, of the package PAML, which estimates how sequences have evolved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gc3libs.exceptions import InputFileError
from gc3libs.model import Application

__all__ = ["CodemlApplication"]

WRAPPER = Path(__file__).with_name("codeml.sh")

_READ = ("seqfile", "treefile")


class CodemlApplication(Application):
    """Runs `codeml` on control files, one after the other, and brings back what each writes.

    The alignment and the tree that a control file names are read from its directory. The exit code
    is 0 if `codeml` ended well for all of them, else that of the last one that failed.

    Args:
        *ctls: Paths of control files, of different names.
        codeml: The command.
        **extra: As for any `Application`, `output_dir` among them.

    Raises:
        InputFileError: A control file cannot be read, or names no output.
    """

    application_name = "codeml"

    def __init__(self, *ctls: str | os.PathLike[str], codeml: str = "codeml", **extra: Any) -> None:
        inputs = {str(WRAPPER): WRAPPER.name}
        outputs: list[str] = []
        for ctl in map(Path, ctls):
            settings = _settings(ctl)
            inputs[str(ctl)] = ctl.name
            for name in filter(None, map(settings.get, _READ)):
                inputs[str(ctl.parent / name)] = name
            outputs += [settings["outfile"], f"{ctl.name}.log"]
        extra["tags"] = [*extra.get("tags", ()), "APPS/BIO/CODEML"]
        names = [Path(each).name for each in ctls]
        super().__init__([f"./{WRAPPER.name}", codeml, *names], inputs, outputs, **extra)


def _settings(ctl: Path) -> dict[str, str]:
    """The lines `name = value` of a control file, without comments."""
    try:
        lines = ctl.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as err:
        raise InputFileError(f"cannot read {ctl}: {err.strerror}", do_log=False) from err
    pairs = (line.partition("*")[0].partition("=") for line in lines)
    found = {name.strip(): value.strip() for name, _, value in pairs if value.strip()}
    if "outfile" not in found:
        raise InputFileError(f"{ctl} names no outfile: add a line `outfile = NAME`", do_log=False)
    return found
