"""Downloads one file of a Hugging Face repository, resumably, and checks its digest.

Addresses and headers as huggingface_hub uses them: `/OWNER/REPO/resolve/main/FILE` answers with
`X-Linked-Etag`, the sha256 of a large file, and `X-Linked-Size`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import urllib3

from llmanager_sdk.errors import StoreCorrupt
from llmanager_sdk.local.setup import alone, check_sha256, note_sha256, noted_sha256
from llmanager_sdk.sqlite_file import translated

CHUNK = 1 << 20
REACH = urllib3.Timeout(connect=4.0, read=30.0)


def download(repo: str, file: str, folder: Path) -> tuple[Path, str] | None:
    """Fetch a file into `folder`.

    Args:
        repo: owner/name.
        file: its name there; for an empty one, the smallest that its author calls Q4_K_M or Q8_0.
        folder: where it goes; a `.part` beside it is gone on with.

    Returns:
        Its path and sha256; None if the hub or the file cannot be reached.

    Raises:
        StoreCorrupt: what came is not what the hub says it is.
        StoreNotWritable: the disk is full, or cannot be written.
    """
    base = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    pool = urllib3.PoolManager(timeout=REACH, retries=urllib3.Retry(0, redirect=False))
    try:
        name = file or _choose(pool, base, repo, headers)
        if not name:
            return None
        url = f"{base}/{repo}/resolve/main/{name}"
        head = pool.request("HEAD", url, headers=headers)
        digest = head.headers.get("X-Linked-Etag", "").strip('"')
        if head.status >= 400 or len(digest) != 64:
            return None
        target = folder / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with alone(target.with_name(f".{target.name}.lock")):
            if not (target.is_file() and noted_sha256(target) == digest):
                _bring(pool, url, headers, target, digest)
    except urllib3.exceptions.HTTPError:
        return None
    except OSError as error:
        raise translated(error, folder / file, "download") from error
    return target, digest


def _bring(
    pool: urllib3.PoolManager, url: str, headers: dict[str, str], target: Path, digest: str
) -> None:
    part = target.with_name(target.name + ".part")
    _fetch(pool, url, headers, part)
    try:
        check_sha256(part, digest)
    except StoreCorrupt:
        part.unlink()
        raise
    note_sha256(target, digest)
    part.replace(target)


def _choose(pool: urllib3.PoolManager, base: str, repo: str, headers: dict[str, str]) -> str:
    answer = pool.request("GET", f"{base}/api/models/{repo}", headers=headers)
    if answer.status != 200:
        return ""
    body: Any = answer.json()
    names = [x["rfilename"] for x in body.get("siblings", []) if x["rfilename"].endswith(".gguf")]
    for kind in ("q4_k_m", "q8_0"):
        for name in sorted(names):
            if kind in name.lower():
                return str(name)
    return ""


def _fetch(pool: urllib3.PoolManager, url: str, headers: dict[str, str], part: Path) -> None:
    done = part.stat().st_size if part.exists() else 0
    asked = headers | ({"Range": f"bytes={done}-"} if done else {})
    answer = pool.request(
        "GET", url, headers=asked, preload_content=False, retries=urllib3.Retry(0, redirect=5)
    )
    if answer.status == 416:  # all of it is there already
        return
    if answer.status not in (200, 206):
        raise urllib3.exceptions.HTTPError(f"status {answer.status}")
    with part.open("ab" if answer.status == 206 else "wb") as file:
        for chunk in answer.stream(CHUNK):
            file.write(chunk)
