"""The Runbooks that come with the chart: each complete for people, and chosen where it should be."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import yaml

from incidentcommander.api.runbook import Runbook
from incidentcommander.core.diagnosis.runbooks import match, problems
from tests.support.build import incident

_SOURCES: Final = sorted((Path(__file__).parents[3] / "runbooks").glob("*.yaml"))
_BESIDE: Final = "incident-commander"


def _read(path: Path) -> Runbook:
    raw = yaml.safe_load(path.read_text())
    raw["metadata"] |= {"namespace": _BESIDE, "uid": path.stem, "generation": 1}
    return Runbook.model_validate(raw)


SHIPPED: Final = [_read(path) for path in _SOURCES]


@pytest.mark.parametrize("runbook", SHIPPED, ids=lambda r: r.metadata.name)
def test_it_is_complete_for_people(runbook: Runbook) -> None:
    spec = runbook.spec
    assert problems(runbook) == ()
    assert spec.quick_reference
    assert all((spec.quick_reference.service, spec.quick_reference.owner_team))
    assert spec.quick_reference.links
    assert spec.detection
    assert spec.detection.symptoms
    assert spec.detection.false_positive_checks
    # Options A, B and C, the first of which says when it is meant.
    assert len(spec.remediation) >= 3
    assert spec.remediation[0].when
    assert spec.verification.checks
    assert spec.test_every


@pytest.mark.parametrize("runbook", SHIPPED, ids=lambda r: r.metadata.name)
def test_none_of_its_options_rests_on_events_alone(runbook: Runbook) -> None:
    kinds = {step.name: step.kind for step in runbook.spec.diagnosis}
    rests_on = [{kinds[w.step] for w in r.when} for r in runbook.spec.remediation]

    assert {"events"} not in rests_on


def test_each_stands_in_the_file_of_its_name() -> None:
    assert [r.metadata.name for r in SHIPPED] == [path.stem for path in _SOURCES]


@pytest.mark.parametrize(
    ("kind", "alert", "expected"),
    [
        ("Deployment", "", "deployment-regression"),
        ("StatefulSet", "", "statefulset-update-stuck"),
        ("DaemonSet", "", "daemonset-rollout-broken"),
        ("Deployment", "HighErrorRate", "deployment-regression"),
        ("Deployment", "KubePodCrashLooping", "crash-loop"),
        ("StatefulSet", "KubePodCrashLooping", "crash-loop"),
        ("DaemonSet", "KubePodCrashLooping", "crash-loop"),
        ("Deployment", "KubernetesContainerOomKiller", "oom-kill"),
        ("StatefulSet", "ContainerOOMKilled", "oom-kill"),
        ("Deployment", "CPUThrottlingHigh", "saturation"),
        ("DaemonSet", "CPUThrottlingHigh", "daemonset-rollout-broken"),
        ("Deployment", "KubeHpaMaxedOut", "saturation-at-maximum"),
        ("StatefulSet", "KubeHpaMaxedOut", "saturation-at-maximum"),
        ("Deployment", "KubeDeploymentRolloutStuck", "stuck-rollout"),
        ("Deployment", "KubePodNotReady", "stuck-rollout"),
        ("StatefulSet", "KubePodNotReady", "statefulset-update-stuck"),
        ("DaemonSet", "KubeContainerWaiting", "daemonset-rollout-broken"),
        ("StatefulSet", "KubeStatefulSetUpdateNotRolledOut", "statefulset-update-stuck"),
        ("DaemonSet", "KubeDaemonSetRolloutStuck", "daemonset-rollout-broken"),
        ("Deployment", "ConfigReloaderSidecarErrors", "config-change"),
        ("StatefulSet", "PrometheusBadConfig", "config-change"),
    ],
)
def test_beside_each_other_the_right_one_is_chosen(kind: str, alert: str, expected: str) -> None:
    said = {"alert": {"name": alert}} if alert else {}
    declared = incident(spec={"target": {"kind": kind, "name": "checkout"}, **said})

    chosen = match([], SHIPPED, declared, {"app": "checkout"})

    assert chosen is not None
    assert chosen.metadata.name == expected


def test_one_that_names_a_dependency_is_chosen_by_nobody() -> None:
    # Which dependency an unknown service has, no general Runbook can know.
    assert [r.metadata.name for r in SHIPPED if r.spec.match is None] == ["dependency-down"]
