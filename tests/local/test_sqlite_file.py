"""One file, opened by many at the moment of its birth."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from llmanager_sdk.sqlite_file import SqliteFile

TABLES = "".join(f"CREATE TABLE IF NOT EXISTS t{n} (id INTEGER PRIMARY KEY);" for n in range(40))
WRITERS, FILES = 8, 24


def test_nobody_sees_half_a_schema(tmp_path: Path) -> None:
    together = threading.Barrier(WRITERS)

    def write(path: Path) -> None:
        file = SqliteFile(path, TABLES, durable=False)
        together.wait(30)
        with file.writing() as connection:
            connection.execute("INSERT INTO t39 VALUES (NULL)")
        file.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        for number in range(FILES):
            list(pool.map(write, [tmp_path / f"{number}.sqlite"] * WRITERS))
            with SqliteFile(tmp_path / f"{number}.sqlite", TABLES).reading() as connection:
                assert connection is not None
                (rows,) = connection.execute("SELECT count(*) FROM t39").fetchone()
            assert rows == WRITERS
