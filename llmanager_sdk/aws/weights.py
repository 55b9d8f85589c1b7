"""What Hugging Face says of weights: how large they are, and whether this token opens their door.

The form of its answers: `GET /api/models/ID` has `gated` (false, "auto", "manual"), `private` and
`safetensors.parameters` (numbers by type), for everybody; `GET /ID/resolve/main/config.json` leads
to the model's own file, guarded as the weights are. See docs/facts.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from llmanager_sdk.catalog.memory import ModelFacts, from_config
from llmanager_sdk.catalog.resolve import is_known
from llmanager_sdk.core.life import Life
from llmanager_sdk.errors import ConfigurationError, PermissionMissing, UnknownModel
from llmanager_sdk.http import sync
from llmanager_sdk.http.faults import NotReached, Refused, Timeouts, TooSlow

ADDRESS = "https://huggingface.co"
"""Unless HF_ENDPOINT names another one, as it does for Hugging Face's own library."""
_NAMES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_PATIENCE = Timeouts(5.0, 10.0)
_MOVED = (301, 302, 303, 307, 308)
MOVES = 3
"""So often an answer may lead elsewhere."""


def _token() -> str:
    """As Hugging Face's own library reads it: a line's end in the variable is no part of it."""
    found = (os.environ.get(name, "").strip() for name in _NAMES)
    return next((each for each in found if each), "")


class Hub:
    """Hugging Face, as far as a deployment needs it. Making one does no I/O.

    Args:
        offline: never ask it.
        address: of another one with the same interface.
    """

    def __init__(self, *, offline: bool = False, address: str = "") -> None:
        self._offline = offline
        self._address = address or os.environ.get("HF_ENDPOINT") or ADDRESS
        self._found: dict[str, ModelFacts] = {}
        self._open: set[str] = set()

    def token(self, life: Life) -> Mapping[str, str]:
        """The environment variable that a container loads weights from the hub with.

        It is in the description of the SageMaker model, for all who may read that; it is in no
        registry, no spec and no log of ours. Weights that are known to be open go without: by the
        catalog, or by what the hub answered when their licence was checked.
        """
        body, found = life.spec.body, _token()
        name = str(body.get("hub") or "")
        is_open = not body.get("gated") and (is_known(name) or name in self._open)
        return {"HF_TOKEN": found} if found and name and not is_open else {}

    def _get(self, path: str) -> Any:
        """A JSON answer, wherever it is; the token is for the hub itself alone.

        Raises:
            Refused: by the hub.
            NotReached, TooSlow, ValueError.
        """
        url, found = self._address + path, _token()
        for _ in range(1 + MOVES):
            here = urlsplit(url)[:2] == urlsplit(self._address)[:2]
            headers = {"Authorization": f"Bearer {found}"} if found and here else {}
            try:
                return json.loads(sync.request("GET", url, None, headers, _PATIENCE))
            except Refused as refused:
                place = refused.headers.get("Location")
                if refused.status in _MOVED and place:
                    url = urljoin(url, place)
                elif here:
                    raise
                else:
                    raise NotReached(f"{urlsplit(url).netloc} answers with {refused}") from refused
        raise NotReached(f"it leads elsewhere more than {MOVES} times")

    def facts(self, name: str) -> ModelFacts:
        """What the memory sum needs of a model that the catalog does not know; asked once.

        Raises:
            UnknownModel: Hugging Face has none of that name.
            PermissionMissing: its licence was not accepted with this token.
            ConfigurationError: it cannot be asked, or its answer does not say.
        """
        if name not in self._found:
            self._found[name] = self._ask(name)
        return self._found[name]

    def _ask(self, name: str) -> ModelFacts:
        hint = "give instance_type='ml.g5.2xlarge', or facts=ModelFacts(...)"
        if self._offline:
            raise _unclear(name, "nothing is asked of Hugging Face (offline)", hint)
        try:
            said = self._get(f"/api/models/{name}")
            stored = (said.get("safetensors") or {}).get("parameters")
            config = self._get(f"/{name}/resolve/main/config.json") if stored else {}
        except Refused as refused:
            if refused.status in (401, 403) and _token():
                raise self._shut(name, refused.status) from refused
            if refused.status not in (401, 403, 404):
                why = f"Hugging Face answers with status {refused.status}"
                raise _unclear(name, why, hint) from refused
            raise UnknownModel(
                f"Hugging Face shows no model {name} (status {refused.status})",
                resource=name,
                step="ask how large it is",
                hint="check the name; for a private or gated one, set HF_TOKEN",
            ) from refused
        except (NotReached, TooSlow, ValueError, AttributeError) as error:
            raise _unclear(name, f"Hugging Face gives no answer: {error}", hint) from error
        if not stored or not isinstance(config, dict):
            raise _unclear(name, "Hugging Face does not say how large it is", hint)
        facts = from_config(config, {str(kind): int(n) for kind, n in stored.items()})
        if not (facts.layers and facts.heads):
            raise _unclear(name, "its config.json is not that of a chat model", hint)
        return facts

    def licence(self, body: Mapping[str, Any]) -> str:
        """Check that gated weights may be loaded, before anything is created.

        Returns:
            What was checked; empty where nothing had to be, or nobody could say.

        Raises:
            ConfigurationError: there is no token.
            PermissionMissing: the licence was not accepted with it.
        """
        name = str(body.get("hub") or "")
        if not name or not (body.get("gated") or self._guards(name)):
            return ""
        if not _token():
            raise ConfigurationError(
                f"the weights of {name} are gated, and no token is set",
                step="plan",
                hint=f"accept the licence at {self._address}/{name}, then set HF_TOKEN",
            )
        if self._offline:
            return ""
        try:
            self._get(f"/{name}/resolve/main/config.json")
        except Refused as refused:
            if refused.status in (401, 403):
                raise self._shut(name, refused.status) from refused
            return "licence" if refused.status in _MOVED else ""
        except (NotReached, TooSlow, ValueError):
            return ""
        return "licence"

    def _guards(self, name: str) -> bool:
        """Whether a model that the catalog does not know is gated; False where nobody says."""
        if self._offline or is_known(name):
            return False
        try:
            said = self._get(f"/api/models/{name}")
            if said.get("gated") is False and said.get("private") is False:
                self._open.add(name)
            return bool(said.get("gated"))
        except (Refused, NotReached, TooSlow, ValueError, AttributeError):
            return False

    def _shut(self, name: str, status: int) -> PermissionMissing:
        return PermissionMissing(
            f"the weights of {name} may not be loaded with this token (status {status})",
            step="plan",
            hint=f"accept the licence at {self._address}/{name} with the account of the token",
        )


def _unclear(name: str, why: str, hint: str) -> ConfigurationError:
    return ConfigurationError(
        f"no instance type can be chosen for {name}: {why}",
        resource=name,
        step="choose the instance type",
        hint=hint,
    )
