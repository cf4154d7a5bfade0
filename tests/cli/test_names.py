"""The plugin's names are those of the models, which it does not import."""

from __future__ import annotations

import re
from pathlib import Path

from incidentcommander.api import base, common
from incidentcommander.cli import deciding, names, saying
from incidentcommander.cli.commands import HELP
from incidentcommander.core.requests.reading import KEYS

GUARD = Path(__file__).parents[2] / "helm/incident-commander/templates/guard"


def test_group_and_labels_are_those_of_the_models() -> None:
    assert base.GROUP == names.GROUP
    assert base.CLOSED_LABEL == names.CLOSED_LABEL


def test_closed_sets_are_those_of_the_models() -> None:
    assert {str(phase) for phase in common.Phase if phase.ended} == names.FROZEN
    assert {str(phase) for phase in common.Phase} >= names.ENDED > names.FROZEN
    assert tuple(common.Severity) == names.SEVERITIES
    assert set(common.TargetKind) == set(names.TARGET_KINDS.values())
    assert {str(state) for state in common.ProposalState} > names.BEING_APPLIED


def test_every_request_has_a_command() -> None:
    spoken = {key for _, key, _ in saying.WORDS}
    others = {"approve", "reject", "update", "update-external", "severity", "propose"}

    assert spoken | others == set(KEYS)
    assert {verb for verb, _, _ in saying.WORDS} | {"approve", "reject"} < set(HELP)
    assert {command.name for command in (*saying.COMMANDS, *deciding.COMMANDS)} < set(HELP)


def test_the_policies_that_doctor_looks_for_are_those_of_the_chart() -> None:
    kinds = re.compile(r"^kind: (\w+AdmissionPolicy)\nmetadata:\n  name: (\S+)$", re.MULTILINE)
    found = {pair for file in GUARD.glob("*.yaml") for pair in kinds.findall(file.read_text())}

    assert {n for kind, n in found if kind.startswith("Validating")} == set(names.GUARD_POLICIES)
    assert {n for kind, n in found if kind.startswith("Mutating")} == {names.STAMP_POLICY}
