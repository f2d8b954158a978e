"""Programs of the Rosetta suite, which models proteins."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gc3libs.exceptions import DuplicateEntryError
from gc3libs.model import Application

__all__ = ["RosettaApplication", "RosettaDockingApplication"]

WRAPPER = Path(__file__).with_name("rosetta.sh")


class RosettaApplication(Application):
    """Runs a program of Rosetta, and brings back `PROGRAM.log` and `PROGRAM.tar.gz`.

    The archive has all files that the program wrote.

    Args:
        application: Name of the program.
        application_release: Its release, which may be part of the command's name.
        inputs: Files that it reads: a list, or a dictionary.
        outputs: Further files to bring back.
        flags_file: Path of a file of flags.
        database: Path of Rosetta's database where the job runs.
        arguments: Further arguments.
        **extra: As for any `Application`, `output_dir` among them.

    >>> job = RosettaApplication("minirosetta", "3.1", ["/data/1abc.pdb"], output_dir="1abc.d")
    >>> job.arguments, sorted(job.outputs)
    (['./rosetta.sh', 'minirosetta', '3.1'], ['minirosetta.log', 'minirosetta.tar.gz'])
    """

    application_name = "rosetta"

    def __init__(
        self,
        application: str,
        application_release: str,
        inputs: Any,
        outputs: Iterable[str] = (),
        flags_file: str | os.PathLike[str] | None = None,
        database: str | None = None,
        arguments: Iterable[Any] = (),
        **extra: Any,
    ) -> None:
        pairs = list(inputs.items()) if isinstance(inputs, dict) else list(inputs)
        pairs.append((str(WRAPPER), WRAPPER.name))
        words: list[Any] = [f"./{WRAPPER.name}", application, application_release]
        if flags_file is not None:
            name = f"{application}.flags"
            pairs.append((os.fspath(flags_file), name))
            words.append(f"@{name}")
        if database is not None:
            words += ["-database", database]
        extra["tags"] = [*extra.get("tags", ()), f"APPS/BIO/ROSETTA-{application_release}"]
        results = [f"{application}.log", f"{application}.tar.gz"]
        super().__init__(
            arguments=[*words, *arguments], inputs=pairs, outputs=[*results, *outputs], **extra
        )


class RosettaDockingApplication(RosettaApplication):
    """Docks the two partners of a protein complex, by `docking_protocol`.

    Args:
        pdb_file_path: The complex to start from.
        native_file_path: The complex to compare with; None: the same.
        number_of_decoys_to_create: How many solutions are made.
        flags_file: Path of a file of flags.
        application_release: Of Rosetta.
        **extra: As for any `Application`, `output_dir` among them.

    Raises:
        DuplicateEntryError: Two different files have the same name.
    """

    def __init__(
        self,
        pdb_file_path: str | os.PathLike[str],
        native_file_path: str | os.PathLike[str] | None = None,
        number_of_decoys_to_create: int = 1,
        flags_file: str | os.PathLike[str] | None = None,
        application_release: str = "3.1",
        **extra: Any,
    ) -> None:
        start = Path(pdb_file_path)
        native = start if native_file_path is None else Path(native_file_path)
        if start != native and start.name == native.name:
            raise DuplicateEntryError(f"{start} and {native} would be one file: rename one")
        more = extra.pop("arguments", ())
        super().__init__(
            "docking_protocol",
            application_release,
            inputs=[str(each) for each in dict.fromkeys((start, native))],
            flags_file=flags_file,
            arguments=[
                "-in:file:s",
                start.name,
                "-in:file:native",
                native.name,
                "-out:nstruct",
                number_of_decoys_to_create,
                *more,
            ],
            **extra,
        )
