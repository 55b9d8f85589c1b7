"""What a run showed, written down: Markdown for people, JSON for programs. Pure."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping

from llmanager_sdk.doctor.live.run import Done, Plan

TITLE = "What AWS really does"


def about(account: str, region: str, version: str, at: float) -> dict[str, str]:
    """What a report is about. The account is shortened: a report is made to be shown."""
    return {
        "account": f"...{account[-4:]}",
        "region": region,
        "version": version,
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at)),
    }


def as_json(done: Done, plan: Plan, facts: Mapping[str, str]) -> str:
    """For programs."""
    return json.dumps(
        {
            **facts,
            "spent": round(done.spent, 4),
            "most": round(plan.most, 4),
            "seconds": round(done.seconds, 1),
            "stopped": done.stopped,
            "left": done.left,
            "outcomes": [each.as_dict() for each in done.outcomes],
        },
        indent=2,
    )


def as_markdown(done: Done, plan: Plan, facts: Mapping[str, str]) -> str:
    """For people."""
    counts = Counter(each.verdict for each in done.outcomes)
    lines = [
        f"# {TITLE}",
        "",
        f"{facts['date']}, {facts['region']}, account {facts['account']}, llmanager-sdk "
        f"{facts['version']}.",
        "",
        f"{counts['holds']} facts hold, {counts['differs']} differ, {counts['not tried']} were not "
        f"tried. It took {done.seconds / 60:.0f} min and at most {done.spent:.2f} $ (planned: at "
        f"most {plan.most:.2f} $).",
        "",
    ]
    lines += [f"It ended early: {done.stopped}.", ""] if done.stopped else []
    lines += ["Left over:", "", *(f"- {each}" for each in done.left), ""] if done.left else []
    lines += ["| fact | expected | seen | verdict | s | $ |", "|---|---|---|---|---|---|"]
    for it in done.outcomes:
        cells = (
            it.fact,
            it.expected,
            it.seen,
            it.verdict,
            f"{it.seconds:.0f}",
            f"{it.dollars:.3f}",
        )
        lines.append(f"| {' | '.join(_cell(each) for each in cells)} |")
    lines += ["", "What relies on them:", ""]
    lines += [f"- {it.name}: `{it.relies}`" for it in done.outcomes]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
