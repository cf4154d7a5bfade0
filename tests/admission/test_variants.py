"""The guard as it is below Kubernetes 1.36 (no stamp), and with approval.requireTargetPatch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.admission.conftest import CHART, RELEASE, Helm, until
from tests.admission.scene import (
    ALICE,
    BOB,
    ERIN,
    OPEN,
    PREFIX,
    Case,
    Change,
    Scene,
    annotated,
    expect,
    keys,
    patched,
    proposal,
    requests,
    status,
)

NAMED = "incident-commander-requests"


@pytest.fixture(scope="module")
def unstamped(scene: Scene, helm: Helm) -> Iterator[Scene]:
    """The same release with other values; afterwards as it was."""
    values = ("guard.stamp=never", "approval.requireTargetPatch=true")
    sets = [part for value in values for part in ("--set", value)]
    helm("upgrade", RELEASE, str(CHART), "--reuse-values", *sets)
    stage = replace(scene, stamps=False)
    name = stage.incident(status())
    unsigned, approval = annotated(keys({"note": "x"})), requests(approve=OPEN)
    until(
        lambda: unsigned(stage, stage.person(ERIN).dry(), name),
        lambda answer: "sign the request" in answer.message,
        "requests are not stamped any more",
    )
    until(
        lambda: approval(stage, stage.person(ALICE).dry(), name),
        lambda answer: "verb patch on the Deployment" in answer.message,
        "approval needs patch on the target",
    )
    yield stage
    helm("upgrade", RELEASE, str(CHART), "--reset-values", "--set", "deployment.enabled=false",
         "--set", "crds.install=false")  # fmt: skip
    until(
        lambda: unsigned(stage, stage.person(ERIN).dry(), name),
        lambda answer: answer.ok,
        "requests are stamped again",
    )


def merged(by: str | None) -> Change:
    """Call it a duplicate, signed so."""
    signed = {} if by is None else {"annotations": keys({"duplicate-of-by": by})}
    return patched({"spec": {"duplicateOf": {"name": "decoy"}}, "metadata": signed})


UNSTAMPED = [
    Case("a person signs a request", ERIN, requests(note="x")),
    Case(
        "4 unsigned",
        ERIN,
        annotated(keys({"note": "x"})),
        ("sign the request with your own user name", f"{PREFIX}note-by=erin"),
    ),
    Case(
        "4 signed as another",
        BOB,
        annotated(keys({"approve": OPEN, "approve-by": ALICE})),
        ("sign the request with your own user name", f"{PREFIX}approve-by=bob"),
    ),
    Case(
        "4 signed as another by cluster-admin",
        "admin",
        annotated(keys({"note": "x", "note-by": ERIN})),
        ("sign the request with your own user name",),
    ),
    Case(
        "4 one of two unsigned",
        ERIN,
        annotated(keys({"note": "x", "note-by": ERIN, "diagnose": "y"})),
        (f"{PREFIX}diagnose-by=erin",),
    ),
    Case(
        "4 an empty signature",
        ERIN,
        annotated(keys({"note": "x", "note-by": ""})),
        ("sign the request",),
    ),
    Case(
        "approve without patch on the Deployment",
        ALICE,
        requests(approve=OPEN),
        ("also needs the verb patch on the Deployment",),
    ),
    *(
        Case(
            f"approve without patch on the {kind}",
            ALICE,
            requests(approve=OPEN),
            (f"also needs the verb patch on the {kind}",),
            state=status(
                proposals=[proposal(target={"kind": kind, "name": "checkout", "uid": "u"})]
            ),
        )
        for kind in ("StatefulSet", "DaemonSet")
    ),
    Case(
        "approve with patch on another Deployment",
        ALICE,
        requests(approve=OPEN),
        ("also needs the verb patch on the Deployment",),
        state=status(
            proposals=[proposal(target={"kind": "Deployment", "name": "other", "uid": "u"})]
        ),
    ),
    Case("reject needs no patch on the target", ALICE, requests(reject=OPEN)),
    Case("alice merges it and signs", ALICE, merged(ALICE)),
    *(
        Case(
            f"alice merges it {how}",
            ALICE,
            merged(by),
            ("sign the change of spec.duplicateOf", f"{PREFIX}duplicate-of-by=alice"),
            policy="incident-commander-fields",
        )
        for how, by in {"unsigned": None, "in bob's name": BOB, "in nobody's name": ""}.items()
    ),
]


@pytest.mark.parametrize("case", UNSTAMPED, ids=str)
def test_without_a_stamp(unstamped: Scene, case: Case) -> None:
    expect(unstamped, case)


def test_who_may_patch_the_target_approves(unstamped: Scene) -> None:
    rule = {
        "apiGroups": ["apps"],
        "resources": ["deployments"],
        "resourceNames": ["checkout"],
        "verbs": ["patch"],
    }
    meta = {"name": "fixer", "namespace": unstamped.namespace}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": BOB}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "fixer"}
    unstamped.admin.create("roles", {"metadata": meta, "rules": [rule]}).expect_ok()
    unstamped.admin.create(
        "rolebindings", {"metadata": meta, "roleRef": reference, "subjects": [subject]}
    ).expect_ok()
    name = unstamped.incident(status(commander=None))
    until(
        lambda: requests(approve=OPEN)(unstamped, unstamped.person(BOB), name),
        lambda answer: answer.ok,
        "the role is seen",
    )
