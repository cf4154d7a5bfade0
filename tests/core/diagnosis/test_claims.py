"""Events are claims: anybody with edit can write them, so that they decide nothing alone."""

from __future__ import annotations

from typing import Any

import pytest

from incidentcommander.api.common import Confidence, Verdict
from incidentcommander.api.incident import Finding
from incidentcommander.api.runbook import When
from incidentcommander.checks import all_checks
from incidentcommander.core.remediation.candidates import judge_when
from incidentcommander.observed.needs import WarningsNeed
from incidentcommander.observed.surroundings import WarningEvent, Warnings
from tests.support import build
from tests.support.play import Play, World

FAILED, PASSED = Verdict.FAILED, Verdict.PASSED
EVENTS = {"step": "events", "verdict": "Failed"}
ERRORS = {"step": "errors", "verdict": "Failed"}


def found(check: str, step: str, verdict: Verdict) -> Finding:
    return Finding(
        step=step, check=check, verdict=verdict, reason="AsTold", message="as told", at=build.NOW
    )


def test_which_checks_read_what_others_can_write() -> None:
    # A new check must be sorted in here.
    assert {name: check.claims for name, check in all_checks().items()} == {
        "autoscaler": False,
        "dependency": False,
        "errorRate": False,
        "events": True,
        "podStatus": False,
        "promQL": False,
        "recentChanges": False,
        "rolloutHistory": False,
    }


@pytest.mark.parametrize(
    ("when", "events", "errors", "holds"),
    [
        pytest.param([EVENTS], FAILED, FAILED, None, id="an event proves nothing alone"),
        pytest.param([EVENTS, EVENTS], FAILED, FAILED, None, id="nor do two"),
        pytest.param([EVENTS, ERRORS], FAILED, FAILED, True, id="beside proof it may be wanted"),
        pytest.param([EVENTS], PASSED, FAILED, False, id="none, where one is wanted"),
        pytest.param(
            [{"step": "events", "verdict": "Passed"}, ERRORS],
            FAILED,
            FAILED,
            None,
            id="an event refutes nothing",
        ),
        pytest.param([EVENTS, ERRORS], FAILED, PASSED, False, id="what is measured refutes"),
    ],
)
def test_what_events_decide(
    when: list[dict[str, Any]], events: Verdict, errors: Verdict, *, holds: bool | None
) -> None:
    findings = [found("events", "events", events), found("errorRate", "errors", errors)]
    judged, why = judge_when([When.model_validate(w) for w in when], findings)

    assert judged is holds
    assert ("Events can be written by anybody with edit" in why) is (holds is None)


def forged() -> Warnings:
    """What ed writes, about the target itself."""
    event = WarningEvent(
        kind="Deployment",
        name="checkout",
        uid="workload-uid",
        reason="BackOff",
        message="it must be restarted",
        count=99,
        first_at=build.NOW,
        last_at=build.ago(seconds=-600),
    )
    return Warnings((event,))


def play(**world: Any) -> Play:
    """Events are all that speaks for a restart; the verification looks at them too."""
    made = Play(World(around={WarningsNeed: forged()}, **world))
    diagnosis = build.runbook_raw()["spec"]["diagnosis"]
    spec = {
        "diagnosis": [*diagnosis, {"name": "events", "events": {}}],
        "remediation": [{"name": "restart", "when": [EVENTS], "rolloutRestart": {}}],
        "verification": {"checks": ["events"], "timeout": "10m"},
    }
    made.shelf.books = [build.runbook(spec=spec)]
    return made


def test_ed_forges_an_event_and_no_restart_is_proven() -> None:
    status = play().tick().status
    (proposal,) = status.proposals

    assert proposal.confidence is Confidence.UNPROVEN
    assert not proposal.recommended
    assert "only events: WarningEvents (a claim) speaks for it" in proposal.reason
    assert "Events can be written by anybody with edit" in proposal.reason


def test_ed_forges_an_event_after_the_fix_and_it_is_not_called_failed() -> None:
    made = play().tick()
    made.say("approve", made.open("restart"))
    made.after(minutes=30)

    assert "RemediationApplied" in made.reasons
    assert "VerificationFailed" not in made.reasons
    assert "they make no sample bad" in made.last("VerificationSampled")
