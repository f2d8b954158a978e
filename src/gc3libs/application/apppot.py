"""Commands that run inside an AppPot machine."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from gc3libs.exceptions import InvalidType
from gc3libs.model import Application
from gc3libs.quantity import Memory, MiB

__all__ = ["AppPotApplication"]

START = "./apppot-start.sh"
IMAGE = "apppot.img"
CHANGES = "apppot.changes.tar.gz"


class AppPotApplication(Application):
    """Runs a command inside a virtual machine, by AppPot's `apppot-start.sh`.

    That program is run from the job's directory: put it among `inputs`, or have an image that
    brings it.

    Args:
        arguments: The command, run inside.
        inputs: A list or a dictionary; image and changes are added to it.
        outputs, output_dir: As for any `Application`.
        apppot_img: Path or URL of the machine's image.
        apppot_changes: Path or URL of an archive of what differs from the image.
        apppot_tag: Added to `tags`.
        apppot_extra: Further options of `apppot-start.sh`'s `--extra`.
        **extra: As for any `Application`. `requested_memory` is the machine's.

    Raises:
        InvalidType: `inputs` is neither a list nor a dictionary.

    >>> app = AppPotApplication(["sh", "-c", "date"], [], [], None, apppot_img="/images/a.img")
    >>> app.arguments
    ['./apppot-start.sh', '--apppot', 'apppot.img', 'sh', '-c', 'date']
    """

    def __init__(
        self,
        arguments: Iterable[Any],
        inputs: Any,
        outputs: Any,
        output_dir: Any,
        apppot_img: str | None = None,
        apppot_changes: str | None = None,
        apppot_tag: str = "ENV/APPPOT-0.21",
        apppot_extra: Iterable[str] = (),
        **extra: Any,
    ) -> None:
        if not isinstance(inputs, dict | list):
            raise InvalidType(f"inputs={inputs!r}: give a list or a dictionary")
        command: list[Any] = [START]
        for option, place, name in (
            ("--apppot", apppot_img, IMAGE),
            ("--changes", apppot_changes, CHANGES),
        ):
            if place is not None:
                _add(inputs, place, name)
                command += [option, name]
        memory: Memory | None = extra.pop("requested_memory", None)
        if memory is not None:
            command += ["--mem", f"{math.ceil(memory.amount(MiB, conv=float))}M"]
        for each in apppot_extra:
            command += ["--extra", each]
        extra["tags"] = [*extra.get("tags", ()), apppot_tag]
        super().__init__([*command, *arguments], inputs, outputs, output_dir, **extra)


def _add(inputs: dict[Any, Any] | list[Any], place: str, name: str) -> None:
    if isinstance(inputs, dict):
        inputs[place] = name
    else:
        inputs.append((place, name))
