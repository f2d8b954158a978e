"""Rows of a table, any number of them, kept on the disk until all their columns are known."""

from __future__ import annotations

import csv
import os
import pickle
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import msgspec

from gc3libs.cli._exits import CannotDo

Row = dict[str, Any]

ENDINGS: Final = (".csv", ".jsonl", ".ndjson", ".parquet")


class Rows:
    """Rows, which can be gone through again and again; a context manager.

    Attributes:
        names: Of all columns, in the order of their appearance.
        numeric: Those with numbers only.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self.names: list[str] = []
        self.numeric: set[str] = set()
        self._count = 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        try:
            self._take(rows)
        except BaseException:
            self._file.close()
            raise

    def _take(self, rows: Iterable[Row]) -> None:
        names: dict[str, bool] = {}
        for row in rows:
            pickle.dump(row, self._file, pickle.HIGHEST_PROTOCOL)
            self._count += 1
            for name, value in row.items():
                names[name] = isinstance(value, int | float | None) and names.get(name, True)
        self.names = list(names)
        self.numeric = {name for name, numeric in names.items() if numeric}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        self._file.seek(0)
        for _ in range(self._count):
            yield pickle.load(self._file)


def write_rows(file: Path, rows: Rows, names: list[str]) -> None:
    """Write a file, as its name says: all or nothing.

    Args:
        names: Of the columns, in order.

    Raises:
        CannotDo: A library is missing.
        OSError: It cannot be written.
    """
    if file.suffix == ".parquet":
        _write_parquet(file, rows, names)
    elif file.suffix == ".csv":
        with _beside(file) as target:
            writer = csv.DictWriter(_Text(target), names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    else:
        with _beside(file) as target:
            target.writelines(msgspec.json.encode(row) + b"\n" for row in rows)


class _Text:
    """What `csv` writes to."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode("utf-8", "surrogateescape"))


@contextmanager
def _beside(file: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the other's place once it is complete."""
    new = file.with_name(f".{file.name}.new")
    try:
        with new.open("wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        new.rename(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _write_parquet(file: Path, rows: Rows, names: list[str]) -> None:
    try:
        import pandas

        import_module("pyarrow")
    except ImportError as err:
        raise CannotDo(
            f"Parquet needs {err.name}: pip install 'gc3libs[parquet]'. CSV needs nothing: -o"
            f" {file.with_suffix('.csv')}"
        ) from err
    table = pandas.DataFrame(list(rows), columns=names)
    for name in names:
        if table[name].dtype == object and name not in rows.numeric:
            table[name] = table[name].map(lambda value: value if value is None else str(value))
    with _beside(file) as target:
        table.to_parquet(target, index=False)
