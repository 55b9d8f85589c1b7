"""Virtual time: one true time for a whole world, and clocks that disagree about it."""

from __future__ import annotations


class World:
    """The true time of a simulation, in seconds since the epoch. Only its owner moves it."""

    __slots__ = ("now",)

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now


class VirtualClock:
    """`core.ports.Clock` on a world's time.

    Args:
        world: whose time it shows.
        skew: by how many seconds its wall clock is ahead of the truth.
    """

    __slots__ = ("skew", "world")

    def __init__(self, world: World | None = None, skew: float = 0.0) -> None:
        self.world = world or World()
        self.skew = skew

    def time(self) -> float:
        """The wall clock."""
        return self.world.now + self.skew

    def monotonic(self) -> float:
        """The steady clock."""
        return self.world.now

    def sleep(self, seconds: float) -> None:
        """Nobody waits: the world's time moves on."""
        self.world.now += seconds
