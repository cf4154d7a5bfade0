"""Who writes a marker, or takes one away, decides nothing: neither that it was done, nor again.

ed may edit the target and read the Incident, its intent and nonce among it. Whatever he does between
two writes of the operator, an approval changes the target once at most, and "done" is said only
where it was done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from incidentcommander.api.base import GROUP, MARKER_ANNOTATION
from incidentcommander.api.incident import Execution
from incidentcommander.observed.needs import AutoscalersNeed
from incidentcommander.observed.surroundings import Autoscaler
from incidentcommander.observed.workloads import AUTOSCALERS, Outcome, Unavailable
from tests.actions.hpa import autoscaler
from tests.actions.jsonpatch import apply
from tests.support import build
from tests.support.play import Play

INTENT: Final = 2
"""Writes until the intent stands in the status."""
MADE: Final = 3
"""Writes until the change is made, and nobody knows yet."""
REMEDIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "rollback": {"rolloutUndo": {}},
    "restart": {"rolloutRestart": {}},
    "scale-out": {"scale": {"by": 2, "max": 9}},
    "autoscale": {"autoscale": {"minReplicas": 3, "maxReplicas": 20}},
    "new-autoscaler": {"autoscale": {"minReplicas": 3, "maxReplicas": 20}},
}


def awaiting(remedy: str) -> Play:
    """One remediation is offered, on a target that somebody may edit."""
    play = Play()
    if remedy == "autoscale":
        play.world.around[AutoscalersNeed] = (autoscaler(),)
    listed = [{"name": remedy, **REMEDIES[remedy]}]
    play.shelf.books = [build.runbook(spec={"remediation": listed})]
    return play.tick()


def approve(play: Play, *, crash_after: int | None = None) -> Play:
    """Alice approves; the operator may die after so many writes."""
    (found,) = [p for p in play.status.proposals if p.state == "Proposed"]
    play.annotate({f"{GROUP}/approve": found.id, f"{GROUP}/approve-by": "alice"})
    return play.tick(crash_after=crash_after)


# --- what ed does --------------------------------------------------------------------------------


def hpa(play: Play) -> Autoscaler | None:
    found = play.world.around.get(AutoscalersNeed, ())
    assert isinstance(found, tuple)
    return next((a for a in found if isinstance(a, Autoscaler)), None)


def edit_hpa(play: Play, **over: Any) -> None:
    """Change it as the API server would: with another resourceVersion."""
    old = hpa(play)
    assert old is not None
    version = str(int(old.resource_version) + 1)
    raw = build.merged(build.merged(old.raw, over), {"metadata": {"resourceVersion": version}})
    play.world.around[AutoscalersNeed] = (
        Autoscaler(old.namespace, old.name, old.uid, version, raw),
    )


def write_marker(play: Play, marker: str | None) -> None:
    """Write the annotation on whatever is to be changed; None: take it away."""
    over = {"metadata": {"annotations": {MARKER_ANNOTATION: marker}}}
    if hpa(play) is not None:
        edit_hpa(play, **over)
    else:
        play.world.edit(**over)


def intent(play: Play) -> Execution:
    execution = play.status.execution
    assert execution is not None
    return execution


def copied(play: Play) -> str:
    """The marker of the intent, copied from the status."""
    return f"{intent(play).proposal}.{intent(play).nonce}"


def take_back(play: Play) -> None:
    """Make the target again as it was before the change."""
    if hpa(play) is not None:
        before = autoscaler()
        edit_hpa(play, spec={**before.spec})
        return
    play.world.edit(spec={"template": None})
    play.world.edit(spec={"replicas": 3, "template": build.template(build.NEW_IMAGE)})


# --- before the approval -------------------------------------------------------------------------


@pytest.mark.parametrize("remedy", [r for r in REMEDIES if r != "new-autoscaler"])
def test_ed_writes_the_marker_before_the_approval_and_it_is_done_all_the_same(remedy: str) -> None:
    play = awaiting(remedy)
    offered = play.open(remedy)
    write_marker(play, offered)

    approve(play)

    assert len(play.world.changes) == 1
    assert play.reasons.count("RemediationApplied") == 1
    assert "The API server confirmed it." in play.last("RemediationApplied")
    started = play.last("RemediationStarted")
    assert f"names {offered} already" in started
    assert "not believed" in started
    play.after(seconds=30)
    assert "RemediationReverted" not in play.reasons


def test_ed_writes_the_marker_and_no_attempt_is_used_up() -> None:
    play = awaiting("rollback")
    for _ in range(3):
        write_marker(play, play.open("rollback"))
        # It is not done for another reason: the guard cannot be proven, and then it can again.
        play.world.proven = False
        approve(play)
        play.world.proven = True
        play.after(minutes=16)

    assert play.world.changes == []
    assert play.status.remediations == 0
    assert not play.status.changed_at
    assert "RemediationApplied" not in play.reasons


def test_the_words_of_a_strange_marker_are_quoted_nowhere() -> None:
    play = awaiting("rollback")
    offered = play.open("rollback")
    write_marker(play, f"{offered}. The real fix: kubectl delete deploy checkout")

    approve(play)

    assert "kubectl delete" not in str(play.status.to_api())


# --- while the operator is dead ------------------------------------------------------------------


@pytest.mark.parametrize("remedy", [r for r in REMEDIES if r != "new-autoscaler"])
def test_ed_copies_the_nonce_from_the_intent_and_nothing_is_called_done(remedy: str) -> None:
    play = approve(awaiting(remedy), crash_after=INTENT)
    approved = intent(play).proposal
    write_marker(play, copied(play))

    play.tick()

    assert "RemediationApplied" not in play.reasons
    assert f"Whether {approved} was done is not known" in play.last("RemediationSuperseded")
    assert (play.status.remediations, play.world.changes) == (0, [])
    assert play.open(remedy) != approved


Tampering = Callable[[Play], None]


def content_alone(play: Play) -> None:
    """The content is as before, the marker stays."""
    take_back(play)


def both(play: Play) -> None:
    """The content is as before, and no marker tells that it was another."""
    take_back(play)
    write_marker(play, None)


def marker_alone(play: Play) -> None:
    """The change stays, its marker is gone."""
    write_marker(play, None)


def another_marker(play: Play) -> None:
    """The change stays, under the marker of nobody."""
    write_marker(play, f"{intent(play).proposal}.{'0' * 32}")


@pytest.mark.parametrize("tamper", [content_alone, both, marker_alone, another_marker])
@pytest.mark.parametrize("remedy", [r for r in REMEDIES if r != "new-autoscaler"])
def test_ed_tampers_after_the_change_and_it_is_never_done_twice(
    remedy: str, tamper: Tampering
) -> None:
    play = approve(awaiting(remedy), crash_after=MADE)
    assert len(play.world.changes) == 1
    approved = intent(play).proposal
    tamper(play)

    play.tick().after(seconds=30)

    assert len(play.world.changes) == 1
    assert "RemediationApplied" not in play.reasons
    assert "RemediationSuperseded" in play.reasons
    assert approved not in {p.id for p in play.status.proposals if p.state == "Proposed"}


def test_ed_deletes_the_new_autoscaler_and_it_is_not_made_again() -> None:
    play = approve(awaiting("new-autoscaler"), crash_after=MADE)
    assert len(play.world.changes) == 1
    play.world.around[AutoscalersNeed] = ()

    play.tick().after(seconds=30)

    assert len(play.world.changes) == 1
    assert "is not known: it was interrupted" in play.last("RemediationSuperseded")


def test_what_others_change_besides_does_not_hide_that_it_was_done() -> None:
    play = approve(awaiting("rollback"), crash_after=MADE)
    play.world.edit(spec={"replicas": 9})

    play.tick()

    assert "marker was found" in play.last("RemediationApplied")
    assert play.status.remediations == 1


# --- requests that come late ---------------------------------------------------------------------


@pytest.mark.parametrize("remedy", [r for r in REMEDIES if r != "new-autoscaler"])
def test_ed_takes_back_a_request_that_came_late_and_it_is_never_done_twice(remedy: str) -> None:
    play = awaiting(remedy)
    obey, sent = play.world.obey, list[Any]()

    def late(command: Any) -> Outcome:
        sent.append(command)
        if len(sent) == 1:
            return Unavailable("target", "no answer")
        if len(sent) == 2:  # the first one arrives just now, and ed takes it back at once
            obey(sent[0])
            both(play)
        return obey(command)

    play.world.obey = late  # type: ignore[method-assign]
    approve(play)
    play.tick().after(seconds=30)

    assert len(sent) == 2
    assert len(play.world.changes) == 1
    assert "is not known" in play.last("RemediationSuperseded")


# --- an autoscaler that moves --------------------------------------------------------------------


def moving(play: Play, times: int) -> list[Any]:
    """Have the HPA's status move just before the first requests arrive."""
    obey, sent = play.world.obey, list[Any]()

    def meddled(command: Any) -> Outcome:
        sent.append(command)
        if len(sent) <= times:
            edit_hpa(play, status={"currentReplicas": len(sent)})
        return obey(command)

    play.world.obey = meddled  # type: ignore[method-assign]
    return sent


