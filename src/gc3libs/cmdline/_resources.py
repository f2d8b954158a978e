"""Where the tasks of a script run: resources by name, as scripts choose among them."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gc3libs.backends.local import machine
from gc3libs.config import Section, Settings, read_sections
from gc3libs.defaults import CONFIG_FILE_LOCATIONS
from gc3libs.exceptions import InvalidResourceName, NoResources
from gc3libs.quantity import Memory

ALIASES = ("local", "localhost")
"""Names of this machine, where no configuration gives it one."""


class Resource:
    """This machine, or the share of it that a configuration names.

    Attributes:
        name: As the user calls it.
        enabled: Whether tasks may run there.
        updated: Whether what is said of it is up to date.
        max_cores, max_cores_per_job: How many cores tasks have together, and one of them.
        max_memory: What all tasks have together; `max_memory_per_core`: the share of a core.
        max_walltime: None: no limit.
    """

    type = "shellcmd"
    frontend = "localhost"
    updated = True
    max_walltime = None

    def __init__(self, name: str, cores: int | None = None, memory: Memory | None = None) -> None:
        self.name = name
        self.enabled = True
        self.max_cores = self.max_cores_per_job = cores or machine.cores()
        self.max_memory = Memory(machine.memory(), Memory.B) if memory is None else memory
        self.max_memory_per_core = self.max_memory

    def __repr__(self) -> str:
        return f"<Resource {self.name}{'' if self.enabled else ' (not enabled)'}>"


class Resources:
    """The resources that there are, of which the first one enabled is used.

    Attributes:
        resources: By name.
    """

    def __init__(self, found: Iterable[Resource]) -> None:
        self.resources = {each.name: each for each in found}

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources.values())

    def get_resources(self) -> list[Resource]:
        """All of them."""
        return list(self)

    def get_backend(self, name: str) -> Resource:
        """The one of this name.

        Raises:
            InvalidResourceName: There is none.
        """
        if name not in self.resources:
            raise InvalidResourceName(f"there is no resource {name!r}, only {self._names()}")
        return self.resources[name]

    def select_resource(self, match: str | Callable[[Any], bool]) -> int:
        """Leave only some enabled.

        Args:
            match: A pattern as the shell's for names, or what says of a resource whether it stays.

        Returns:
            How many are.
        """
        chosen = _matcher(match) if isinstance(match, str) else match
        for each in self:
            each.enabled = each.enabled and bool(chosen(each))
        return sum(each.enabled for each in self)

    def select(self, names: str) -> None:
        """Leave enabled what one of several patterns, separated by commas, means.

        Raises:
            NoResources: None of them means any.
        """
        patterns = [_matcher(each.strip()) for each in names.split(",")]
        if not self.select_resource(lambda each: any(matches(each) for matches in patterns)):
            raise NoResources(f"no resource is called {names!r}; there are: {self._names()}")

    def update_resources(self, resources: Iterable[Resource] | None = None) -> None:
        """Nothing: what is said of this machine is always up to date."""

    def check(self) -> None:
        """See that there is one to use.

        Raises:
            NoResources: None is enabled.
        """
        if not any(each.enabled for each in self):
            raise NoResources(f"no resource is enabled, of {self._names()}")

    @property
    def chosen(self) -> Resource:
        """The one that is used: the first that is enabled.

        Raises:
            NoResources: None is.
        """
        self.check()
        return next(each for each in self if each.enabled)

    def _names(self) -> str:
        return ", ".join(self.resources) or "none at all"


def _matcher(pattern: str) -> Callable[[Any], bool]:
    def matches(resource: Any) -> bool:
        if fnmatch.fnmatchcase(resource.name, pattern):
            return True
        return resource.name in ALIASES and any(
            fnmatch.fnmatchcase(each, pattern) for each in ALIASES
        )

    return matches


def find_resources(
    settings: Settings,
    files: Sequence[str] = (),
    *,
    named: bool = False,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
) -> Resources:
    """The resources that the user's configuration speaks of; else this machine.

    Args:
        settings: Of `gc3.toml`, flags and environment: what they say of this machine holds.
        files: Of GC3Pie's kind, read if the user has named them or if there is no `gc3.toml`.
        named: The user has named them.
        sections: As such files have them; they win over the files.

    Raises:
        NoResources: A configuration speaks of resources, and of none that can be used.
        ConfigurationFileError: A file that was named cannot be read.
    """
    local = settings.resources.local
    found: list[Resource] = []
    if named or sections or not _has_file(settings):
        known = read_sections(files, named=named, more=sections)
        if known:
            found = [_resource(each) for each in known if each.is_here]
            if not found:
                raise NoResources(
                    f"none of the resources {', '.join(each.name for each in known)} can be used:"
                    " this version runs tasks on this machine only (type=shellcmd)"
                )
    return Resources(found or [Resource(ALIASES[0], local.cores, local.memory)])


def are_named(files: Sequence[str]) -> bool:
    """Whether the user has named these configuration files, or one by `GC3PIE_CONF`."""
    return list(files) != CONFIG_FILE_LOCATIONS or bool(os.environ.get("GC3PIE_CONF"))


def _has_file(settings: Settings) -> bool:
    return any(not origin.startswith("$") for origin in settings.origins.values())


def _resource(section: Section) -> Resource:
    resource = Resource(section.name, section.cores, section.memory)
    resource.enabled = section.enabled
    return resource
