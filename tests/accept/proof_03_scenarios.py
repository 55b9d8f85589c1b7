"""The named bad cases, each with and without the mechanism that it needs."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.core.test_scenarios import ASKED, SCENARIOS


@check("proof-3")
def scenarios() -> Iterator[Line]:
    """Each goes well, and goes wrong without its mechanism."""
    command = "pytest tests/core/test_scenarios.py"
    missing = ASKED - {case.name for case in SCENARIOS}
    yield Line("cases asked for and missing", command, str(len(missing)), "0", not missing)
    for case in SCENARIOS:
        well, wrong = _goes_well(case.holds), case.fails_without()
        told = f"{well}; without its mechanism: {wrong[:90] or 'goes well too'}"
        bound = "goes well, and wrong without"
        yield Line(case.name, command, told, bound, well == "goes well" and bool(wrong))


def _goes_well(holds: object) -> str:
    assert callable(holds)
    try:
        holds()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        return f"goes wrong ({type(error).__name__}: {error})"
    return "goes well"
