"""What follows a change: a pod that a StatefulSet waits for is deleted, once, as approved."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from typing_extensions import override

from incidentcommander.api.base import GROUP
from incidentcommander.api.common import TargetKind
from incidentcommander.observed.workloads import Outcome, Pod, Refused, Workload
from tests.support import build
from tests.support.play import Play, World

STATEFUL_SET = TargetKind.STATEFUL_SET


class Stuck(World):
    """A StatefulSet of three whose last pod is broken, and which waits for it for ever."""

    @override
    def workload(self) -> Workload:
        found = super().workload()
        here = next(r for r in self.revisions if r.template_hash == found.template_hash)
        ready = sum(pod.ready for pod in self.pods or ())
        updated = sum(pod.revision == here.label for pod in self.pods or ())
        counts = {"readyReplicas": ready, "updatedReplicas": updated, "updateRevision": here.label}
        return replace(found, raw=build.merged(found.raw, {"status": counts}))


def numbered(ordinal: int, label: str, *, ready: bool = True) -> Pod:
    name = f"checkout-{ordinal}"
    made = build.pod(label, name=name) if ready else build.crashing_pod(label, name=name)
    return replace(made, uid=f"{name}-uid")


def stuck() -> Play:
    update = {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    raw = build.workload_raw(STATEFUL_SET, spec={"updateStrategy": update})
    pods = (numbered(0, "rev6"), numbered(1, "rev6"), numbered(2, "rev7", ready=False))
    world = Stuck(raw=raw, pods=pods, kind=STATEFUL_SET)
    play = Play(world, spec={"target": {"kind": "StatefulSet"}})
    book = build.runbook(spec={"match": {"targetKinds": ["StatefulSet"]}})
    play.shelf.books = [book]
    return play.tick()


def deleted(play: Play) -> list[str]:
    return [c.write.delete for c in play.world.changes if c.write.delete]


def test_the_pod_is_deleted_after_the_change_as_approved() -> None:
    play = stuck()
    rollback = next(p for p in play.status.proposals if p.remediation == "rollback")
    assert not rollback.blocked
    play.say("approve", rollback.id)

    assert [c.write.resource for c in play.world.changes] == ["statefulsets", "pods"]
    assert deleted(play) == ["checkout-2-uid"]
    start = play.reasons.index("RemediationStarted")
    assert play.reasons[start : start + 5] == [
        "RemediationStarted",
        "RemediationApplied",
        "PodDeletionStarted",
        "PodDeleted",
        "RolloutCompleted",
    ]
    assert play.phase == "Verifying"


@pytest.mark.parametrize("writes", range(1, 12))
def test_a_crash_after_any_write_deletes_it_once(writes: int) -> None:
    play = stuck()
    approved = play.open("rollback")
    play.annotate({f"{GROUP}/approve": approved, f"{GROUP}/approve-by": "alice"})
    play.tick(crash_after=writes)
    play.after(seconds=30)

    assert deleted(play) == ["checkout-2-uid"]
    assert len(play.world.changes) == 2
    assert play.reasons.count("PodDeletionStarted") == play.reasons.count("PodDeleted") == 1
    assert play.phase == "Verifying"


def test_a_lost_answer_is_found_out_by_looking() -> None:
    play = stuck()
    obey = play.world.obey

    def lose(command: Any) -> Outcome:
        play.world.lose_response = bool(command.write.delete)
        return obey(command)

    play.world.obey = lose  # type: ignore[method-assign]
    play.say("approve", play.open("rollback")).after(seconds=30)

    assert deleted(play) == ["checkout-2-uid"]
    assert "found gone" in play.last("PodDeleted")


def test_a_refusal_says_what_to_type() -> None:
    play = stuck()
    obey = play.world.obey

    def refuse(command: Any) -> Outcome:
        return Refused("Forbidden", "no.") if command.write.delete else obey(command)

    play.world.obey = refuse  # type: ignore[method-assign]
    play.say("approve", play.open("rollback")).after(seconds=30)

    assert play.phase == "Remediating"
    assert play.reasons.count("PodDeletionRefused") == 1
    assert play.last("PodDeletionRefused").endswith("kubectl -n shop delete pod checkout-2")


def test_a_pod_that_became_ready_is_left_alone() -> None:
    play = stuck()
    approved = play.open("rollback")
    play.world.pods = (*list(play.world.pods or ())[:2], numbered(2, "rev7"))
    play.say("approve", approved).after(seconds=30)

    assert deleted(play) == []


def test_a_pod_that_somebody_replaced_voids_the_proposal() -> None:
    play = stuck()
    approved = play.open("rollback")
    again = replace(numbered(2, "rev7", ready=False), uid="another")
    play.world.pods = (*list(play.world.pods or ())[:2], again)
    play.after(seconds=1)

    assert play.status.proposal(approved).state == "Superseded"  # type: ignore[union-attr]
    assert play.open("rollback") != approved
    play.say("approve", play.open("rollback"))
    assert deleted(play) == ["another"]
