"""The forms in which inputs and outputs of an `Application` may be given, and what they come to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gc3libs.exceptions import DuplicateEntryError, InvalidArgument, InvalidType
from gc3libs.model._plain import plain_url
from gc3libs.url import Url

ANY_OUTPUT = "*"
"""As `outputs`, or among them: everything in the job's directory."""

HERE = "./"
"""As a name in the job's directory: the contents of a directory go there."""


def plain_inputs(
    inputs: Mapping[Any, Any] | Iterable[Any], base: str | None = None
) -> dict[str, str]:
    """Absolute path or URL of each input -> its name in the job's directory.

    >>> plain_inputs(["/data/a.csv", ("/data/b.csv", "data/b.csv")])
    {'/data/a.csv': 'a.csv', '/data/b.csv': 'data/b.csv'}

    Args:
        inputs: A mapping from path or URL to name, or paths, URLs and pairs of these.
        base: Where relative paths start; the current directory if not given.

    Raises:
        InvalidType: It is of none of these forms.
        InvalidArgument: A name leads out of the job's directory.
        DuplicateEntryError: Two inputs would have one name.
    """
    plain: dict[str, str] = {}
    taken: dict[str, str] = {}
    for local, name in _pairs(inputs, "inputs"):
        place = _absolute(local, base)
        if name is None:
            name = os.path.basename(place) or HERE  # noqa: PTH119  # a trailing slash counts
        name = inside_job(name, "input")
        if taken.setdefault(name, place) != place and not is_here(name):
            raise DuplicateEntryError(
                f"inputs {taken[name]!r} and {place!r} would both be {name!r} in the job's"
                " directory; give one of them another name, as a pair (path, name)"
            )
        plain[place] = name
    return plain


def plain_outputs(outputs: Mapping[Any, Any] | Iterable[Any]) -> dict[str, str]:
    """Name in the job's directory of each output -> path below the output directory, or URL.

    >>> plain_outputs(["d/e.txt", ("log", "logs/1.log"), "res/"])
    {'d/e.txt': 'e.txt', 'log': 'logs/1.log', 'res/': './'}

    Args:
        outputs: A mapping from name to path or URL, or names and pairs of these, or `ANY_OUTPUT`.

    Raises:
        InvalidType: It is of none of these forms.
        InvalidArgument: A name leads out of the job's directory, or a path out of the output
            directory.
        DuplicateEntryError: Two names without a path of their own end alike.
    """
    if isinstance(outputs, str) and outputs == ANY_OUTPUT:
        outputs = [ANY_OUTPUT]
    plain: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name, local in _pairs(outputs, "outputs"):
        name = inside_job(name, "output")
        if name == ANY_OUTPUT:
            place = HERE
        elif local is None:
            place = os.path.basename(name) or HERE  # noqa: PTH119
            if taken.setdefault(place, name) != name and place != HERE:
                raise DuplicateEntryError(
                    f"outputs {taken[place]!r} and {name!r} would both be {place!r} in the output"
                    " directory; give one of them another place, as a pair (name, path)"
                )
        else:
            place = _as_place(local, name)
        plain[name] = name if place == name else place
    return plain


def _pairs(given: Mapping[Any, Any] | Iterable[Any], what: str) -> Iterator[tuple[Any, Any]]:
    if isinstance(given, Mapping):
        for key, value in given.items():
            if value is None:
                raise InvalidType(f"{what}: {key!r} has no name; give one, or use a list")
            yield key, value
        return
    if given is None or isinstance(given, str | bytes | os.PathLike | Url):
        raise InvalidType(f"{what}={given!r}: give a list, or a dictionary, of files")
    for item in given:
        if isinstance(item, str | bytes | os.PathLike | Url):
            yield item, None
        elif isinstance(item, tuple | list) and len(item) >= 2:
            yield item[0], item[1]
        else:
            raise InvalidType(f"{what}: {item!r} is neither a file nor a pair of names")


def _absolute(local: Any, base: str | None) -> str:
    if isinstance(local, str) and local and ":" not in local and "\0" not in local:
        if local[0] == "/":
            return local
        path = os.path.normpath(f"{os.getcwd() if base is None else base}/{local}")  # noqa: PTH109
        return f"{path}/" if local[-1] == "/" else path
    return plain_url(Url(local))


def _as_place(local: Any, name: str) -> str:
    text = local if isinstance(local, str | Url) else os.fsdecode(local)
    place = plain_url(Url(text, force_abs=False))
    if ".." in place and "://" not in place and job_name(place).split("/")[0] == "..":
        raise InvalidArgument(
            f"output {name!r} cannot go to {place!r}, which leads out of the output directory;"
            " give an absolute path, or another name"
        )
    return place


def inside_job(name: Any, what: str) -> str:
    """A name in the job's directory, checked.

    Raises:
        InvalidArgument: It is absolute or leads out of the directory.
        InvalidType: It is no text.
    """
    if not isinstance(name, str):
        if not isinstance(name, Url | bytes | os.PathLike):
            raise InvalidType(f"{what} {name!r}: a name in the job's directory is text")
        name = name.path if isinstance(name, Url) else os.fsdecode(name)
    text: str = name
    if text.startswith("/"):
        raise InvalidArgument(f"{what} {text!r}: a name in the job's directory cannot be absolute")
    if ".." in text and job_name(text).startswith(".."):
        raise InvalidArgument(f"{what} {text!r} leads out of the job's directory")
    return text


def is_here(name: str) -> bool:
    """Whether a name means the job's directory itself."""
    return job_name(name) == "."


def job_name(name: str) -> str:
    """A name as backends take it, without needless dots and slashes; "." is the directory."""
    return os.path.normpath(name)


def command_inputs(plain: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Inputs as a `Command` has them."""
    return tuple((place, job_name(name)) for place, name in plain.items())


def command_outputs(plain: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Outputs as a `Command` has them."""
    pairs = []
    for name, place in plain.items():
        target = place if "://" in place else job_name(place)
        pairs.append((ANY_OUTPUT if is_here(name) else job_name(name), target))
    return tuple(pairs)
