"""Where settings come from, in order: the environment, `llmanager.toml`, the defaults."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from llmanager_sdk.errors import ConfigurationError

FILE = "llmanager.toml"
PLATFORMS = ("local", "aws")
_YES = ("1", "true", "yes", "y", "on")
_NO = ("0", "false", "no", "n", "off", "")
_NAMESPACE = re.compile(r"[a-z][a-z0-9]{0,7}")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)?")


@dataclass(frozen=True)
class Settings:
    """What holds for a whole process unless an object says otherwise.

    Attributes:
        platform: "local" (default) or "aws". Nothing that costs money starts on "local".
        namespace: one deployment of the SDK; prefixes every name. A letter, then lower-case
            letters and digits, at most 8.
        home: the folder of everything local: weights, datasets, histories, registry.
        local_model: a stand-in that serves every chat model name on "local"; the user's choice.
        offline: never try a download.
        region, profile: of AWS; empty for what the AWS configuration says.
        assume_role: the ARN of a role that this process takes on.
        role: the ARN of the role that SageMaker takes on to run a model.
        subnets, security_groups: of a VPC that endpoints are attached to.
        kms_key: encrypts the volumes of endpoints.
        cap: the most that all resources of the namespace may cost together, $/h. The cap of the
            namespace's stack (`llmanager deploy --cap`) holds for everybody; this one may lower it
            for this process. Without a stack it is the cap; 5 where neither is set.
    """

    platform: str = "local"
    namespace: str = "main"
    home: Path = Path("~/.llmanager")
    local_model: str = ""
    offline: bool = False
    region: str = ""
    profile: str = ""
    assume_role: str = ""
    role: str = ""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    kms_key: str = ""
    cap: float | None = None

    def __post_init__(self) -> None:
        if self.platform not in PLATFORMS:
            raise ConfigurationError(
                f"platform {self.platform!r} is not one of {', '.join(PLATFORMS)}",
                hint="set LLMANAGER_PLATFORM=local",
            )
        if not _NAMESPACE.fullmatch(self.namespace):
            raise ConfigurationError(
                f"namespace {self.namespace!r} must be a letter, then lower-case letters and "
                "digits, at most 8 in all",
                hint="set LLMANAGER_NAMESPACE=main",
            )
        if self.cap is not None and not 0 <= self.cap < float("inf"):
            raise ConfigurationError(
                f"cap {self.cap!r} is not an amount of $/h", hint="set LLMANAGER_CAP=5"
            )
        if bool(self.subnets) != bool(self.security_groups):
            raise ConfigurationError(
                "subnets and security_groups belong together",
                hint="set both in llmanager.toml, or neither",
            )

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
        """The settings of this process.

        Args:
            environ: `LLMANAGER_` and the name of a setting in capitals, such as
                `LLMANAGER_PLATFORM`; lists with commas. The process's own by default.
            folder: where `llmanager.toml` is looked for; the current folder by default.

        Raises:
            ConfigurationError: for an unknown key or a value that makes no sense.
        """
        environ = os.environ if environ is None else environ
        raw = stored((folder or Path()) / FILE)
        raw |= {k: v for k in NAMES if (v := environ.get(f"LLMANAGER_{k.upper()}"))}
        merged = cls.of(raw)
        return replace(merged, home=located(merged.home, "LLMANAGER_HOME"))

    @classmethod
    def of(cls, raw: Mapping[str, object]) -> Settings:
        """From texts, or the values of a file; what is left out has its default.

        Raises:
            ConfigurationError: a value makes no sense.
        """
        values = {name: _value(name, value) for name, value in raw.items()}
        return replace(cls(), **values)  # type: ignore[arg-type]


NAMES = tuple(each.name for each in fields(Settings))
"""Of all settings."""


def _value(name: str, raw: object) -> object:
    """What a text of the environment, or a value of the file, means."""
    if name == "home":
        return Path(str(raw))
    if name == "offline":
        return _yes_or_no(name, str(raw))
    if name in ("subnets", "security_groups"):
        parts = raw if isinstance(raw, list) else str(raw).split(",")
        return tuple(str(part).strip() for part in parts if str(part).strip())
    if name == "cap":
        try:
            return float(str(raw))
        except ValueError as error:
            raise ConfigurationError(
                f"cap {raw!r} is not an amount of $/h", hint="set LLMANAGER_CAP=5"
            ) from error
    return str(raw)


def _yes_or_no(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in _YES + _NO:
        raise ConfigurationError(
            f"{name} {text!r} is neither yes nor no",
            hint=f"set LLMANAGER_{name.upper()}=1, or leave it out",
        )
    return word in _YES


def located(path: Path, variable: str) -> Path:
    """The path from the root on.

    Raises:
        ConfigurationError: the user's home, or the current folder that it is in, does not exist.
    """
    try:
        return path.expanduser().absolute()
    except (RuntimeError, FileNotFoundError) as error:
        raise ConfigurationError(
            f"where {path} lies cannot be said: {error}",
            resource=str(path),
            hint=f"set {variable} to a path from the root on, such as /var/lib/llmanager",
        ) from error


def stored(path: Path) -> dict[str, object]:
    """What a file of settings says; nothing if there is none.

    Raises:
        ConfigurationError: it cannot be read, or holds what is no setting.
    """
    if not path.exists():
        return {}
    import tomllib

    try:
        table = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path.name} could not be read: {error}", resource=str(path), hint="correct the file"
        ) from error
    if unknown := sorted(set(table) - set(NAMES)):
        raise ConfigurationError(
            f"{path.name} holds unknown settings: {', '.join(unknown)}",
            resource=str(path),
            hint=f"known are {', '.join(sorted(NAMES))}",
        )
    return table


def seconds(value: float | str, what: str = "duration") -> float:
    """A duration in seconds: a number, or "90s", "30m", "1.5h", "2d".

    Raises:
        ConfigurationError: for anything else, negative and infinite numbers included.
    """
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        number = float(match[1]) * _UNITS[match[2] or "s"] if match else -1.0
    else:
        try:
            number = -1.0 if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = -1.0
    if not 0 <= number < float("inf"):
        raise ConfigurationError(
            f"{what} {value!r} is not a duration", hint="write 90, '90s', '30m' or '2h'"
        )
    return number
