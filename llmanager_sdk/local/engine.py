"""The engine process: llama.cpp's own OpenAI-compatible server, on loopback, until it is killed.

Run by `host`, as `python -m llmanager_sdk.local.engine RUNDIR`. It installs no signal handler:
one that drops the server would block for half a minute while a stream runs.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent(parent: int) -> None:
    """End this process when its host ends, however that happens.

    On Linux the kernel sees to it. Everywhere, the end of standard input does: the host holds the
    other end of that pipe.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def serve(config: dict[str, Any]) -> Any:
    """Build the server; it works in threads of its own.

    Args:
        config: file, context, slots, threads and key, as `model_kind` wrote them.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config["file"]
    params.model_alias = {config["served"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [config["key"]]
    params.cors_origins = "http://127.0.0.1"  # the default lets any page of a browser in
    params.endpoint_metrics = True
    params.endpoint_slots = True
    params.n_parallel = config["slots"]
    # Each slot has a context of its own: of one that all share, a prompt would take what another
    # caller's open stream needs, and both would fail.
    params.kv_unified = False
    params.n_ctx = config["context"] * config["slots"]
    params.cache_ram_mib = 256
    params.n_threads_http = 64
    params.cpuparams.n_threads = config["threads"]
    params.cpuparams_batch.n_threads = config["threads"]
    return xllamacpp.Server(params)


def main() -> None:
    """Serve until killed."""
    folder = Path(sys.argv[1])
    die_with_parent(int(sys.argv[2]))
    config = json.loads((folder / "config.json").read_text())
    server = serve(config)
    scratch = folder / "address.new"
    scratch.write_text(server.listening_address)
    scratch.replace(folder / "address")
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
