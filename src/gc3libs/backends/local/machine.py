"""What this machine offers to jobs, and which life it is in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_UNLIMITED_V1 = 1 << 60


def cores() -> int:
    """Processors that this process may use, as far as a control group does not grant fewer."""
    usable = len(os.sched_getaffinity(0))
    for quota in _cpu_quotas():
        usable = min(usable, max(1, int(quota)))
    return usable


def memory() -> int:
    """Bytes of main memory, or of the control group's share of it."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([total, *_memory_limits()])


def boot_id() -> str:
    """Names the time since the machine was started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _cpu_quotas() -> Iterator[float]:
    for group in _groups():
        match _words(group / "cpu.max"):
            case [quota, period] if quota.isdigit():
                yield int(quota) / int(period)
        match _words(group / "cpu.cfs_quota_us"), _words(group / "cpu.cfs_period_us"):
            case [quota], [period] if quota.isdigit():
                yield int(quota) / int(period)


def _memory_limits() -> Iterator[int]:
    for group in _groups():
        for name in ("memory.max", "memory.limit_in_bytes"):
            match _words(group / name):
                case [limit] if limit.isdigit() and int(limit) < _UNLIMITED_V1:
                    yield int(limit)


def _groups() -> Iterator[Path]:
    """The directories of the control groups that this process is in, and of those around them."""
    for line in _text(_MEMBERSHIP).splitlines():
        _, controllers, path = line.split(":", 2)
        for mount in (_GROUPS / controllers, _GROUPS) if controllers else (_GROUPS,):
            group = mount / path.lstrip("/")
            yield group
            yield from (parent for parent in group.parents if parent.is_relative_to(mount))


def _words(path: Path) -> list[str]:
    return _text(path).split()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
