"""What speaks against making or changing an autoscaler, and how to clear it.

Used by ``autoscale`` alone. Judges a plan that is made already.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..api.incident import GuardFinding
from ..command_line import Name
from ..observed.surroundings import Autoscaler
from ..observed.workloads import Workload
from .autoscaling import changed_fields, keda, told
from .guards import block, present, warn
from .ownership import manifest_scales, owners, synchronised
from .situation import Situation
from .wording import claimed, cut, kubectl, listed, resource, target_text

__all__ = ["guards"]

Parameters = Mapping[str, str]


def guards(
    situation: Situation, now: Autoscaler | None, parameters: Parameters
) -> tuple[GuardFinding, ...]:
    """Give everything that speaks against it, what blocks it first."""
    workload = situation.workload
    found = [_unknown(situation), _several(situation), _switched_off(workload)]
    found += [_without_requests(workload, now, parameters)]
    if now is None:
        found += [manifest_scales(workload), synchronised(workload, "replicas", "spec.replicas")]
        return present(found)
    forbidding = (_keda(workload, now), _already_there(workload, now, parameters))
    blocked = present((*found[:2], *forbidding, _lowers(workload, now, parameters)))
    warned = present((*found[2:], *_writers(now)))
    return (*blocked, *warned)


def _unknown(situation: Situation) -> GuardFinding | None:
    if situation.autoscalers is not None:
        return None
    look = kubectl(situation.workload, "get", "hpa")
    return block(
        "AutoscalerUnknown",
        "Whether an autoscaler scales it already could not be read. Diagnose again; or look: "
        f"{look}",
        look,
    )


def _several(situation: Situation) -> GuardFinding | None:
    names = [autoscaler.name for autoscaler in situation.autoscalers or ()]
    if len(names) < 2:  # noqa: PLR2004 -- one too many
        return None
    delete = kubectl(situation.workload, "delete", "hpa", Name(names[-1]))
    return block(
        "SeveralAutoscalers",
        f"{listed(names)} all scale {target_text(situation.workload)}, and fight for it. Delete "
        f"all but one: {delete}",
        delete,
    )


def _keda(workload: Workload, now: Autoscaler) -> GuardFinding | None:
    owner = keda(now)
    if not owner:
        return None
    edit = kubectl(workload, "edit", "scaledobject", Name(owner))
    # Anybody with `edit` can write an owner: it warns, and nobody can forbid a change by it.
    return warn(
        "KedaOwned",
        f"KEDA makes HPA {now.name} from ScaledObject {claimed(owner)}, as it says, and writes it "
        f"again at once. Change that instead: {edit}",
        edit,
    )


def _already_there(
    workload: Workload, now: Autoscaler, parameters: Parameters
) -> GuardFinding | None:
    if changed_fields(now.spec, parameters):
        return None
    look = kubectl(workload, "describe", "hpa", Name(now.name))
    return block(
        "AlreadyThere",
        f"HPA {now.name} is told that already: {told(now.spec)}. What it does: {look}",
        look,
    )


def _lowers(workload: Workload, now: Autoscaler, parameters: Parameters) -> GuardFinding | None:
    """Stop a plan that takes room away: block it where that takes pods away at once."""
    least, most = int(parameters["minReplicas"]), int(parameters["maxReplicas"])
    if most >= now.most and least >= now.least:
        return None
    text = (
        f"HPA {now.name} is told {now.least} to {now.most} replicas; {least} to {most} is less room "
        f"for {target_text(workload)}, which has {workload.replicas}."
    )
    if most < min(now.most, workload.replicas):
        by_hand = kubectl(workload, "edit", "hpa", Name(now.name))
        return block(
            "LowersAutoscaler", f"{text} Pods would be taken away. By hand: {by_hand}", by_hand
        )
    return warn(
        "LowersAutoscaler", f"{text} Say higher numbers in the Runbook to keep what there is."
    )


def _switched_off(workload: Workload) -> GuardFinding | None:
    if workload.replicas > 0:
        return None
    scale = kubectl(workload, "scale", resource(workload), "--replicas=1")
    return warn(
        "ScaledToZero",
        f"spec.replicas is 0: an autoscaler stays disabled until it is above 0: {scale}",
        scale,
    )


def _without_requests(
    workload: Workload, now: Autoscaler | None, parameters: Parameters
) -> GuardFinding | None:
    wanted = [r for r in ("cpu", "memory") if parameters[f"{r}Utilization"]]
    if not wanted and now is None:
        wanted = ["cpu"]
    lacking = {r: names for r in wanted if (names := _lacking(workload, r))}
    if not lacking:
        return None
    text = "; ".join(f"{r}: {listed(names, 3)}" for r, names in lacking.items())
    setting = kubectl(workload, "set", "resources", resource(workload), "--requests=cpu=100m")
    return warn(
        "NoRequests",
        f"Use is measured against what containers request, and these request none ({cut(text, 200)}"
        f"): it will not scale. To set it: {setting}",
        setting,
    )


def _lacking(workload: Workload, name: str) -> list[str]:
    # Where only a limit is given, the API server makes it the request of each pod.
    containers = (workload.template.get("spec") or {}).get("containers") or []
    return [c["name"] for c in containers if not _asks(c.get("resources") or {}, name)]


def _asks(resources: Mapping[str, Mapping[str, str]], name: str) -> bool:
    return any(name in (resources.get(part) or {}) for part in ("requests", "limits"))


def _writers(now: Autoscaler) -> tuple[GuardFinding, ...]:
    fields = ("minReplicas", "maxReplicas", "metrics")
    found = (synchronised(now, field, f"spec.{field} of the HPA") for field in fields)
    first = next((finding for finding in found if finding), None)
    return (*present((first,)), *owners(now))
