"""Where tasks run: the resources that are configured, and choosing among them."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from gc3libs.config import LocalResource, Settings, read_sections
from gc3libs.defaults import CONFIG_FILE_LOCATIONS
from gc3libs.engine.resource import Resource, select
from gc3libs.exceptions import InvalidResourceName, NoResources
from gc3libs.quantity import Memory

__all__ = [
    "Resource",
    "Resources",
    "are_named",
    "configured_resources",
    "find_resources",
    "patterns",
]

ALIASES = ("local", "localhost")
"""Names of this machine, where no configuration gives it one."""


class Resources:
    """The resources that there are; tasks go to those that are enabled.

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
        return select(self, _matcher(match) if isinstance(match, str) else match)

    def select(self, names: Sequence[str]) -> None:
        """Leave enabled what one of several patterns means.

        This machine is enabled by its name, unless the configuration says that it is not.

        Raises:
            NoResources: None of them means any that is enabled.
        """
        matchers = [_matcher(each) for each in names]
        chosen = [each for each in self if any(matches(each) for matches in matchers)]
        for each in chosen:
            if isinstance(each.settings, LocalResource) and each.settings.enabled is None:
                each.enabled = True
        if not self.select_resource(lambda each: each in chosen):
            asked = ",".join(names)
            if chosen:
                raise NoResources(f"no resource called {asked!r} is enabled")
            raise NoResources(f"no resource is called {asked!r}; there are: {self._names()}")

    def give_cores(self, cores: int) -> None:
        """Let tasks have so many cores of this machine, whatever the configuration says."""
        for each in self:
            if isinstance(each.settings, LocalResource):
                each.settings = replace(each.settings, cores=cores)

    def update_resources(self, resources: Iterable[Resource] | None = None) -> None:
        """Nothing: an engine brings up to date what is said of its resources."""

    def check(self) -> None:
        """See that there is one to use.

        Raises:
            NoResources: None is enabled.
        """
        if not any(each.enabled for each in self):
            raise NoResources(f"no resource is enabled, of {self._names()}")

    @property
    def max_memory(self) -> Memory:
        """The most that a task can have on any that is enabled.

        Raises:
            NoResources: None is.
        """
        self.check()
        return max(each.max_memory for each in self if each.enabled)

    def _names(self) -> str:
        return ", ".join(self.resources) or "none at all"


def patterns(text: str) -> list[str]:
    """Patterns with commas between them, one by one.

    >>> patterns("hpc, lo*")
    ['hpc', 'lo*']
    """
    return [each.strip() for each in text.split(",") if each.strip()]


def _matcher(pattern: str) -> Callable[[Any], bool]:
    def matches(resource: Any) -> bool:
        if fnmatch.fnmatchcase(resource.name, pattern):
            return True
        return resource.name in ALIASES and any(
            fnmatch.fnmatchcase(each, pattern) for each in ALIASES
        )

    return matches


def configured_resources(settings: Settings) -> Resources:
    """The resources of a session whose settings these are, as `gc3` and `gc3libs.run` use them.

    Raises:
        NoResources: A configuration speaks of resources, and of none that can be used.
        ConfigurationFileError: A file cannot be read.
    """
    files = CONFIG_FILE_LOCATIONS
    return find_resources(settings, files, named=are_named(files))


def find_resources(
    settings: Settings,
    files: Sequence[str] = (),
    *,
    named: bool = False,
    sections: Mapping[str, Mapping[str, Any]] | None = None,
) -> Resources:
    """The resources that the user's configuration speaks of; else this machine.

    Where other resources are enabled, this machine is only if the configuration says so.

    Args:
        settings: Of `gc3.toml`, flags and environment.
        files: Of GC3Pie's kind, read if the user has named them or if there is no `gc3.toml`.
        named: The user has named them.
        sections: As such files have them; they win over the files.

    Raises:
        NoResources: A configuration speaks of resources, and of none that can be used, or is to be.
        ConfigurationFileError: A file that was named cannot be read.
    """
    found: dict[str, Any] = {}
    if named or sections or not settings.has_file:
        known = read_sections(files, named=named, more=sections)
        found = {each.name: each.settings for each in known if each.settings is not None}
        if known and not found:
            names = ", ".join(each.name for each in known)
            raise NoResources(f"there is no resource but {names}, of types that cannot be used")
    if not found:
        found = {ALIASES[0]: settings.resources.local, **settings.resources.clusters}
    resources = Resources(Resource(name, each) for name, each in found.items())
    _enable(resources)
    if settings.use:
        resources.select(settings.use)
    return resources


def _enable(resources: Resources) -> None:
    others = [each for each in resources if not isinstance(each.settings, LocalResource)]
    for each in others:
        each.enabled = each.settings.enabled  # type: ignore[attr-defined]
    for each in resources:
        if isinstance(each.settings, LocalResource):
            said = each.settings.enabled
            each.enabled = not any(other.enabled for other in others) if said is None else said


def are_named(files: Sequence[str]) -> bool:
    """Whether the user has named these configuration files, or one by `GC3PIE_CONF`."""
    return list(files) != CONFIG_FILE_LOCATIONS or bool(os.environ.get("GC3PIE_CONF"))
