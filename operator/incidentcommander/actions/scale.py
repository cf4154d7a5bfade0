"""Scale: the result of ``kubectl scale``, on the workload itself.

Found by name through ``all_actions``. kubectl writes the scale subresource, which has neither the
workload's generation nor its annotations: the same number is written to the workload, with tests
and marker.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from typing_extensions import override

from ..api.base import ApiModel
from ..api.common import TargetKind
from ..api.incident import GuardFinding
from ..api.runbook import ScaleAction
from ..command_line import Line, Name, Pair
from ..observed.surroundings import Autoscaler
from ..observed.workloads import JsonPatch, Workload
from .autoscaling import KEDA_PAUSE, autoscaled, keda, told
from .base import Plan, Undone
from .guards import block, present, warn
from .on_target import OnTarget
from .ownership import manifest_scales, owners, synchronised
from .patching import guarded_patch
from .replacing import in_the_way, pod_name
from .situation import Situation
from .traits import Traits
from .wording import claimed, kubectl, listed, patching, resource, target_text

__all__ = ["ACTION", "Scale"]


class Scale(OnTarget):
    """Change the number of replicas."""

    name: str = "scale"
    traits: Traits = Traits(about_autoscalers=True, reverts_to="{from} replicas")
    kinds: frozenset[TargetKind] = frozenset({TargetKind.DEPLOYMENT, TargetKind.STATEFUL_SET})

    def plan(self, spec: ApiModel, situation: Situation) -> Plan:
        """Turn "so many more" into a number.

        Raises
        ------
        TypeError
            If the parameters are those of another action.
        """
        if not isinstance(spec, ScaleAction):
            raise TypeError(f"scale cannot be planned from {type(spec).__name__}")
        workload, wanted = situation.workload, _wanted(spec, situation.workload.replicas)
        parameters = {
            "from": str(workload.replicas),
            "to": str(wanted),
            **autoscaled(situation, {}),
        }
        return Plan(
            parameters=parameters,
            depends_on=self.depends_on(parameters, situation),
            summary=f"Scale {target_text(workload)} from {workload.replicas} to {wanted} replicas",
            reason=_reason(spec, workload.replicas, wanted),
            command=_to(workload, wanted).field,
            guards=_guards(spec, situation, wanted),
        )

    def depends_on(self, parameters: Mapping[str, str], situation: Situation) -> Mapping[str, str]:
        """Target, its number of replicas, and what autoscalers are told."""
        return {
            "targetUid": situation.workload.uid,
            "replicas": str(situation.workload.replicas),
            **autoscaled(situation, parameters),
        }

    @override
    def as_planned(
        self, parameters: Mapping[str, str], situation: Situation, started_at: datetime
    ) -> bool:
        """Whether it has the number."""
        return str(situation.workload.replicas) == parameters["to"]

    @override
    def undone(self, parameters: Mapping[str, str], situation: Situation) -> Undone | None:
        """Compare the number; where an autoscaler moves it on, that is no harm."""
        workload = situation.workload
        now, back = str(workload.replicas), str(workload.replicas) == parameters["from"]
        if now == parameters["to"] or (situation.autoscalers and not back):
            return None
        what = f"it has {now} replicas{' again' if back else ''}"
        return Undone(back, what, workload.raw["metadata"], ("spec", "replicas"))

    @override
    def reversal(self, parameters: Mapping[str, str], situation: Situation) -> Plan | None:
        """Plan to go back to the number from before."""
        return self.plan(ScaleAction(replicas=int(parameters["from"])), situation)

    @override
    def change(
        self,
        parameters: Mapping[str, str],
        situation: Situation,
        marker: str,
        started_at: datetime,
    ) -> JsonPatch:
        """Write the number."""
        operation = {"op": "add", "path": "/spec/replicas", "value": int(parameters["to"])}
        return guarded_patch(situation.workload, operation, marker=marker)


ACTION: Final = Scale()


def _to(workload: Workload, replicas: int) -> Line:
    return kubectl(workload, "scale", resource(workload), f"--replicas={replicas}")


def _wanted(spec: ScaleAction, now: int) -> int:
    wanted = spec.replicas if spec.replicas is not None else now + (spec.by or 0)
    if spec.max is not None:
        wanted = min(wanted, spec.max)
    wanted = max(wanted, spec.min or 0)
    # A limit stops a step, it never turns it round: "2 more" must not take pods away because
    # somebody has gone beyond the limit already.
    if spec.by is not None:
        return max(wanted, now) if spec.by > 0 else min(wanted, now)
    return wanted


def _reason(spec: ScaleAction, now: int, wanted: int) -> str:
    asked = f"{spec.replicas} replicas"
    if spec.replicas is None:
        step = spec.by or 0
        asked = f"{abs(step)} {'more' if step >= 0 else 'fewer'} than the {now} there are"
    limits = [f"{k} {v}" for k, v in (("min", spec.min), ("max", spec.max)) if v is not None]
    within = f", within {' and '.join(limits)}" if limits else ""
    return f"The Runbook asks for {asked}{within}: {wanted}."


def _guards(spec: ScaleAction, situation: Situation, wanted: int) -> tuple[GuardFinding, ...]:
    workload = situation.workload
    return present(
        (
            _already_there(spec, workload, wanted),
            _to_zero(workload, wanted),
            _volumes_deleted(workload, wanted),
            *_autoscalers(situation, wanted),
            _in_the_way(situation),
            manifest_scales(workload, wanted),
            synchronised(workload, "replicas", "spec.replicas"),
            *owners(workload),
        )
    )


def _already_there(spec: ScaleAction, workload: Workload, wanted: int) -> GuardFinding | None:
    if wanted != workload.replicas:
        return None
    limit = ""
    if spec.by and (spec.min is not None or spec.max is not None):
        limit = " The limits of the Runbook leave no room: change them, or scale by hand."
    return block(
        "AlreadyThere", f"{target_text(workload)} already has {wanted} replicas wanted.{limit}"
    )


def _to_zero(workload: Workload, wanted: int) -> GuardFinding | None:
    if wanted > 0 or workload.replicas == 0:
        return None
    back = _to(workload, workload.replicas)
    return warn(
        "ScaleToZero",
        "All pods stop: the service is off, and an autoscaler stays disabled until the number is "
        f"above 0. Back: {back}",
        back,
    )


def _volumes_deleted(workload: Workload, wanted: int) -> GuardFinding | None:
    policy = workload.spec.get("persistentVolumeClaimRetentionPolicy") or {}
    volumes = workload.spec.get("volumeClaimTemplates")
    if wanted >= workload.replicas or policy.get("whenScaled") != "Delete" or not volumes:
        return None
    policy = {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Retain"}}
    keep = patching(workload, policy)
    first, last = pod_name(workload, wanted), pod_name(workload, workload.replicas - 1)
    gone = first if first == last else f"{first} to {last}"
    return warn(
        "VolumesDeleted",
        f"The volumes of {gone} are DELETED with their data (persistentVolumeClaimRetentionPolicy."
        f"whenScaled). To keep them: {keep}",
        keep,
    )


def _in_the_way(situation: Situation) -> GuardFinding | None:
    names = [pod.name for pod in in_the_way(situation)]
    if not names:
        return None
    workload = situation.workload
    look = kubectl(workload, "describe", "pod", Name(names[0]))
    return warn(
        "WaitsForPod",
        f"{target_text(workload)} adds and removes no pod before all are ready; not ready: "
        f"{listed(names)}. Why: {look}",
        look,
    )


def _autoscalers(situation: Situation, wanted: int) -> list[GuardFinding]:
    # At 0 an autoscaler is disabled, which ScaleToZero says.
    found = (situation.autoscalers or ()) if wanted else ()
    return [_autoscaler(situation.workload, autoscaler, wanted) for autoscaler in found]


def _autoscaler(workload: Workload, autoscaler: Autoscaler, wanted: int) -> GuardFinding:
    name, owner = autoscaler.name, keda(autoscaler)
    if owner:
        annotation = Pair(KEDA_PAUSE, wanted)
        pause = kubectl(workload, "annotate", "scaledobject", Name(owner), annotation)
        return warn(
            "KedaOwned",
            f"KEDA scales it by ScaledObject {claimed(owner)}, and takes the number back. To hold "
            f"it: {pause}",
            pause,
        )
    least, most = autoscaler.least, max(autoscaler.most, wanted)
    if wanted >= workload.replicas:
        least = wanted
    else:
        least, most = min(least, wanted), wanted
    limits = {"minReplicas": least, "maxReplicas": most}
    hold = patching(workload, limits, "hpa", Name(name))
    return warn(
        "AutoscalerOwned",
        f"HPA {name} scales it as its metrics say ({told(autoscaler.spec)}), and overwrites "
        f"{wanted} at its next sync. To hold it: {hold}",
        hold,
    )
