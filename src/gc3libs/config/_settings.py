"""Which settings there are, what values they take, and their defaults: the one place for that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec

from gc3libs.config._clusters import USER_ONLY as USER_ONLY_OF_RESOURCES
from gc3libs.config._clusters import Cluster, Kind, Limit, LocalResource
from gc3libs.quantity import Duration, Memory

Package = Annotated[str, msgspec.Meta(pattern=r"^[^\W\d]\w*(\.[^\W\d]\w*)*\Z")]
Pattern = Annotated[str, msgspec.Meta(pattern=r"^[^\s,]+\Z")]
Types = dict[str, Any]
"""The type of each setting, by dotted key."""


COMMAND_LINE = "the command line"
"""Origin of what a flag says; that of a variable begins with `$`, others are paths of files."""


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Where tasks run.

    Attributes:
        local: This machine.
        clusters: All others, by name.
    """

    local: LocalResource = LocalResource()
    clusters: dict[str, Cluster] = {}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings.

    >>> settings = Settings()
    >>> settings.max_in_flight, settings.resources.local.cores
    (0, None)
    """

    canary: Limit = 0
    """How many tasks are run, and have to end well, before the others are started; 0: none."""
    max_in_flight: Limit = 0
    """How many tasks are submitted or running at the same time; 0: no limit."""
    max_submitted: Limit = 0
    """How many tasks are submitted and not yet running at the same time; 0: no limit."""
    resources: Resources = Resources()
    trust: tuple[Package, ...] = ()
    """Packages whose classes may be loaded from sessions; see `gc3libs.trust`."""
    undo_size: Memory = Memory("1GB")
    """How much room may be taken by changes that can be undone, and by what they removed."""
    undo_time: Duration = Duration("30d")
    """How long a change can be undone."""
    use: tuple[Pattern, ...] = ()
    """Names, or patterns for names, of the resources that new tasks go to; none: all enabled."""
    origins: dict[str, str] = {}
    """Where each value that is not a default comes from, by dotted key."""

    def items(self) -> Iterator[tuple[str, Any, str]]:
        """Dotted key, value and origin of each setting, by key.

        >>> [key for key, value, origin in Settings().items() if origin != "default"]
        []
        """
        kinds = {name: type(each) for name, each in self.resources.clusters.items()}
        for key in sorted(types_of(kinds)):
            yield key, self._value(key), self.origins.get(key, "default")

    @property
    def has_file(self) -> bool:
        """Whether any of them comes from a file."""
        return any(
            not origin.startswith("$") and origin != COMMAND_LINE
            for origin in self.origins.values()
        )

    def _value(self, key: str) -> Any:
        table, _, name = key.rpartition(".")
        if not table:
            return getattr(self, name)
        resource = table.removeprefix(RESOURCES)
        settings = self.resources.clusters.get(resource, self.resources.local)
        return settings.__struct_config__.tag if name == "type" else getattr(settings, name)


RESOURCES = "resources."
LOCAL = "local"
_ALWAYS: Types = {
    **{
        field.name: field.type
        for field in msgspec.structs.fields(Settings)
        if field.name not in ("origins", "resources")
    },
    **{f"resources.local.{each.name}": each.type for each in msgspec.structs.fields(LocalResource)},
}


def types_of(kinds: Mapping[str, Kind]) -> Types:
    """The settings that there are with resources of these names and kinds.

    >>> "resources.local.cores" in types_of({}), "resources.local.type" in types_of({})
    (True, False)
    """
    types = dict(_ALWAYS)
    for name, kind in kinds.items():
        types[f"resources.{name}.type"] = str
        for field in msgspec.structs.fields(kind):
            types[f"resources.{name}.{field.name}"] = field.type
    return types


def is_user_only(key: str) -> bool:
    """Whether a directory from somebody else must not set this: it decides which code runs here.

    >>> is_user_only("trust"), is_user_only("resources.hpc.host"), is_user_only("max_in_flight")
    (True, True, False)
    """
    table, _, name = key.rpartition(".")
    return key == "trust" or (table.startswith(RESOURCES) and name in USER_ONLY_OF_RESOURCES)
