"""The lifecycle under test: virtual time, a scripted cloud, faults at every point, invariants.

What the project tests itself with, for whoever writes a platform or a registry of their own:

- `World`, `VirtualClock`: time that nobody waits for, and clocks that disagree about it.
- `ScriptedKind`, `Nature`: a cloud whose states take time and whose answers may be wrong.
- `WatchedRegistry`, `Watch`, `INVARIANTS`, `Violation`: what must hold at every write and deletion.
- `Scheduler`, `Fault`, `Seeded`, `Scripted`: generators of effects as actors of one world, with a
  point before each effect and one after it at which somebody else runs, crashes, or is misled.
- `Stage`, `Actor`: all of that together, with clients, reapers and people.
- `simulate`, `shrink`, `explore`, `lines`: the schedule of a seed, the least that breaks it, small
  cases in full, and a run as a readable timeline.

    from llmanager_sdk.testing import lines, shrink, simulate

    outcome = simulate(4711, timeline=True)
    print(*lines(outcome.timeline), sep="\\n")

`docs/reliability.md` tells what this shows, and what it does not.
"""

from llmanager_sdk.testing.actors import Actor
from llmanager_sdk.testing.clock import VirtualClock, World
from llmanager_sdk.testing.cloud import Nature, ScriptedKind
from llmanager_sdk.testing.code import Code
from llmanager_sdk.testing.explore import explore
from llmanager_sdk.testing.faults import Fault, Scripted, Seeded
from llmanager_sdk.testing.invariants import INVARIANTS, Violation, Watch
from llmanager_sdk.testing.registry import WatchedRegistry
from llmanager_sdk.testing.scheduler import Scheduler
from llmanager_sdk.testing.shrink import shrink
from llmanager_sdk.testing.simulation import Outcome, simulate
from llmanager_sdk.testing.stage import Stage
from llmanager_sdk.testing.timeline import lines

__all__ = [
    "INVARIANTS",
    "Actor",
    "Code",
    "Fault",
    "Nature",
    "Outcome",
    "Scheduler",
    "Scripted",
    "ScriptedKind",
    "Seeded",
    "Stage",
    "Violation",
    "VirtualClock",
    "Watch",
    "WatchedRegistry",
    "World",
    "explore",
    "lines",
    "shrink",
    "simulate",
]
