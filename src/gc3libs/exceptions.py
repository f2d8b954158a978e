"""The error tree.

```
Error
├── RecoverableError                 worth trying again as it is
│   ├── SessionInUse                 somebody else is running the session
│   ├── DirectoryInUse               another engine uses the work directory
│   └── ResourceGone                 a resource that has jobs is not configured any more
├── UnrecoverableError               trying again changes nothing
│   └── FatalError                   the program cannot go on; logged when made
│       ├── InvalidUsage             the command line is wrong
│       ├── InputFileError
│       ├── ApplicationDescriptionError
│       ├── ConfigurationError
│       │   └── InvalidSetting       a key of gc3.toml, or its value, is wrong
│       └── ConfigurationFileError
│           └── NoConfigurationFile
│               ├── NoAccessibleConfigurationFile
│               └── NoValidConfigurationFile
├── InvalidArgument (AssertionError)
│   ├── InvalidType (TypeError)
│   ├── InvalidValue (ValueError)
│   │   └── DependencyCycle          tasks wait for each other in a circle
│   └── DuplicateEntryError
├── InvalidOperation
│   └── OutputNotAvailableError
├── InvalidResourceName (ValueError)
├── NoResources                      nothing that tasks could run on
├── StoreError
│   ├── LoadError                    there is no object to be had
│   │   ├── ObjectNotFound (LookupError)
│   │   └── UntrustedObject          reading its record would run code
│   ├── SaveError                    the object cannot be kept as it is
│   ├── Conflict (RecoverableError)  somebody else wrote the record since
│   ├── StoreUnavailable (RecoverableError)
│   ├── LeaseLost                    another engine has taken the session over
│   ├── NotAStore                    something else lies where the store should be
│   ├── DamagedStore                 the store as a whole cannot be read
│   └── NewerFormat                  written by a later version
├── TaskError
│   ├── DetachedFromControllerError (AssertionError)
│   ├── UnexpectedStateError (AssertionError)
│   └── NoResult                     its function raised, or its job was ended
├── UnknownJob (ValueError)          the backend has never heard of it
├── UnknownJobState (AssertionError)
├── UnexpectedJobState (RecoverableError, ValueError)
├── LRMSError                        a backend, such as a batch system, refuses or fails
│   ├── LRMSSubmitError
│   │   ├── ResourceNotReady (RecoverableError)
│   │   │   └── LRMSSkipSubmissionToNextIteration
│   │   └── MaximumCapacityReached (RecoverableError)
│   └── SpoolDirError (InvalidValue, UnrecoverableError)
├── DataStagingError                 files do not get where they should
│   ├── RecoverableDataStagingError (RecoverableError)
│   └── UnrecoverableDataStagingError (UnrecoverableError)
├── AuthError
│   ├── RecoverableAuthError (RecoverableError)
│   └── UnrecoverableAuthError (UnrecoverableError)
├── TransportError (OSError)         a host cannot be reached or used
│   ├── CopyError
│   ├── RecoverableTransportError (RecoverableError)
│   └── UnrecoverableTransportError (UnrecoverableError)
└── InternalError (AssertionError)   a bug
    └── AuxiliaryCommandError
```

Every error carries its data as `args`, so that it survives pickling, and says what happened, to
which object, where, and what to do next.
"""

from __future__ import annotations

import copyreg
import logging
import os
import shlex
import time
from typing import Any, ClassVar

_logger = logging.getLogger("gc3.gc3libs")


def _reduce(error: Error) -> tuple[Any, ...]:
    """A pickle of an error that writes itself to the log: its copy does not do it again."""
    return copyreg.__newobj__, (type(error), *error.args), error.__dict__  # type: ignore[attr-defined]


class Error(Exception):
    """Whatever this library reports on purpose.

    A class with a constructor of its own that may be logged sets its attributes before it calls
    this one.

    Args:
        *data: Most often the message.
        do_log: Write it to the log here and now.
    """

    _do_log: ClassVar[bool] = False
    _level: ClassVar[int] = logging.ERROR

    def __init__(self, *data: object, do_log: bool | None = None) -> None:
        super().__init__(*data)
        if self._do_log if do_log is None else do_log:
            _logger.log(self._level, "%s", self)


class RecoverableError(Error):
    """Something transient: the same call may work later."""


