"""Tables that are half-made: whoever made them was interrupted, or somebody changed them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmanager_sdk.aws.answers import missing
from llmanager_sdk.aws.faults import translate
from llmanager_sdk.aws.history_items import TTL
from llmanager_sdk.aws.reaper import registry_table
from llmanager_sdk.doctor.finding import Check, Finding, Fix
from llmanager_sdk.errors import PermissionMissing

if TYPE_CHECKING:
    from llmanager_sdk.aws.platform import AwsPlatform


class TableChecks:
    """Checks of the tables of a namespace.

    Args:
        platform: whose.
    """

    def __init__(self, platform: AwsPlatform) -> None:
        self._platform = platform

    def checks(self) -> dict[str, Check]:
        """By their names."""
        return {"registry": self.registry, "history": self.history}

    def registry(self) -> Finding:
        """Of slots and heartbeats."""
        registry: Any = self._platform.keeper.engine.registry
        return self._look(
            registry_table(self._platform.settings.namespace), "", registry.ensure_table
        )

    def history(self) -> Finding:
        """Of chat sessions."""
        history: Any = self._platform.history()
        return self._look(history.table, TTL, history.ensure_table)

    def _look(self, table: str, ttl: str, ensure: Callable[[], None]) -> Finding:
        described = self._ask(lambda db: db.describe_table(TableName=table)["Table"], table)
        if described is None:
            return Finding(True, f"{table} is not made yet: the first use makes it")
        lacks, unseen = [], []
        for what, there in self._parts(table, described, ttl):
            if there is None:
                unseen.append(what)
            elif not there:
                lacks.append(what)
        rest = f"; not looked at: {', '.join(unseen)}" if unseen else ""
        if not lacks:
            return Finding(True, f"{table} is {described['TableStatus']} and complete{rest}")

        def complete() -> str:
            ensure()
            return "it is complete"

        fix = Fix(f"complete the table {table}: {', '.join(lacks)}", complete)
        return Finding(False, f"{table} lacks {', '.join(lacks)}{rest}", (fix,))

    def _parts(
        self, table: str, described: Mapping[str, Any], ttl: str
    ) -> Iterator[tuple[str, bool | None]]:
        """What a complete table has, and whether this one does; None where nobody may look."""
        yield "deletion protection", bool(described.get("DeletionProtectionEnabled"))
        yield "point-in-time recovery", self._tried(lambda: self._recovers(table))
        arn = described["TableArn"]
        yield "the tag llmanager", self._tried(lambda: self._tagged(arn))
        if ttl:
            yield f"the end of items ({ttl})", self._tried(lambda: self._ends(table, ttl))

    def _tried(self, look: Callable[[], bool]) -> bool | None:
        try:
            return look()
        except PermissionMissing:
            return None

    def _recovers(self, table: str) -> bool:
        told = self._ask(lambda db: db.describe_continuous_backups(TableName=table), table)
        backups = (told or {}).get("ContinuousBackupsDescription", {})
        recovery = backups.get("PointInTimeRecoveryDescription", {})
        return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")

    def _tagged(self, arn: str) -> bool:
        told = self._ask(lambda db: db.list_tags_of_resource(ResourceArn=arn), arn)
        return any(each["Key"] == "llmanager" for each in (told or {}).get("Tags", []))

    def _ends(self, table: str, ttl: str) -> bool:
        told = self._ask(lambda db: db.describe_time_to_live(TableName=table), table)
        said = (told or {}).get("TimeToLiveDescription", {})
        on = said.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
        return bool(on and said.get("AttributeName") == ttl)

    def _ask(self, call: Callable[[Any], Any], table: str) -> Any:
        """One call; None where there is no such table."""
        try:
            return call(self._platform.account.client("dynamodb"))
        except Exception as error:
            if missing(error):
                return None
            raise translate(error, resource=table, step="look at the table") from error
