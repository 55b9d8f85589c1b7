"""Bad input and bad surroundings: a typed error that names the cure, and nothing half-done."""

from __future__ import annotations

from collections.abc import Iterator

from tests.accept.harness import Line, check
from tests.accept.homes import home
from tests.environments.cases import CASES
from tests.environments.run import good, possible, run


@check("local-7")
def bad_input() -> Iterator[Line]:
    """One row a case."""
    can_mount = possible()
    for case in CASES:
        if case.mount and not can_mount:
            told, fine = "this machine allows no mount namespace", False
        else:
            with home() as folder:
                seen = run(case, folder)
            told, fine = f"{seen.classes[0] if seen.classes else seen.text}", good(case, seen)
        yield Line(
            case.name,
            "make accept ONLY=local-7",
            told,
            f"{case.error.__name__}, with the cure",
            fine,
        )
