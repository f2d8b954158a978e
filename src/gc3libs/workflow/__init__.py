"""Tasks made of tasks: collections, in sequence, in parallel or in order of need, and retries."""

from gc3libs.model import Run, Task
from gc3libs.workflow.collection import TaskCollection
from gc3libs.workflow.dependent import DependentTaskCollection
from gc3libs.workflow.on_error import AbortOnError, StopOnError
from gc3libs.workflow.parallel import ParallelTaskCollection
from gc3libs.workflow.retry import RetryableTask
from gc3libs.workflow.sequential import SequentialTaskCollection
from gc3libs.workflow.staged import StagedTaskCollection
from gc3libs.workflow.sweep import ChunkedParameterSweep

__all__ = [
    "AbortOnError",
    "ChunkedParameterSweep",
    "DependentTaskCollection",
    "ParallelTaskCollection",
    "RetryableTask",
    "Run",
    "SequentialTaskCollection",
    "StagedTaskCollection",
    "StopOnError",
    "Task",
    "TaskCollection",
]

for _public in (
    AbortOnError,
    ChunkedParameterSweep,
    DependentTaskCollection,
    ParallelTaskCollection,
    RetryableTask,
    SequentialTaskCollection,
    StagedTaskCollection,
    StopOnError,
    TaskCollection,
):
    _public.__module__ = __name__  # the name under which stores record them
