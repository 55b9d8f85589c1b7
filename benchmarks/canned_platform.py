"""A platform whose engine is the canned server: the whole lifecycle, without the engine's work."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.engine import Engine
from llmanager_sdk.core.keeper import Keeper
from llmanager_sdk.core.life import Life, Seen, Spec, Timing
from llmanager_sdk.core.spec import spec_of
from llmanager_sdk.local.timing import LOCAL
from llmanager_sdk.ports.models import ChatModel, EmbeddingModel, Endpoint
from llmanager_sdk.registry.sqlite import SqliteRegistry
from llmanager_sdk.settings import Settings


class CannedKind:
    """Up from the first look on."""

    timing: Timing = LOCAL
    parts: Sequence[str] = ("server",)

    def __init__(self) -> None:
        self._up: set[str] = set()

    def name(self, spec: Spec, gen: int, token: str) -> Mapping[str, str]:
        return {"run": f"canned-{gen}-{token}"}

    def create(self, life: Life, part: str) -> None:
        self._up.add(life.names["run"])

    def finish(self, life: Life) -> bool:
        return True

    def list(self, namespace: str) -> Iterator[Mapping[str, str]]:
        return iter([{"run": name} for name in self._up])

    def observe(self, life: Life) -> Seen:
        return Seen.READY if life.names["run"] in self._up else Seen.ABSENT

    def used_outside(self, life: Life) -> float | None:
        return -math.inf

    def delete(self, life: Life) -> None:
        self._up.discard(life.names["run"])

    def why(self, life: Life) -> str:
        return ""

    def logs(self, life: Life, lines: int) -> str:
        return ""


class CannedPlatform:
    """Calls go to `url`; slots live in a real SQLite registry in `home`."""

    name = "canned"
    encodes_here = True

    def __init__(self, url: str, home: Path, slots: int | None) -> None:
        self.settings = Settings(home=home)
        self._endpoint = Endpoint(url, {"Authorization": "Bearer x"}, slots, keep_alive=True)
        registry = SqliteRegistry(home / "registry.sqlite", "main")
        engine = Engine(
            registry, {"model": CannedKind()}, SYSTEM, me="bench", token=lambda: "token"
        )
        self.keeper = Keeper(engine)

    def chat(
        self, model: str | None, deployment: str | None, options: Mapping[str, Any]
    ) -> ChatModel:
        return ChatModel("canned", "canned", spec_of("model", "canned", {}), 4096)

    def endpoint(self, life: Life) -> Endpoint:
        return self._endpoint

    def encoder(self, model: str | None, options: Mapping[str, Any]) -> Any:
        raise NotImplementedError

    def dataset(self, name: str) -> Any:
        raise NotImplementedError

    def history(self) -> Any:
        raise NotImplementedError


class CannedAws(CannedPlatform):
    """The same, and calls go over SageMaker's wire: signed, and answered in frames."""

    encodes_here = False

    def __init__(self, url: str, home: Path) -> None:
        super().__init__(url, home, None)
        from botocore.credentials import ReadOnlyCredentials

        from llmanager_sdk.aws.sign import signer

        secret = ReadOnlyCredentials("fake", "fake", None)
        self._sign = signer(lambda: secret, "us-east-1")
        self._url = url.removesuffix("/v1") + "/endpoints/canned"

    def endpoint(self, life: Life) -> Endpoint:
        chat = life.spec.key == "canned"
        return Endpoint(
            self._url,
            keep_alive=True,
            path="/invocations-response-stream" if chat else "/invocations",
            framed=chat,
            sign=self._sign,
            longest=570.0,
        )

    def embedder(
        self, model: str | None, deployment: str | None, options: Mapping[str, Any]
    ) -> EmbeddingModel:
        return EmbeddingModel("texts", "texts", spec_of("model", "texts", {}), 512, dimension=256)