class SessionInUse(RecoverableError):
    """Somebody else is running the session.

    Args:
        path: Of the session.
        host, pid: Who runs it; empty and 0 if that is not known.
        since: UTC, seconds since the epoch.
    """

    def __init__(self, path: str, host: str, pid: int, since: float) -> None:
        super().__init__(path, host, pid, since)
        self.path = path
        self.host = host
        self.pid = pid
        self.since = since

    def __str__(self) -> str:
        name = os.path.basename(self.path)  # noqa: PTH119  # paths here are text
        process = f" (process {self.pid})" if self.pid else ""
        return (
            f"{name} is being run on {self.host}{process}{_since(self.since)}."
            f" To look: gc3 status {shlex.quote(name)} --watch"
        )


def _since(moment: float) -> str:
    """A moment of today's, or of another day, in local time; nothing if it is not known."""
    if not moment:
        return ""
    then = time.localtime(moment)
    today = time.localtime()[:3] == then[:3]
    return f" since {time.strftime('%H:%M' if today else '%Y-%m-%d %H:%M', then)}"


class DirectoryInUse(RecoverableError):
    """Another engine uses the directory in which jobs were to run."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot run jobs in {self.path}: {self.reason}"


class ResourceGone(RecoverableError):
    """A resource has jobs, and is not configured any more."""

    def __init__(self, resource: str) -> None:
        super().__init__(resource)
        self.resource = resource

    def __str__(self) -> str:
        return (
            f"tasks are at the resource {self.resource!r}, which is not configured any more:"
            " configure it again, or end them by gc3 kill"
        )


class UnrecoverableError(Error):
    """The same call would fail again."""


class FatalError(UnrecoverableError):
    """The program cannot go on; written to the log when it is made, unless `do_log` is false."""

    _do_log = True
    _level = logging.CRITICAL

    __reduce__ = _reduce


class InvalidUsage(FatalError):
    """The command line, or a call of the program, is wrong."""


class InputFileError(FatalError):
    """An input file has the wrong content."""


class ApplicationDescriptionError(FatalError):
    """An application is described in a way that makes no sense."""


class ConfigurationError(FatalError):
    """A configuration file or setting is wrong."""


class InvalidSetting(ConfigurationError):
    """A setting does not exist, has an impossible value, or may not be set in this place."""

    _do_log = False

    def __init__(self, where: str, key: str, reason: str) -> None:
        super().__init__(where, key, reason)
        self.where = where
        self.key = key
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where}, {self.key}: {self.reason}"


class ConfigurationFileError(FatalError):
    """A configuration file cannot be used."""


class NoConfigurationFile(ConfigurationFileError):
    """None of the configuration files can be used."""


class NoAccessibleConfigurationFile(NoConfigurationFile):
    """None of the configuration files can be read."""


class NoValidConfigurationFile(NoConfigurationFile):
    """None of the configuration files is well-formed."""


class InvalidArgument(Error, AssertionError):
    """An argument has a value that makes no sense there."""


class InvalidType(InvalidArgument, TypeError):
    """An argument is of the wrong type."""


class InvalidValue(InvalidArgument, ValueError):
    """An argument is of the right type and has an impossible value."""


class DependencyCycle(InvalidValue):
    """Tasks of a collection would wait for each other in a circle."""

    def __init__(self, where: str, members: tuple[str, ...]) -> None:
        super().__init__(where, members)
        self.where = where
        self.members = members

    def __str__(self) -> str:
        chain = ", which comes after ".join((*self.members, self.members[0]))
        return f"in {self.where} there would be a circle: {chain}; leave one of these out"


class DuplicateEntryError(InvalidArgument):
    """Two entries would have the same name."""


class InvalidOperation(Error):
    """The object is in a state that does not allow this call."""


class OutputNotAvailableError(InvalidOperation):
    """The output of a task was asked for before there was any."""


class InvalidResourceName(Error, ValueError):
    """No resource has this name; written to the log when it is made, unless `do_log` is false."""

    _do_log = True
    __reduce__ = _reduce


class NoResources(Error):
    """There is nothing that tasks could run on."""


class StoreError(Error):
    """A store could not do what was asked."""


class LoadError(StoreError):
    """A record is in the store and cannot be turned into an object."""

    def __init__(self, id_: str, where: str, reason: str) -> None:
        super().__init__(id_, where, reason)
        self.id = id_
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot load {self.id!r} from {self.where}: {self.reason}"


class ObjectNotFound(LoadError, LookupError):
    """No object with this ID is in the store."""

    def __init__(self, id_: str, store: str) -> None:
        StoreError.__init__(self, id_, store)
        self.id = id_
        self.where = self.store = store
        self.reason = "there is none"

    def __str__(self) -> str:
        return f"no object {self.id!r} in {self.store}"


class UntrustedObject(LoadError):
    """A record names something that reading it must not touch."""


class SaveError(StoreError):
    """An object cannot be kept as it is."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot save {self.what}: {self.reason}"


