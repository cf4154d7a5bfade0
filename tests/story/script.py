"""The story itself: who does what at which minute, act by act.

What the operator makes of it stands in ``docs/story.md``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

from tests.story.stage import Stage, stage
from tests.story.told import Duty, Played, World
from tests.support.prometheus import ERRORS, REQUESTS

__all__ = ["ALICE", "BOB", "CAROL", "DAVE", "ERIN", "PEOPLE", "TITLE", "play"]

ERIN: Final = "erin"
BOB: Final = "bob"
ALICE: Final = "alice"
CAROL: Final = "carol"
DAVE: Final = "dave"
PEOPLE: Final = {
    ERIN: "support; declares incidents and says what users see",
    BOB: "on call tonight; may approve",
    ALICE: "incident commander of the day shift; may approve",
    DAVE: "tech lead of the checkout",
    CAROL: "speaks to customers",
}
TITLE: Final = "Card callbacks arrive twice"
_V1: Final = "registry.example/shop/checkout:v1"
_V2: Final = "registry.example/shop/checkout:v2"
_V3: Final = "registry.example/shop/checkout:v3"

_FAILING: Final = [{"step": "errors", "verdict": "Failed"}]
_RELEASE: Final = [{"step": "rollout", "reason": "RecentRollout"}]

POLICY: Final[dict[str, Any]] = {
    "businessHours": {"timeZone": "Europe/Berlin", "from": "09:00", "to": "17:00"},
    "channels": [
        {"name": "incident-room", "audience": "Internal"},
        {"name": "status-page", "audience": "External"},
        {"name": "vp-engineering", "audience": "Executive", "severities": ["SEV1"]},
        {"name": "cto", "audience": "Executive", "severities": ["SEV1"]},
    ],
    "templates": [
        {
            "audience": "Executive",
            "kind": "Update",
            "text": "{{ severity }} {{ title }}: {{ status | lower }}. Customers: {{ impact }}. "
            "In command: {{ commander }}. Next word at {{ nextUpdate }}.",
        }
    ],
    "rediagnoseEvery": "15m",
}
RUNBOOK: Final[dict[str, Any]] = {
    "title": "The checkout fails",
    "match": {"priority": 100},
    "diagnosis": [
        {"name": "pods", "podStatus": {}},
        {"name": "rollout", "rolloutHistory": {"within": "60m"}},
        {
            "name": "errors",
            "errorRate": {"errors": ERRORS, "total": REQUESTS, "max": 0.05, "minRequests": 1},
        },
    ],
    "remediation": [
        {"name": "rollback", "risk": "Medium", "when": _RELEASE + _FAILING, "rolloutUndo": {}},
        {"name": "restart", "risk": "Low", "when": _FAILING, "rolloutRestart": {}},
    ],
    "verification": {
        "timeout": "10m",
        "interval": "1m",
        "successes": 3,
        "failures": 3,
        "checks": ["errors"],
    },
}
IMPACT: Final = {
    "symptom": "some payments fail",
    "summary": "about one customer in ten cannot pay at the first try",
    "usersAffectedPercent": 10,
}


async def play(world: World, duty: Duty = Duty.STEADY) -> Played:
    """Play it from the beginning to the end."""
    at = stage(world, duty)
    try:
        for act in _ACTS:
            await act(at)
        return await at.played()
    finally:
        await at.close()
        at.figures.stop()
        world.api.delete("namespaces", at.namespace)


async def _before(at: Stage) -> None:
    at.calendar.now -= timedelta(days=9)
    await at.deploys(_V1)
    at.calendar.now = at.calendar.at(-20 * 60)
    await at.releases(DAVE, _V2)
    at.calendar.now = at.calendar.at(0)
    at.writes("responsepolicies", "ResponsePolicy", "default", **POLICY)
    at.writes("runbooks", "Runbook", "checkout", **RUNBOOK)


async def _declared(at: Stage) -> None:
    at.act(
        "Something is wrong",
        "Support sees that some payments fail. The figures are below every limit, nothing was "
        "released: no fix can be proposed, so people look.",
    )
    at.figures.fail(3)
    await at.declares(
        ERIN,
        title=TITLE,
        severity="SEV3",
        target={"kind": "Deployment", "name": "checkout"},
        warRoom="https://chat.example/incident-1207",
        impact=IMPACT,
    )
    await at.until(4)
    await at.says(ERIN, "note", "@07:31 The first customer has called; 14 tickets since.")


async def _worse(at: Stage) -> None:
    await at.until(8)
    at.act(
        "It gets worse",
        "The severity follows the facts, upwards only. Who had to know by now is told.",
    )
    await at.edits(ERIN, impact={"usersAffectedPercent": 20})
    await at.until(17)
    await at.says(BOB, "acknowledge", "I am on it, looking at the card gateway")
    await at.until(19)
    await at.says(BOB, "severity", "SEV3: paying by invoice works for everybody")
    await at.until(22)
    await at.edits(ERIN, impact={"usersAffectedPercent": 30})
    await at.until(26)
    await at.edits(
        BOB,
        impact={
            "dataIntegrity": True,
            "summary": "about one customer in three cannot pay, and some were charged twice",
        },
    )


async def _people(at: Stage) -> None:
    await at.until(27)
    at.act(
        "Who does what",
        "Roles that nobody has taken are asked for. What outsiders read is checked word by word.",
    )
    await at.edits(BOB, roles={"techLead": DAVE, "comms": CAROL})
    await at.until(32)
    await at.says(
        ERIN,
        "update-external",
        "We are looking into it.",
        refused="speaks to outsiders",
    )
    await at.until(33)
    await at.says(CAROL, "update-external", "Payments fail due to our card gateway.")
    await at.until(34)
    await at.says(
        CAROL,
        "update-external",
        "Please do not pay twice: we check every payment of today and return what is too much.",
    )


async def _found(at: Stage) -> None:
    await at.until(46)
    await at.says(DAVE, "update", "Following one payment through the gateway, step by step")
    await at.until(58)
    await at.says(
        DAVE,
        "root-cause",
        "The card gateway repeats callbacks after 5 s, and nothing recognises a callback that was "
        "there before.",
    )
    await at.until(61)
    await at.says(ALICE, "take-command", "bob has been up all night")


async def _release(at: Stage) -> None:
    await at.until(72)
    at.act(
        "The fix makes it worse",
        "A release that shall recognise repeated callbacks refuses good ones, too. The rollback is "
        "proposed at once; it waits for the one who is in command.",
    )
    at.figures.fail(40)
    await at.releases(DAVE, _V3)
    await at.until(79)
    await at.says(BOB, "approve", await at.open("rollback"), refused="(alice)")
    await at.until(90)
    at.postbox.breaks("status-page", at.calendar.now, at.calendar.at(100))
    await at.says(ALICE, "approve", await at.open("rollback"))
    at.figures.fail(1)


async def _relapse(at: Stage) -> None:
    await at.until(104)
    at.act(
        "It seems over, and comes back",
        "While the fix is watched, the severity is lowered by a person; new facts raise it again.",
    )
    await at.says(ALICE, "severity", "SEV3: payments go through, the double ones are stopped")
    await at.until(109)
    await at.edits(ERIN, impact={"customerReported": True, "payingAccounts": True})
    await at.until(112)
    at.figures.fail(25)
    await at.until(115)
    await at.edits(
        CAROL, impact={"usersAffectedPercent": 100, "summary": "nobody can pay by card reliably"}
    )
    await at.until(122)
    await at.says(
        ALICE, "reject", f"{await at.open('rollback')}: v1 cannot read the orders of today"
    )
    await at.until(123)
    await at.says(
        ALICE, "reject", f"{await at.open('restart')}: it loses the carts that are held in memory"
    )


async def _second(at: Stage) -> None:
    await at.until(150)
    at.act(
        "The second attempt",
        "People make room for what was rejected before, and ask for it by name.",
    )
    await at.says(DAVE, "update", "Writing all carts to the database before anything is restarted")
    await at.until(204)
    await at.says(DAVE, "propose", "restart")
    await at.until(206)
    await at.says(ALICE, "approve", await at.open("restart"))
    at.figures.fail(0)
    await at.until(240)


async def _over(at: Stage) -> None:
    await at.until(25 * 60)
    at.act(
        "Not over until the postmortem is done",
        "The draft has what the timeline says; people add what only they know.",
    )
    await at.edits(ALICE, "postmortem", refused="Final needs", state="Final")
    await at.edits(ALICE, "postmortem", **POSTMORTEM)
    await at.edits(ALICE, "postmortem", state="Final")


POSTMORTEM: Final[dict[str, Any]] = {
    "state": "Review",
    "author": "the incident commander",
    "impact": {
        "usersAffected": "100 % for 94 minutes, 30 % before",
        "duration": "239 min",
        "revenue": "about 41 000 EUR in orders that did not come back",
        "errorBudgetConsumed": "310 % of the month",
        "supportTickets": "212",
    },
    "contributingFactors": {
        "immediate": "A callback that came twice was booked twice.",
        "underlying": "No test sends a callback twice.",
        "systemic": "Nobody owns the contract with the card gateway.",
    },
    "fiveWhys": [
        "Payments were booked twice, since callbacks came twice.",
        "The gateway repeats a callback that is not answered within 5 s, and ours took longer.",
        "Nothing recognised a callback that was there before.",
        "The contract with the gateway does not say that callbacks can come twice.",
        "Nobody is asked to review contracts with other companies before they are built upon.",
    ],
    "wentWell": [
        "The rollback was proposed in the minute of the release.",
        "Customers were told what to do, and never why.",
    ],
    "actionItems": [
        {
            "id": "AI-1",
            "action": "Recognise repeated callbacks, with a test that sends each one twice",
            "owner": "team checkout",
            "priority": "P0",
            "due": "2026-11-27",
            "status": "InProgress",
        },
        {
            "id": "AI-2",
            "action": "Keep carts in the database instead of in memory",
            "owner": "team platform",
            "priority": "P1",
            "due": "2026-12-18",
        },
    ],
    "lessons": "A fix in a hurry gets a canary like any other release.",
    "followUpReviewAt": "2026-12-03T13:00:00Z",
}
_ACTS: Final[tuple[Callable[[Stage], Awaitable[None]], ...]] = (
    *(_before, _declared, _worse, _people, _found, _release, _relapse, _second, _over),
)
