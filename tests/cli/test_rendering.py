"""What is printed without a terminal, as it is printed: 100 columns, words alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from incidentcommander.cli.kubectl import Kubectl
from incidentcommander.cli.view.detail import Detail
from incidentcommander.cli.view.listing import listing
from incidentcommander.cli.view.proposals import guard_lines
from incidentcommander.cli.view.screen import screen
from incidentcommander.cli.view.spans import plain, wrapped
from incidentcommander.cli.view.timeline import timeline_lines
from tests.cli.sample import NOW, entry, incident, proposal

GOLDEN = Path(__file__).parent / "golden"
WIDTH = 100
KUBECTL = Kubectl("shop", ("--context=prod",))

LATE = {"status": {"updates": {"nextDueAt": "2026-11-22T08:37:00Z"}}}
NOBODY = {
    "status": {
        "roles": {"commander": None},
        "conditions": [
            {
                "type": "Ready",
                "status": "False",
                "reason": "ConfigurationProblem",
                "message": "spec.target: Deployment cart not found in namespace shop",
            },
            {
                "type": "Stalled",
                "status": "True",
                "reason": "ConfigurationProblem",
                "message": "the same",
            },
            {
                "type": "RoleUnfilled",
                "status": "True",
                "reason": "Overdue",
                "message": "nobody is commander, comms, due at 08:40 UTC; take command: annotate …",
            },
            {
                "type": "ApprovalGuarded",
                "status": "False",
                "reason": "NotProven",
                "message": "a forged approval was let in",
            },
        ],
        "channels": [
            {"name": "pager", "failingSince": "2026-11-22T08:41:00Z", "error": "HTTP 500"}
        ],
        "proposals": [],
    }
}
VERIFYING = {
    "status": {
        "phase": "Verifying",
        "summary": "Verifying: 3 % of 20 req/s fail (limit 5 %).",
        "conditions": [],
        "proposals": [
            proposal(state="Applied"),
            proposal(id="restart-39fa008f", state="Superseded", recommended=False),
        ],
        "approval": {"proposal": "rollback-8a54ab5f", "by": "alice", "at": "2026-11-22T08:41:00Z"},
        "execution": {
            "state": "Complete",
            "progress": 'deployment "checkout" successfully rolled out',
        },
        "verification": {
            "successes": 1,
            "failures": 0,
            "plan": {"successes": 3},
            "last": {"verdict": "Passed", "message": "3 % of 20 req/s fail"},
        },
    }
}
ENDED: dict[str, Any] = {
    "status": {
        "phase": "Resolved",
        "summary": "Resolved. A Postmortem is owed before it can be closed.",
        "proposals": [],
        "milestones": {"resolvedAt": "2026-11-22T08:41:30Z"},
        "conditions": [
            {"type": "RoleUnfilled", "status": "True", "reason": "NoCommander", "message": ""}
        ],
        "updates": {"nextDueAt": "2026-11-22T08:37:00Z"},
    }
}
UNSEEN = {"status": None}

SCREENS: dict[str, tuple[dict[str, Any], Detail]] = {
    "awaiting": ({}, Detail.NORMAL),
    "awaiting-full": ({}, Detail.FULL),
    "awaiting-short": ({}, Detail.SHORT),
    "late": (LATE, Detail.NORMAL),
    "troubled": (NOBODY, Detail.NORMAL),
    "verifying": (VERIFYING, Detail.NORMAL),
    "ended": (ENDED, Detail.NORMAL),
    "unseen": (UNSEEN, Detail.NORMAL),
}


def golden(name: str, text: str) -> None:
    """Hold a text against the file of that name."""
    assert f"{text}\n" == (GOLDEN / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", SCREENS)
def test_the_screen(name: str) -> None:
    over, detail = SCREENS[name]

    text = plain(screen(incident(**over), NOW, WIDTH, KUBECTL, detail))

    golden(name, text)


def test_the_list_marks_overdue_updates_and_has_the_worst_first() -> None:
    found = [
        incident(metadata={"name": "slow"}, status={"severity": "SEV3", "proposals": []}),
        incident(**LATE),
        incident(
            metadata={"name": "new", "creationTimestamp": "2026-11-22T08:41:50Z"}, status=None
        ),
        incident(metadata={"name": "over"}, **ENDED),
    ]

    golden("list", plain(listing(found, NOW)))
    golden("list-wide", plain(listing(found, NOW, everywhere=True, wide=True)))


def test_the_timeline_has_dates_authors_and_evidence() -> None:
    found = [
        entry(0, "IncidentDeclared", "SEV2.", at="2026-11-21T23:59:58Z"),
        entry(1, "NoteAdded", "first complaint", actor="bob", eventTime="2026-11-21T23:40:00Z"),
        entry(2, "VerificationFailed", "40 % fail.", evidence={"query": "sum(x)", "value": "40 %"}),
    ]

    golden("timeline", plain(timeline_lines(found, WIDTH, evidence=True)))


AGAIN = "kubectl -n a annotate incident b g/diagnose=again"
FIXED = 'kubectl -n a annotate incident b g/resolve="<how>"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"Diagnose: {AGAIN} ; fixed: {FIXED}",
            ["Diagnose:", f"  {AGAIN}", "fixed:", f"  {FIXED}"],
        ),
        (f"Diagnose: {AGAIN} in the end.", ["Diagnose:", f"  {AGAIN}", "in the end."]),
        (f"Diagnose: {AGAIN}-and-more", [f"Diagnose: {AGAIN[:32]}", f"{AGAIN[33:]}-and-more"]),
        ("Say kubectl get pods, and look.", ["Say kubectl get pods, and look."]),
        ("Type: kubectl delete pods --all", ["Type: kubectl delete pods --all"]),
        ("Type: kubectl get pods `touch x` ;", ["Type: kubectl get pods `touch x` ;"]),
        ("\x1b]0;title\x07red", ["�]0;title�red"]),
        ("", []),
    ],
    ids=[
        "two commands",
        "and more words",
        "the beginning of another word",
        "in a sentence",
        "of somebody else",
        "with code of somebody else",
        "control characters",
        "nothing",
    ],
)
def test_commands_of_a_field_stand_on_lines_of_their_own_and_nothing_else_does(
    text: str, expected: list[str]
) -> None:
    lines = wrapped(text, 60, commands=[AGAIN, FIXED])

    assert plain(lines).splitlines() == expected
    assert all(t in {AGAIN, FIXED} for spans in lines for t, style in spans if style == "command")


def test_of_two_commands_that_begin_alike_the_whole_one_is_offered() -> None:
    lines = wrapped(f"Do: {AGAIN} -n x", 60, commands=[AGAIN, f"{AGAIN} -n x"])

    assert plain(lines).splitlines() == ["Do:", f"  {AGAIN} -n x"]


def test_a_command_that_did_not_fit_into_a_guards_message_follows_it() -> None:
    guard = {"name": "Paused", "verdict": "Block", "message": "See commands.", "commands": [AGAIN]}

    shown = plain(guard_lines(proposal(guards=[guard]), WIDTH, Detail.NORMAL))

    assert shown.splitlines()[-1].strip() == AGAIN


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (("approve", "rollback-1"), "kubectl incident approve checkout-5xx rollback-1"),
        (("note", "it's ok"), "kubectl incident note checkout-5xx 'it'\"'\"'s ok'"),
        (("note", "$HOME `x`"), "kubectl incident note checkout-5xx '$HOME `x`'"),
    ],
)
def test_commands_can_be_pasted_and_keep_the_flags(rest: tuple[str, str], expected: str) -> None:
    typed = KUBECTL.typed(rest[0], incident(), *rest[1:])

    assert typed == f"{expected} -n shop --context=prod"
