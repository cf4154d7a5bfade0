"""After the change: delete the pods that the plan names, then await the rollout.

Each deletion has its intent and its outcome in the timeline. It is sent with the pod's uid, which is
never used twice: a crash in between needs no marker, the pod is there or it is gone.
"""

from __future__ import annotations

from ...actions import PodDeletion, Situation, deletions, deletions_due
from ...api.incident import Execution, Proposal
from ...command_line import Name, kubectl
from ...observed.needs import Facts
from ...observed.workloads import PODS, Applied, Refused, Workload, Write
from ..case import Case
from ..effects import ChangeTarget
from ..evolve import Draft
from .rollout_wait import await_rollout

__all__ = ["follow"]


def follow(
    case: Case, draft: Draft, facts: Facts, proposal: Proposal, execution: Execution
) -> tuple[Draft, ChangeTarget | None]:
    """Take the next step of what follows the change."""
    pods, workload = facts.pods(case.target.pods), facts.workload(case.target.workload)
    if not isinstance(workload, Workload) or not isinstance(pods, tuple):
        return await_rollout(case, draft, facts, proposal, execution), None
    live = Situation(workload, (), pods)
    begun = next(iter(_begun(proposal, execution)), None)
    if begun is not None:
        return _finish(case, draft, proposal, live, begun)
    due = [d for d in deletions_due(proposal.parameters, live) if d.uid not in execution.deleted]
    if due:
        return _begin(draft, proposal, live, due[0]), None
    return await_rollout(case, draft, facts, proposal, execution), None


def _begun(proposal: Proposal, execution: Execution) -> list[PodDeletion]:
    open_ = set(execution.deleting) - set(execution.deleted)
    return [d for d in deletions(proposal.parameters) if d.uid in open_]


def _begin(draft: Draft, proposal: Proposal, live: Situation, deletion: PodDeletion) -> Draft:
    execution = draft.status.execution
    assert execution is not None  # noqa: S101 - for the type checker
    return draft.add(
        "PodDeletionStarted",
        f"{live.workload.kind} {live.workload.name} waits for pod {deletion.name} and never "
        f"replaces it. It is deleted now (uid {deletion.uid}), as approved.",
        proposal=proposal.id,
        changes={
            "execution": execution.model_copy(
                update={"deleting": [*execution.deleting, deletion.uid]}
            )
        },
    )


def _finish(
    case: Case, draft: Draft, proposal: Proposal, live: Situation, deletion: PodDeletion
) -> tuple[Draft, ChangeTarget | None]:
    match case.result:
        case Applied():
            said = f"Pod {deletion.name} was deleted. Its successor follows the new template."
            return _over(draft, proposal, deletion, "PodDeleted", said), None
        case Refused(message=message):
            by_hand = kubectl(live.workload.namespace, "delete", "pod", Name(deletion.name))
            said = f"Pod {deletion.name} could not be deleted: {message} By hand: {by_hand}"
            return _over(draft, proposal, deletion, "PodDeletionRefused", said), None
        case _:
            pass
    if not any(pod.uid == deletion.uid and not pod.deleting for pod in live.pods):
        said = f"Pod {deletion.name} was found gone after an interruption."
        return _over(draft, proposal, deletion, "PodDeleted", said), None
    write = Write(PODS, live.workload.namespace, deletion.name, delete=deletion.uid)
    return draft, ChangeTarget(proposal.id, write)


def _over(
    draft: Draft, proposal: Proposal, deletion: PodDeletion, reason: str, message: str
) -> Draft:
    execution = draft.status.execution
    assert execution is not None  # noqa: S101 - for the type checker
    gone = execution.model_copy(update={"deleted": [*execution.deleted, deletion.uid]})
    return draft.add(reason, message, proposal=proposal.id, changes={"execution": gone})
