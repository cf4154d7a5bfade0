"""When the trouble began against when the release began: what one finding says about another.

Applied to the findings of a whole round. Trouble that is older than the release speaks against
taking the release back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ..api.common import Verdict
from ..api.incident import Finding
from .wording import MESSAGE, clock, cut

__all__ = ["older_than_release", "relate"]

_MEASURED: Final = frozenset({"errorRate", "promQL"})


def relate(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Add to each measured failure how it lies to the recent release, where both times are known."""
    began = _release_start(findings)
    if began is None:
        return tuple(findings)
    return tuple(_related(f, began) for f in findings)


def older_than_release(finding: Finding, findings: Sequence[Finding]) -> bool:
    """Whether this trouble was seen before the recent release of the same round began."""
    began = _release_start(findings)
    return began is not None and _is_trouble(finding) and (finding.since or began) < began


def _release_start(findings: Sequence[Finding]) -> datetime | None:
    for finding in findings:
        if finding.check == "rolloutHistory" and finding.verdict is Verdict.FAILED:
            return finding.since
    return None


def _is_trouble(finding: Finding) -> bool:
    return finding.check in _MEASURED and finding.verdict is Verdict.FAILED


def _related(finding: Finding, began: datetime) -> Finding:
    if not _is_trouble(finding) or finding.since is None:
        return finding
    at = clock(began, finding.at)
    if finding.since < began:
        text = f" That is before the release of {at}: it speaks against a rollback."
    else:
        text = f" The release began before that, at {at}."
    return finding.model_copy(
        update={"message": f"{cut(finding.message, MESSAGE - len(text))}{text}"}
    )
