"""Autoscale: make or change the target's HorizontalPodAutoscaler.

To make one has the result of ``kubectl autoscale``; for a change there is no kubectl verb but
``patch``. The one write goes to the HPA, which has no generation: the patch tests every field that
it changes, and carries the marker; a new HPA is made with the marker. What speaks against it stands
in ``autoscale_guards``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ..api.base import MARKER_ANNOTATION, ApiModel
from ..api.common import TargetKind
from ..api.runbook import AutoscaleAction
from ..command_line import Line, Name, as_json
from ..observed.surroundings import Autoscaler
from ..observed.workloads import AUTOSCALERS, JsonPatch, Workload, Write
from .autoscale_guards import guards
from .autoscaling import (
    DEFAULT_CPU,
    autoscaled,
    changed_fields,
    new_spec,
    planned_for,
    told,
    utilization,
)
from .base import Plan, Undone
from .patching import marked
from .situation import Situation
from .traits import Traits
from .wording import cut, kubectl, resource, target_text

__all__ = ["ACTION", "Autoscale"]


class Autoscale:
    """Let the number of replicas follow the load, within limits."""

    name: str = "autoscale"
    traits: Traits = Traits(
        about_autoscalers=True,
        writes_autoscaler=True,
        reverts_to="its old values",
        stays="what it makes is not taken away",
    )
    kinds: frozenset[TargetKind] = frozenset({TargetKind.DEPLOYMENT, TargetKind.STATEFUL_SET})

    def plan(self, spec: ApiModel, situation: Situation) -> Plan:
        """Plan what the HPA is to be told.

        Raises
        ------
        TypeError
            If the parameters are those of another action.
        """
        if not isinstance(spec, AutoscaleAction):
            raise TypeError(f"autoscale cannot be planned from {type(spec).__name__}")
        workload, now = situation.workload, _single(situation)
        parameters = _parameters(spec, situation, now)
        return Plan(
            parameters=parameters,
            depends_on=self.depends_on(parameters, situation),
            summary=cut(_summary(workload, now, parameters)),
            reason=_reason(workload, now, parameters),
            command=_command(workload, now, parameters).field,
            guards=guards(situation, now, parameters),
        )

    def depends_on(self, parameters: Mapping[str, str], situation: Situation) -> Mapping[str, str]:
        """Target, and which autoscalers there are, with all that they are told."""
        return {"targetUid": situation.workload.uid, **autoscaled(situation, parameters)}

    def write(
        self,
        parameters: Mapping[str, str],
        situation: Situation,
        marker: str,
        started_at: datetime,  # noqa: ARG002 -- it writes no time
    ) -> Write:
        """Make the HPA, or patch it.

        Raises
        ------
        LookupError
            If the HPA is gone or was not read: ``depends_on`` differs then, so that this is a bug.
        """
        workload, name = situation.workload, parameters["name"]
        if not parameters["uid"]:
            body = _body(workload, parameters, marker)
            return Write(AUTOSCALERS, workload.namespace, name, body=body)
        found = planned_for(parameters, situation)
        if found is None:
            raise LookupError(f"HPA {name!r} is gone")
        patch = _patch(found, parameters, marker)
        return Write(AUTOSCALERS, found.namespace, found.name, patch)

    def marker(self, parameters: Mapping[str, str], situation: Situation) -> str:
        """Give the HPA's marker."""
        found = planned_for(parameters, situation)
        notes = (found.metadata.get("annotations") or {}) if found else {}
        return str(notes.get(MARKER_ANNOTATION, ""))

    def as_planned(
        self,
        parameters: Mapping[str, str],
        situation: Situation,
        started_at: datetime,  # noqa: ARG002 -- it writes no time
    ) -> bool:
        """Whether the HPA is told what it was to be told."""
        found = planned_for(parameters, situation)
        return found is not None and not changed_fields(found.spec, parameters)

    def undone(self, parameters: Mapping[str, str], situation: Situation) -> Undone | None:
        """Hold the HPA against what it was told."""
        if situation.autoscalers is None:
            return None
        now = planned_for(parameters, situation)
        if now is None:
            another = any(a.name == parameters["name"] for a in situation.autoscalers)
            what = "is another one now" if another else "is gone"
            return Undone(not parameters["uid"], f"HPA {parameters['name']} {what}", {}, ())
        if not changed_fields(now.spec, parameters):
            return None
        back = autoscaled(situation, {}).get("autoscaler") == parameters.get("autoscaler")
        what = f"HPA {now.name} is told {told(now.spec)}{' again' if back else ''}"
        return Undone(back, what, now.metadata, ("spec",))

    def reversal(self, parameters: Mapping[str, str], situation: Situation) -> Plan | None:
        """Plan to tell an HPA again what it was told before; nothing that was made is deleted."""
        metrics = (("fromCpu", "cpuUtilization"), ("fromMemory", "memoryUtilization"))
        added = any(parameters[new] and not parameters.get(old) for old, new in metrics)
        now = _single(situation)
        if not parameters["uid"] or added or now is None or now.uid != parameters["uid"]:
            return None
        before = AutoscaleAction(
            min_replicas=max(1, int(parameters["fromMin"])),
            max_replicas=int(parameters["fromMax"]),
            cpu_utilization=_number(parameters.get("fromCpu")),
            memory_utilization=_number(parameters.get("fromMemory")),
        )
        return self.plan(before, situation)


