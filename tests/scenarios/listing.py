"""The list of scenarios as a page: ``docs/scenarios.md``.

``python -m tests.scenarios.listing`` writes the page and prints the list; a test keeps the page as
the list is.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Final

from tests.scenarios.plays import SCENARIOS
from tests.scenarios.registry import Group, Scenario

__all__ = ["PAGE", "page"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "scenarios.md"
_HEAD: Final = """\
# Scenarios

<!-- Written by `python -m tests.scenarios.listing`; a test keeps it as the list in the code is. -->

Each scenario is an incident that is really played on [the local cluster](../cluster/README.md): something is
deployed and breaks, an Incident is declared or an alert comes in, and the chosen Runbook, the findings, the
proposals with their guards, the workload that results and the end of the Incident are compared with what they
should be. All of them run side by side under one operator, each in a namespace of its own:

```
make scenarios                                            # all, by name
make scenarios PYTEST_ARGS='-k bad_release'               # one
```

The Runbooks are those that [come with the chart](runbooks.md#runbooks-that-come-with-the-chart), all installed
together; only their intervals and ranges are shortened.
"""
_WORDS: Final = {
    Group.RUNBOOK: "Each Runbook that comes with the chart, by the failure that it is for.",
    Group.TRAP: "What goes wrong for whoever does what kubectl does, and nothing else.",
    Group.GUARD: "Each guard of a proposal. What blocks cannot be approved; what warns is said before.",
    Group.VERDICT: "What follows from each verdict, before a change and after it.",
    Group.TOGETHER: "Incidents that meet.",
    Group.REQUEST: "What people say after they have approved.",
}
_HEADINGS: Final = {
    Group.RUNBOOK: "Runbook",
    Group.TRAP: "trap",
    Group.GUARD: "guard",
    Group.VERDICT: "verdict",
    Group.TOGETHER: "about",
    Group.REQUEST: "request",
}


def page() -> str:
    """Give the page as it should be."""
    order = list(Group)
    listed = sorted(SCENARIOS, key=lambda s: order.index(s.group))
    parts = [_HEAD]
    for group, scenarios in groupby(listed, key=lambda s: s.group):
        parts.append(f"\n## {group}\n\n{_WORDS[group]}\n\n{_table(group, list(scenarios))}")
    return "".join(parts)


def _table(group: Group, scenarios: list[Scenario]) -> str:
    rows = [f"| {_HEADINGS[group]} | scenario | what happens |", "|---|---|---|"]
    rows += [f"| {_about(s)} | `{s.name}` | {s.sentence} |" for s in scenarios]
    return "\n".join(rows) + "\n"


def _about(scenario: Scenario) -> str:
    match scenario.group:
        case Group.RUNBOOK:
            return f"[{scenario.about}](../runbooks/{scenario.about}.yaml)"
        case Group.GUARD:
            return ", ".join(f"`{name}`" for name in scenario.guards)
        case Group.VERDICT | Group.REQUEST:
            return f"`{scenario.about}`"
        case Group.TRAP | Group.TOGETHER:
            return scenario.about


def main() -> None:
    """Write the page, and print the list to read while it runs."""
    if "--print" not in sys.argv[1:]:
        PAGE.write_text(page())
    width = max(len(s.name) for s in SCENARIOS)
    for scenario in SCENARIOS:
        sys.stdout.write(f"{scenario.name:<{width}}  {scenario.sentence}\n")


if __name__ == "__main__":
    main()
