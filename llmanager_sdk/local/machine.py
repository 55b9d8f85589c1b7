"""What this machine has: cores and memory that this process may use."""

from __future__ import annotations

import os
from pathlib import Path


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def all_cores() -> int:
    """The cores of the machine, or of the container: the same number for all its processes.

    Those that its first process may use; another one may have been bound to fewer.
    """
    try:
        return len(os.sched_getaffinity(1))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def engine_threads(available: int) -> int:
    """Threads for an engine: one core stays free.

    llama.cpp's threads wait for each other by spinning: with as many as there are cores, one busy
    neighbour slows it down tenfold.
    """
    return max(1, available - 1)


def free_memory() -> int | None:
    """Bytes that can be had without swapping; None where nobody says."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    table = dict(line.split(":", 1) for line in lines if ":" in line)
    if "MemAvailable" not in table:
        return None
    free = int(table["MemAvailable"].split()[0]) * 1024
    return min([free, *_cgroup()])


def _cgroup() -> list[int]:
    """What the control group leaves, where there is one with a limit (cgroup v2)."""
    base = Path("/sys/fs/cgroup")
    try:
        limit, used = (base / "memory.max").read_text(), (base / "memory.current").read_text()
        return [int(limit) - int(used)]
    except (OSError, ValueError):
        return []