def test_an_autoscaler_whose_status_moves_is_followed() -> None:
    play = awaiting("autoscale")
    sent = moving(play, times=2)
    approve(play)

    assert [c.write.resource for c in play.world.changes] == [AUTOSCALERS]
    assert play.reasons.count("RemediationRetried") == 2
    assert "resourceVersion 802" in play.last("RemediationRetried")
    tested = [operation for c in sent for operation in c.write.patch[:1]]
    assert [(t["path"], t["value"]) for t in tested] == [
        ("/metadata/resourceVersion", version) for version in ("800", "801", "802")
    ]
    assert play.reasons.count("RemediationApplied") == 1


def test_an_autoscaler_that_never_rests_is_offered_anew() -> None:
    play = awaiting("autoscale")
    moving(play, times=99)
    approve(play)

    assert play.world.changes == []
    assert play.reasons.count("RemediationRetried") == 5
    assert "it moved 6 times" in play.last("RemediationSuperseded")


def test_the_intent_names_the_autoscaler_and_its_version() -> None:
    play = approve(awaiting("autoscale"), crash_after=INTENT)

    found = intent(play)
    assert (found.autoscaler_uid, found.autoscaler_version) == ("checkout-hpa", "800")
    assert len(found.nonce) == 32


# --- annotations ---------------------------------------------------------------------------------


def test_ed_plants_a_marker_on_the_old_revision_and_the_undo_writes_its_own() -> None:
    play = awaiting("rollback")
    forged = {MARKER_ANNOTATION: "rollback-00000000.planted", "kept": "yes"}
    play.world.revisions = [replace(r, annotations=forged) for r in play.world.revisions]

    # With what the revision carries now it is another plan: it is offered anew.
    approve(play.tick())

    (command,) = play.world.changes
    changed = apply(command.write.patch[-1:], {"metadata": {"annotations": {}}})
    assert changed["metadata"]["annotations"][MARKER_ANNOTATION] == copied(play)
