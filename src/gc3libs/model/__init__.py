"""What a unit of work is: tasks, their states, and how they end.

Nothing here starts anything or writes to the disk.
"""

from gc3libs.model._files import ANY_OUTPUT
from gc3libs.model.application import Application
from gc3libs.model.decorator import TaskFunction, task
from gc3libs.model.details import Attempt, RunDetails, decode_details, encode_details
from gc3libs.model.facts import History
from gc3libs.model.function import FunctionTask
from gc3libs.model.job import Command, Job
from gc3libs.model.resources import Resources
from gc3libs.model.run import Run
from gc3libs.model.state import State
from gc3libs.model.task import Task
from gc3libs.model.termination import Signals

__all__ = [
    "ANY_OUTPUT",
    "Application",
    "Attempt",
    "Command",
    "FunctionTask",
    "History",
    "Job",
    "Resources",
    "Run",
    "RunDetails",
    "Signals",
    "State",
    "Task",
    "TaskFunction",
    "decode_details",
    "encode_details",
    "task",
]
