"""What an Event says: what was seen and the proposal's id, and never anything to paste."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from incidentcommander.api.common import Phase
from incidentcommander.api.incident import TimelineEntry
from incidentcommander.gateways.kubernetes.event_notes import note
from tests.support.build import incident

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
APPROVE = (
    "kubectl -n shop annotate incident checkout-5xx incidentcommander.dev/approve=roll-1a2b3c4d"
)
ABOVE = "of Incident checkout-5xx, above."


def said(reason: str, message: str, actor: str = "operator", proposal: str | None = None) -> str:
    entry = TimelineEntry(
        seq=7,
        at=NOW,
        phase=Phase.AWAITING_APPROVAL,
        reason=reason,
        actor=actor,
        message=message,
        proposal=proposal,
    )
    return note(incident(), entry)


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        pytest.param(
            "ProposalOffered",
            f"Roll back from revision 2 to 1 (recommended, risk Low). Until 08:15:00 UTC: {APPROVE}",
            "Roll back from revision 2 to 1 (recommended, risk Low). Until 08:15:00 UTC. To approve "
            f"roll-1a2b3c4d: its approveCommand in status.proposals {ABOVE}",
            id="offered",
        ),
        pytest.param(
            "ProposalOffered",
            "Scale up. It is blocked: too many changes.",
            "Scale up. It is blocked: too many changes. To approve roll-1a2b3c4d: its "
            f"approveCommand in status.proposals {ABOVE}",
            id="offered and blocked",
        ),
        pytest.param(
            "ProposalBlocked",
            "It is blocked: paused. To clear: kubectl -n shop rollout resume deployment/checkout",
            f"It is blocked: paused. What to type: status.proposals {ABOVE}",
            id="blocked",
        ),
        pytest.param("VerificationPassed", "All is well", "All is well", id="nothing to type"),
    ],
)
def test_the_finding_and_the_id_stay_and_the_command_is_left_out(
    reason: str, message: str, expected: str
) -> None:
    assert said(reason, message, proposal="roll-1a2b3c4d" if "Prop" in reason else None) == expected


def test_what_is_about_no_proposal_points_to_the_summary() -> None:
    told = said("RoleUnfilled", f"Nobody is commander. Take command: {APPROVE} ; the others wait.")

    assert told == f"Nobody is commander. What to type: status.summary {ABOVE}"


@pytest.mark.parametrize(
    "words",
    [
        APPROVE,
        "kubectl incident approve checkout-5xx rollback-evil",
        "kubectl --namespace shop annotate inc checkout-5xx incidentcommander.dev/approve=evil",
        "kubectl annotate inc x incidentcommander.dev/appro''ve=evil",
        "x=incidentcommander.dev/approve; kubectl annotate inc x $x=evil",
        "helm -n shop uninstall checkout",
        "argocd app delete checkout",
        "flux delete kustomization apps",
    ],
)
@pytest.mark.parametrize(
    ("actor", "reason"),
    [("ed", "UpdatePosted"), ("ed", "RequestRefused"), ("operator", "DiagnosisStepFinished")],
)
def test_ed_has_the_operator_quote_a_command_and_no_event_holds_it(
    actor: str, reason: str, words: str
) -> None:
    told = said(reason, f"change-cause “{words}” was seen.", actor)

    assert not re.search(r"kubectl|helm|flux|argocd|incidentcommander\.dev|evil", told)
    assert told.startswith("change-cause “")


def test_a_long_message_is_cut_and_where_to_look_is_not() -> None:
    told = said("ProposalOffered", "ü" * 512, proposal="roll-1a2b3c4d")

    assert len(told.encode()) <= 1024
    assert told.endswith(
        f"To approve roll-1a2b3c4d: its approveCommand in status.proposals {ABOVE}"
    )
