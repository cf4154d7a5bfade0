"""What the documents promise is there: reasons, settings, links."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from incidentcommander.metering.catalogue import CATALOGUE, Metric
from incidentcommander.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
CORE = ROOT / "operator" / "incidentcommander" / "core"
ACTIONS = CORE.parent / "actions"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "cluster/README.md"])

CAMEL = re.compile(r"[A-Z][a-z]+([A-Z][a-z]+)+")
LINK = re.compile(r"\]\(([^)\s]+)\)")
NO_REASONS = {
    # Guards of a proposal, reasons of findings, values of fields, names of classes.
    "ActionItemsOverdue",
    "AlreadyThere",
    "AnotherIncident",
    "AttemptsUsedUp",
    "AutoSync",
    "CannotCompute",
    "DiffCut",
    "Cooldown",
    "GitOpsOwned",
    "HelmOwned",
    "InTime",
    "LastAppliedStale",
    "Loop",
    "NotPlanned",
    "KedaOwned",
    "LowersAutoscaler",
    "NoRevert",
    "NotBuilt",
    "NotObserved",
    "OlderThanRelease",
    "OnRollback",
    "ReleaseTooYoung",
    "RevertsOnFailure",
    "RevisionEdited",
    "RevisionUnseen",
    "ScaledToZero",
    "SeenFailing",
    "SelfHeal",
    "TooManyChanges",
    "ProgressDeadlineExceeded",
    "ResponsePolicy",
    "RollingUpdate",
}


def _words(module: Path) -> Iterator[str]:
    """Every CamelCase text in the code of a module, names in ``__all__`` left out."""
    tree = ast.parse(module.read_text())
    exported = {
        node
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "__all__" for t in statement.targets)
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in exported:
            value = node.value
            if isinstance(value, str) and CAMEL.fullmatch(value):
                yield value


def _reasons_in_the_code() -> set[str]:
    # Conditions have reasons of their own.
    modules = [m for m in CORE.rglob("*.py") if m.name != "conditions.py"]
    return {word for module in modules for word in _words(module)} - NO_REASONS


def _reasons_in_the_document() -> set[str]:
    text = (ROOT / "docs" / "timeline.md").read_text()
    return set(re.findall(r"^\| `([A-Z][A-Za-z]+)` \|", text, re.MULTILINE))


def test_every_reason_of_the_code_stands_in_the_timeline_document() -> None:
    missing = _reasons_in_the_code() - _reasons_in_the_document()

    assert missing == set(), "add them to docs/timeline.md, or to NO_REASONS if they are none"


def test_the_timeline_document_lists_no_reason_that_the_code_does_not_know() -> None:
    assert _reasons_in_the_document() - _reasons_in_the_code() == set()


def _guards_in_the_code() -> set[str]:
    """Names in ``block(…)``, ``warn(…)`` and ``GuardFinding(name=…)``."""
    found: set[str] = set()
    for module in [*CORE.rglob("*.py"), *ACTIONS.glob("*.py")]:
        for node in ast.walk(ast.parse(module.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            named = [k.value for k in node.keywords if k.arg == "name"]
            first = node.args[:1] if node.func.id in {"block", "warn", "_block"} else []
            if node.func.id == "GuardFinding" or first:
                found |= {str(a.value) for a in [*first, *named] if isinstance(a, ast.Constant)}
    constants = (CORE / "remediation" / "circuit_breaker.py").read_text()
    return found | set(re.findall(r'^_[A-Z_]+: Final = "([A-Z]\w+)"$', constants, re.MULTILINE))


def _guards_in_the_document() -> set[str]:
    text = (ROOT / "docs" / "guards.md").read_text()
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_guard_of_the_code_stands_in_its_document_and_no_other() -> None:
    # Constants of the proposals.
    assert (
        _guards_in_the_code() | {"DiffCut", "OlderThanRelease", "dryRun"}
        == _guards_in_the_document()
    )


def test_every_setting_stands_in_the_operations_document() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()

    missing = [
        name
        for field in Settings.model_fields
        if f"`{(name := PREFIX + field.upper())}`" not in text
    ]

    assert missing == []


def test_the_table_of_metrics_is_the_catalogue() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    shown = re.findall(r"^\| `incident_commander_\w+` \|.*$", text, re.MULTILINE)

    assert shown == [_row(metric) for metric in CATALOGUE]


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    cells = (f"`{metric.name}`", metric.kind, labels, metric.unit, metric.help)
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def test_every_metric_that_the_documents_use_is_one() -> None:
    suffixes = ("", "_sum", "_count", "_bucket")
    known = {f"{metric.name}{suffix}" for metric in CATALOGUE for suffix in suffixes}
    text = (ROOT / "docs" / "operations.md").read_text()

    # The package has the prefix of the metrics.
    assert set(re.findall(r"\bincident_commander_\w+", text)) <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_every_relative_link_resolves(document: Path) -> None:
    broken = [
        link
        for link in LINK.findall(document.read_text())
        if not link.startswith(("http://", "https://", "mailto:")) and not _resolves(document, link)
    ]

    assert broken == []


def _resolves(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.exists():
        return False
    return not anchor or anchor in {_anchor(h) for h in _headings(target)}


def _headings(document: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)


def _anchor(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")
