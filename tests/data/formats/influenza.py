"""The user's module of the stored sessions: it must stay as it is."""

import dataclasses
import enum

import gc3libs


class Kind(enum.Enum):
    """An enumeration as an attribute."""

    UNIFORM = 1


@dataclasses.dataclass(frozen=True)
class Prior:
    """A value as an attribute."""

    beta: float
    kind: Kind = Kind.UNIFORM


class Fit(gc3libs.Application):
    """A task with a slot, a version, and a method."""

    __slots__ = ("seed",)

    schema_version = 2

    def misfit(self):
        """What the other tasks refer to."""
        return self.prior.beta


def objective(beta):
    """A function as an attribute."""
    return beta
