"""A session's tasks as a table of pandas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from gc3libs.exceptions import Error, LoadError
from gc3libs.model import FunctionTask, RunDetails, decode_details
from gc3libs.persistence import Store, Summary
from gc3libs.session._mirror import chunks

if TYPE_CHECKING:
    import pandas

_BATCH = 500


def to_pandas(store: Store, summaries: Iterable[Summary]) -> pandas.DataFrame:
    """One row a task, by ID: parameters, result, state, how it ended.

    Raises:
        Error: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as err:
        raise Error("to_pandas() needs pandas: pip install 'gc3libs[pandas]'") from err
    names: dict[str, None] = {}
    rows = []
    for parameters, facts in _rows(store, summaries):
        names.update(dict.fromkeys(parameters))
        rows.append({**parameters, **facts})
    columns = [name for name in names if name not in (*_FACTS, "id")]
    table = pandas.DataFrame(rows, columns=[*columns, *_FACTS, "id"])
    return table.astype(_KINDS).set_index("id")


_FACTS = ("result", "state", "returncode", "duration", "cpu_time", "memory", "jobname")
_KINDS = {"returncode": "Int64", "duration": float, "cpu_time": float, "memory": "Int64"}


def _rows(
    store: Store, summaries: Iterable[Summary]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    by_id = {each.id: each for each in summaries}
    for ids in chunks(by_id, _BATCH):
        results = _results(store, ids)
        for id_ in ids:
            summary = by_id[id_]
            duration = None
            if summary.started is not None and summary.ended is not None:
                duration = max(0.0, summary.ended - summary.started)
            yield (
                summary.parameters,
                {
                    "result": results.get(id_),
                    "state": summary.state,
                    "returncode": summary.returncode,
                    "duration": duration,
                    "cpu_time": summary.cpu_time,
                    "memory": summary.memory,
                    "jobname": summary.name,
                    "id": id_,
                },
            )


def _results(store: Store, ids: list[str]) -> dict[str, Any]:
    """What functions returned; where that cannot be had, what is known of it."""
    details = {id_: decode_details(record.details) for id_, record in store.records(ids).items()}
    errors: dict[str, LoadError] = {}
    kept_apart = [id_ for id_, each in details.items() if each.result_kind == "blob"]
    tasks = store.load_many(kept_apart, errors)
    return {id_: _result(tasks.get(id_), each) for id_, each in details.items()}


def _result(task: Any, details: RunDetails) -> Any:
    if isinstance(task, FunctionTask):
        try:
            return task.result
        except Error:
            return details.result
    return details.result
