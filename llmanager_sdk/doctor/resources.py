"""Resources that are where nobody expects them: up again, overdue, without a row."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from llmanager_sdk.aws.reaper import SWEEP_S
from llmanager_sdk.aws.rowless import Stray, Strays, condemn
from llmanager_sdk.core.drivers import run
from llmanager_sdk.core.life import Rest, decide
from llmanager_sdk.costs import Look
from llmanager_sdk.doctor.finding import Check, Finding, Fix
from llmanager_sdk.look import View, look
from llmanager_sdk.resource.status import duration

if TYPE_CHECKING:
    from llmanager_sdk.aws.platform import AwsPlatform

LATE_S = 3 * SWEEP_S
"""A life that could have gone for so long is overdue."""


class ResourceChecks:
    """Checks of what exists in a namespace.

    Args:
        platform: whose.
    """

    def __init__(self, platform: AwsPlatform) -> None:
        self._platform = platform
        self._engine = platform.keeper.engine

    def checks(self) -> dict[str, Check]:
        """By their names."""
        return {"rows": self.rows, "orphans": self.orphans, "rowless": self.rowless}

    @cached_property
    def _view(self) -> View:
        return look(self._platform)

    def rows(self) -> Finding:
        """Whether every row can be read, and everything could be seen."""
        view = self._view
        wrong = [f"{key}: {why}" for key, why in view.broken]
        wrong += [f"{key}: a newer llmanager-sdk wrote it, upgrade this one" for key in view.newer]
        if wrong:
            return Finding(False, "; ".join(wrong))
        if view.notes:
            return Finding(None, f"could not be seen: {'; '.join(view.notes)}")
        return Finding(True, f"{len(view.slots)} resources are known, {len(view.looks)} exist")

    def orphans(self) -> Finding:
        """What is up again after its life was over, and what should have gone long ago."""
        found = [(x, why) for x in self._view.looks if (why := self._overdue(x))]
        if not found:
            return Finding(True, "nothing is up that should be gone")
        fixes = tuple(
            Fix(
                f"delete {x.life.names['endpoint']} ({x.life.price:.2f} $/h): {why}",
                lambda x=x: self._settle(x.slot.key, x.life.gen),  # type: ignore[misc]
            )
            for x, why in found
        )
        told = "; ".join(f"{x.slot.key}, life {x.life.gen}, {why}" for x, why in found)
        return Finding(False, told, fixes)

    def _overdue(self, it: Look) -> str:
        if it.life.phase == "gone":
            return "which is up again after its life was over"
        timing = self._engine.kinds[it.life.spec.kind].timing
        earlier = decide(it.slot, it.life, it.seen, it.used, it.at - LATE_S, "doctor", timing)
        if isinstance(earlier, Rest):
            return ""
        return f"which could have gone {duration(LATE_S)} ago: {earlier.why}"

    def _settle(self, key: str, gen: int) -> str:
        """The sweep's steps on one life, with the sweep's own code."""
        moves = run(self._engine.settle_all(key, gen), self._engine.clock)
        return moves[-1].why if moves else "it is gone"

    # -- without a row -------------------------------------------------------------------------

    @cached_property
    def _strays(self) -> list[Stray]:
        namespace = self._platform.settings.namespace
        return Strays(self._platform.account, namespace).look(self._view.rowless)

    def rowless(self) -> Finding:
        """What bears our names and no row knows."""
        if not self._strays:
            return Finding(True, "a row knows everything that bears our names")
        told = "; ".join(map(str, self._strays))
        fixes = tuple(
            Fix(
                f"delete {each.name} for good ({each}; tags: "
                + ", ".join(f"{k}={v}" for k, v in sorted(each.tags.items()))
                + ")",
                lambda each=each: self._delete(each),  # type: ignore[misc]
            )
            for each in self._strays
            if each.ours
        )
        keep = "use one as it is with endpoint_name=..., or delete it: `llmanager doctor --fix`"
        return Finding(False, f"{told}. Nothing else deletes these: {keep}", fixes)

    def _delete(self, stray: Stray) -> str:
        """Through a row of its own, so that whoever sweeps goes on with it."""
        now, me = self._engine.clock.time(), self._engine.me
        key, gen = condemn(self._engine.registry, stray, now, me)
        return self._settle(key, gen)
