"""Severity: raised at once by new facts, each once; lowered by people only."""

from __future__ import annotations

from typing import Any

import pytest

from incidentcommander.api.policy import ResponsePolicy
from tests.support.play import Play


def declared(severity: str = "SEV3", **impact: Any) -> Play:
    return Play(spec={"severity": severity, "impact": impact}).tick()


def raised(play: Play) -> list[str]:
    return [e.message for e in play.status.timeline if e.reason == "SeverityRaised"]


@pytest.mark.parametrize(
    ("impact", "severity", "rule"),
    [
        pytest.param({"dataIntegrity": True}, "SEV1", "DataIntegrity", id="data"),
        pytest.param({"securityBreach": True}, "SEV1", "SecurityBreach", id="breach"),
        pytest.param({"usersAffectedPercent": 100}, "SEV1", "AllUsers", id="everybody"),
        pytest.param({"usersAffectedPercent": 26}, "SEV2", "QuarterOfUsers", id="over a quarter"),
        pytest.param(
            {"customerReported": True, "payingAccounts": True},
            "SEV2",
            "PayingCustomers",
            id="paying",
        ),
        pytest.param({"usersAffectedPercent": 25}, "SEV3", "", id="a quarter is not over one"),
        pytest.param({"customerReported": True}, "SEV3", "", id="reported, nobody pays"),
        pytest.param({"payingAccounts": True}, "SEV3", "", id="paying, a monitor saw it"),
    ],
)
def test_facts_at_the_declaration_raise_it(
    impact: dict[str, Any], severity: str, rule: str
) -> None:
    play = declared(**impact)
    assert play.status.severity == severity
    assert [m.partition(": ")[2].partition(":")[0] for m in raised(play)] == (
        [rule] if rule else []
    )


def test_it_is_raised_and_never_lowered_by_facts() -> None:
    play = declared("SEV1", usersAffectedPercent=30)
    assert play.status.severity == "SEV1"
    play.edit(impact={"usersAffectedPercent": 1})
    assert play.status.severity == "SEV1"


def test_each_doubling_of_the_first_figure_is_one_level_up() -> None:
    play = declared("SEV4", usersAffectedPercent=3)
    assert play.status.severity == "SEV4"
    play.edit(impact={"usersAffectedPercent": 5})
    assert play.status.severity == "SEV4"
    play.edit(impact={"usersAffectedPercent": 6})
    assert play.status.severity == "SEV3"
    assert "ImpactDoubled: 6 % of users are affected, first it was 3 %" in raised(play)[-1]
    play.edit(impact={"usersAffectedPercent": 11})
    assert play.status.severity == "SEV3"
    play.edit(impact={"usersAffectedPercent": 4}).edit(impact={"usersAffectedPercent": 7})
    assert play.status.severity == "SEV3", "the same doubling counts once"
    play.edit(impact={"usersAffectedPercent": 12})
    assert play.status.severity == "SEV2"


def test_a_person_overrules_until_there_is_a_new_fact() -> None:
    play = declared(dataIntegrity=True)
    play.say("severity", "SEV3: the rows were test data")
    assert play.status.severity == "SEV3"
    assert "alice says the rows were test data" in play.last("SeverityLowered")
    play.edit(impact={"dataIntegrity": True, "symptom": "as before"})
    assert play.status.severity == "SEV3"
    play.edit(impact={"dataIntegrity": True, "securityBreach": True})
    assert play.status.severity == "SEV1"


def test_spec_raises_it_and_does_not_lower_it() -> None:
    play = declared("SEV3")
    play.edit(severity="SEV2")
    assert play.status.severity == "SEV2"
    play.edit(severity="SEV4")
    assert play.status.severity == "SEV2"
    assert 'incidentcommander.dev/severity="SEV4: <reason>"' in play.last("SeverityKept")


def test_the_policy_of_the_new_severity_holds() -> None:
    play = declared("SEV4")
    assert play.status.policy is not None
    assert play.status.policy.postmortem == "OnRollback"
    play.edit(impact={"securityBreach": True})
    assert play.status.policy is not None
    assert play.status.policy.postmortem == "Required"


def test_a_rule_can_be_switched_off() -> None:
    play = Play(spec={"severity": "SEV3", "impact": {"usersAffectedPercent": 100}})
    meta = {"name": "default", "namespace": "shop", "generation": 1}
    rules = [{"name": "AllUsers", "enabled": False}]
    play.shelf.policies = [
        ResponsePolicy.model_validate({"metadata": meta, "spec": {"rules": rules}})
    ]
    play.tick()
    assert play.status.severity == "SEV2", "over a quarter still counts"


def test_a_level_without_a_reason_is_refused() -> None:
    play = declared().say("severity", "SEV1")
    assert play.status.severity == "SEV3"
    assert "say a level and a reason" in play.last("RequestRefused")
