"""`llmanager setup` and `llmanager models`: the default weights, and what can be had here."""

from __future__ import annotations

import argparse

from llmanager_sdk.catalog import DEFAULT_CHAT, chat_models
from llmanager_sdk.cli.output import as_json, table
from llmanager_sdk.local.setup import check_sha256, set_up
from llmanager_sdk.local.weights import available
from llmanager_sdk.settings import Settings


def setup(args: argparse.Namespace) -> None:
    """Get the default weights, and check them."""
    entry = chat_models()[DEFAULT_CHAT]
    path = set_up(entry, Settings.load().home / "models")
    check_sha256(path, entry.sha256)
    if args.json:
        as_json({"model": entry.name, "path": str(path), "sha256": entry.sha256})
    else:
        print(f"{entry.name} is set up: {path}")


def models(args: argparse.Namespace) -> None:
    """Which models have a name, and where each would come from."""
    settings = Settings.load()
    if settings.platform == "aws":
        _deployable(args.json)
        return
    here = dict(available(settings))
    rows = [
        {
            "NAME": name,
            "HERE": here.get(name, "not on this machine"),
            "LICENSE": entry.license,
            "WHAT": entry.summary,
        }
        for name, entry in chat_models().items()
    ]
    if args.json:
        as_json([{key.lower(): value for key, value in row.items()} for row in rows])
        return
    table(rows, "")
    print("\nAlso: the path of a GGUF file, or a Hugging Face repository that holds one.")
    if settings.local_model:
        print(f"{settings.local_model} stands in for every name (LLMANAGER_LOCAL_MODEL).")


def _deployable(as_data: bool) -> None:
    """What has a short name on aws."""
    from llmanager_sdk.catalog.data import deployable

    rows = [
        {
            "NAME": name,
            "FOR": {"chat": "ManagedLLM", "embed": "ManagedEmbeddings"}[each["kind"]],
            "SIZE": f"{each['params_b']:.3g} B",
            "WEIGHTS": each["hub"] + (" (gated: HF_TOKEN)" if each.get("gated") else ""),
        }
        for name, each in deployable().items()
    ]
    if as_data:
        as_json([{key.lower(): value for key, value in row.items()} for row in rows])
        return
    table(rows, "")
    print("\nAlso: any Hugging Face id, jumpstart:ID, s3://bucket/prefix/, and images of your own.")
