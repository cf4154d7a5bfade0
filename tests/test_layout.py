"""The source root `operator/` must stay a plain folder."""

from __future__ import annotations

import operator
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_source_root_is_no_package() -> None:
    # With an __init__.py there, `import operator` finds ours, and Python itself breaks.
    assert not list((ROOT / "operator").glob("*.py"))
    assert operator.eq(1, 1)
