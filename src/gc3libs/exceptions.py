"""The error tree.

```
Error
├── RecoverableError                 worth trying again as it is
├── UnrecoverableError               trying again changes nothing
│   └── FatalError                   the program cannot go on
│       ├── InvalidUsage             the command line is wrong
│       └── ConfigurationError
├── InvalidArgument (AssertionError)
│   ├── InvalidType (TypeError)
│   ├── InvalidValue (ValueError)
│   └── DuplicateEntryError
├── InvalidOperation
├── StoreError
│   ├── ObjectNotFound (LookupError)
│   ├── LoadError                    the record is there and cannot be read
│   │   └── UntrustedObject          ... because reading it would run code
│   ├── SaveError                    the object cannot be kept as it is
│   ├── Conflict (RecoverableError)  somebody else wrote the record since
│   ├── StoreUnavailable (RecoverableError)
│   └── NewerFormat                  written by a later version
└── TaskError
    ├── DetachedFromControllerError
    └── UnexpectedStateError
```

Every error carries its data as `args`, so that it survives pickling, and says what happened, to
which object, where, and what to do next.
"""

from __future__ import annotations


class Error(Exception):
    """Whatever this library reports on purpose."""


class RecoverableError(Error):
    """Something transient: the same call may work later."""


class UnrecoverableError(Error):
    """The same call would fail again."""


class FatalError(UnrecoverableError):
    """The program cannot go on."""


class InvalidUsage(FatalError):
    """The command line, or a call of the program, is wrong."""


class ConfigurationError(FatalError):
    """A configuration file or setting is wrong."""


class InvalidArgument(Error, AssertionError):
    """An argument has a value that makes no sense there."""


class InvalidType(InvalidArgument, TypeError):
    """An argument is of the wrong type."""


class InvalidValue(InvalidArgument, ValueError):
    """An argument is of the right type and has an impossible value."""


class DuplicateEntryError(InvalidArgument):
    """Two entries would have the same name."""


class InvalidOperation(Error):
    """The object is in a state that does not allow this call."""


class StoreError(Error):
    """A store could not do what was asked."""


class ObjectNotFound(StoreError, LookupError):
    """No object with this ID is in the store."""

    def __init__(self, id_: str, store: str) -> None:
        super().__init__(id_, store)
        self.id = id_
        self.store = store

    def __str__(self) -> str:
        return f"no object {self.id!r} in {self.store}"


class LoadError(StoreError):
    """A record is in the store and cannot be turned into an object."""

    def __init__(self, id_: str, where: str, reason: str) -> None:
        super().__init__(id_, where, reason)
        self.id = id_
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot load {self.id!r} from {self.where}: {self.reason}"


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


class DetachedFromControllerError(TaskError):
    """The task belongs to no engine."""


class UnexpectedStateError(TaskError):
    """The task is in a state from which it cannot go on by itself."""