ACTION: Final = Autoscale()


def _number(text: str | None) -> int | None:
    return int(text) if text else None


def _single(situation: Situation) -> Autoscaler | None:
    """The HPA to change; with several there is a guard, whichever is taken."""
    return next(iter(situation.autoscalers or ()), None)


def _parameters(
    spec: AutoscaleAction, situation: Situation, now: Autoscaler | None
) -> dict[str, str]:
    return {
        "name": now.name if now else situation.workload.name,
        "uid": now.uid if now else "",
        "minReplicas": str(spec.min_replicas),
        "maxReplicas": str(spec.max_replicas),
        "cpuUtilization": str(spec.cpu_utilization or ""),
        "memoryUtilization": str(spec.memory_utilization or ""),
        **(_before(now) if now else {}),
        **autoscaled(situation, {}),
    }


def _before(now: Autoscaler) -> dict[str, str]:
    """Write down what it was told, so that it can be told so again."""
    return {
        "fromMin": str(now.least),
        "fromMax": str(now.most),
        "fromCpu": utilization(now.spec, "cpu"),
        "fromMemory": utilization(now.spec, "memory"),
    }


def _summary(workload: Workload, now: Autoscaler | None, parameters: Mapping[str, str]) -> str:
    if now is None:
        return f"Autoscale {target_text(workload)}: {_wanted(workload, None, parameters)}"
    was, becomes = told(now.spec), _wanted(workload, now, parameters)
    return f"Change HPA {now.name} of {target_text(workload)} from {was} to {becomes}"


def _wanted(workload: Workload, now: Autoscaler | None, parameters: Mapping[str, str]) -> str:
    if now is not None:
        return told({**now.spec, **changed_fields(now.spec, parameters)})
    spec = new_spec(workload, parameters)
    return told(spec) if "metrics" in spec else f"{told(spec)}, CPU {DEFAULT_CPU} % (the default)"


def _reason(workload: Workload, now: Autoscaler | None, parameters: Mapping[str, str]) -> str:
    least, most = int(parameters["minReplicas"]), int(parameters["maxReplicas"])
    words = "No autoscaler scales it yet." if now is None else "It has an autoscaler already."
    if workload.replicas and not least <= workload.replicas <= most:
        at_once = min(max(workload.replicas, least), most)
        words += f" There are {workload.replicas} replicas: it scales to {at_once} at once."
    return f"{words} Metrics that the Runbook does not name stay as they are."


def _command(workload: Workload, now: Autoscaler | None, parameters: Mapping[str, str]) -> Line:
    if now is None:
        words = [f"--min={parameters['minReplicas']}", f"--max={parameters['maxReplicas']}"]
        for parameter, flag in (("cpuUtilization", "cpu"), ("memoryUtilization", "memory")):
            if parameters[parameter]:
                words.append(f"--{flag}={parameters[parameter]}%")
        return kubectl(workload, "autoscale", resource(workload), *words)
    patch, hpa = as_json({"spec": changed_fields(now.spec, parameters)}), ("hpa", Name(now.name))
    whole = kubectl(workload, "patch", *hpa, "--type=merge", "-p", patch)
    # Metrics of others may make it too long to be typed.
    return whole or kubectl(workload, "edit", *hpa)


def _body(workload: Workload, parameters: Mapping[str, str], marker: str) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": parameters["name"],
            "namespace": workload.namespace,
            "annotations": {MARKER_ANNOTATION: marker},
        },
        "spec": new_spec(workload, parameters),
    }


def _patch(now: Autoscaler, parameters: Mapping[str, str], marker: str) -> JsonPatch:
    operations: list[Mapping[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": now.uid},
        {"op": "test", "path": "/spec/scaleTargetRef", "value": now.spec["scaleTargetRef"]},
    ]
    for field, value in changed_fields(now.spec, parameters).items():
        path = f"/spec/{field}"
        operations.append({"op": "test", "path": path, "value": now.spec.get(field)})
        operations.append({"op": "add", "path": path, "value": value})
    return (*operations, *marked(now.metadata.get("annotations") or {}, marker))