class Conflict(StoreError, RecoverableError):
    """Another process has written the record since it was loaded here."""

    def __init__(self, id_: str, where: str) -> None:
        super().__init__(id_, where)
        self.id = id_
        self.where = where

    def __str__(self) -> str:
        return (
            f"{self.id!r} in {self.where} was changed by another process since it was loaded;"
            " load it again and repeat the change"
        )


class StoreUnavailable(StoreError, RecoverableError):
    """The store cannot be reached, or cannot be written, at the moment."""


class LeaseLost(StoreError):
    """A write was refused, because the session belongs to another engine by now."""

    def __init__(self, session: str, where: str) -> None:
        super().__init__(session, where)
        self.session = session
        self.where = where

    def __str__(self) -> str:
        return f"session {self.session} in {self.where} was taken over by another engine"


class NotAStore(StoreError):
    """What lies there is something else than a store; it was left as it is."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where} is no store of gc3libs: {self.reason}; it was left as it is"


class DamagedStore(StoreError):
    """The store as a whole cannot be read."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(where, reason)
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.where} is damaged: {self.reason}; restore it from a copy"


class NewerFormat(StoreError):
    """A file or table was written by a later version of this library."""

    def __init__(self, where: str, found: int, known: int) -> None:
        super().__init__(where, found, known)
        self.where = where
        self.found = found
        self.known = known

    def __str__(self) -> str:
        return (
            f"{self.where} has format {self.found}; this version of gc3libs knows formats up to"
            f" {self.known}. Upgrade gc3libs to read it"
        )


class TaskError(Error):
    """A task could not do what was asked."""


class DetachedFromControllerError(TaskError, AssertionError):
    """The task belongs to no engine."""


class UnexpectedStateError(TaskError, AssertionError):
    """The task is in a state from which it cannot go on by itself."""


class NoResult(TaskError):
    """The task is over and has no result: its function raised, or its job was ended."""

    def __init__(self, task: str, reason: str, traceback: str = "") -> None:
        super().__init__(task, reason, traceback)
        self.task = task
        self.reason = reason
        self.traceback = traceback

    def __str__(self) -> str:
        where = f"\n\nWhere the job ran:\n{self.traceback}" if self.traceback else ""
        return f"{self.task} has no result: {self.reason}{where}"


class UnknownJob(Error, ValueError):
    """The backend does not know this job."""


class UnknownJobState(Error, AssertionError):
    """The backend reports a state that does not exist."""


class UnexpectedJobState(RecoverableError, ValueError):
    """The job is in a state in which it cannot be at this moment."""


class LRMSError(Error):
    """A backend, such as a batch system, has failed."""


class LRMSSubmitError(LRMSError):
    """A job could not be submitted."""


class ResourceNotReady(LRMSSubmitError, RecoverableError):
    """The resource takes no jobs yet."""


class LRMSSkipSubmissionToNextIteration(ResourceNotReady):
    """The former name of `ResourceNotReady`."""


class MaximumCapacityReached(LRMSSubmitError, RecoverableError):
    """The resource is full."""


class SpoolDirError(LRMSError, InvalidValue, UnrecoverableError):
    """The directory in which jobs run cannot be used."""


class DataStagingError(Error):
    """Input or output files could not be copied."""


class RecoverableDataStagingError(DataStagingError, RecoverableError):
    """Files could not be copied at the moment."""


class UnrecoverableDataStagingError(DataStagingError, UnrecoverableError):
    """Files cannot be copied: there is no such file, or no permission."""


class AuthError(Error):
    """Somebody was not let in."""


class RecoverableAuthError(AuthError, RecoverableError):
    """Somebody was not let in, and may be later."""


class UnrecoverableAuthError(AuthError, UnrecoverableError):
    """Somebody was not let in, and never will be with these credentials."""


class TransportError(Error, OSError):
    """A host, or a file on it, could not be reached."""


class CopyError(TransportError):
    """A file could not be copied."""

    def __init__(self, source: object, destination: object, ex: object) -> None:
        super().__init__(f"cannot copy {source} to {destination}: {ex}")
        self.source = source
        self.destination = destination
        self.ex = ex

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.source, self.destination, self.ex)


class RecoverableTransportError(TransportError, RecoverableError):
    """A host could not be reached at the moment."""


class UnrecoverableTransportError(TransportError, UnrecoverableError):
    """A host cannot be reached: it has another address, or does not exist."""


class InternalError(Error, AssertionError):
    """A bug of this library, or of the code that uses it."""


class AuxiliaryCommandError(InternalError):
    """A command that the library needs for itself has failed."""
