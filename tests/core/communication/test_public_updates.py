"""Updates for outsiders, templates, and the outbox that carries all notices."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from incidentcommander.api.incident import MAX_NOTICES
from incidentcommander.api.policy import ResponsePolicy, ResponsePolicySpec
from incidentcommander.core.communication import templates
from incidentcommander.core.record import policies
from incidentcommander.observed.workloads import Delivery
from tests.support import build
from tests.support.play import Play

STATUS_PAGE = {"name": "status-page", "audience": "External"}
OPS = {"name": "ops", "audience": "Internal"}
BOARD = {"name": "board", "audience": "Executive", "severities": ["SEV1"]}
SEEN = {"symptom": "some payments fail", "summary": "a tenth of customers"}


def story(*channels: dict[str, Any], severity: str = "SEV2", **spec: Any) -> Play:
    roles = {"commander": "alice", "comms": "carol"}
    play = Play(spec={"severity": severity, "impact": SEEN, "roles": roles, **spec})
    return play.under(channels=list(channels)).tick()


def outside(play: Play) -> list[str]:
    return [n.text for n in play.status.outbox if n.audience == "External"]


class TestOutsiders:
    def test_they_hear_it_with_the_first_internal_one(self) -> None:
        play = story(STATUS_PAGE).after(minutes=5)
        assert outside(play) == [
            (
                "We are aware of some payments fail. Impact: a tenth of customers. Investigating. "
                "Next update in 30 minutes."
            )
        ]
        assert play.last("ExternalUpdatePosted").startswith("To status-page: We are aware of ")

    def test_then_by_cadence_in_the_fixed_form(self) -> None:
        play = story(STATUS_PAGE).after(minutes=36)
        assert outside(play)[1] == (
            "STATUS: Investigating | IMPACT: a tenth of customers | ACTIONS: We are investigating | "
            "NEXT UPDATE: 09:35 UTC"
        )

    def test_they_hear_the_end(self) -> None:
        play = story(STATUS_PAGE).after(minutes=6)
        play.say("approve", play.open("rollback")).after(minutes=40)
        assert play.phase == "Resolved"
        assert outside(play)[-1] == (
            "Resolved. The trouble is over (it was: some payments fail). Duration: 38 minutes. "
            "Follow-up review will be scheduled."
        )
        assert "A fix is in place and we are watching it" in outside(play)[-2]

    def test_a_false_alarm_is_called_off(self) -> None:
        play = story(STATUS_PAGE).after(minutes=6).say("dismiss", "a test")
        assert outside(play)[-1].startswith("Closed. What we reported was a false alarm. Duration")

    def test_without_a_symptom_nobody_outside_is_told_until_there_is_one(self) -> None:
        play = story(STATUS_PAGE, impact={"symptom": None, "summary": None}).after(minutes=6)
        assert outside(play) == []
        play.edit(impact={"symptom": "logins fail"})
        assert outside(play)[0].startswith("We are aware of logins fail. Impact: logins fail.")

    def test_a_drill_stays_inside(self) -> None:
        play = story(STATUS_PAGE, OPS, drill=True).after(minutes=6)
        assert outside(play) == []
        assert play.status.outbox[0].subject.startswith("DRILL: ")
        play.say("update-external", "all is well", by="alice")
        assert "this is a drill" in play.last("RequestRefused")

    def test_a_person_speaks_and_the_clock_starts_again(self) -> None:
        play = story(STATUS_PAGE).after(minutes=6)
        play.say("update-external", "Cards fail, transfers work.", by="carol")
        assert "| ACTIONS: Cards fail, transfers work | NEXT UPDATE: 09:00" not in outside(play)[-1]
        assert "| ACTIONS: Cards fail, transfers work | NEXT UPDATE: " in outside(play)[-1]
        assert play.status.timeline[-1].actor == "carol"
        assert play.status.updates is not None
        assert play.status.updates.external_due_at == play.world.now + timedelta(minutes=30)

    def test_a_raised_severity_lets_them_hear_sooner(self) -> None:
        play = story(STATUS_PAGE, severity="SEV3").after(minutes=6)
        assert outside(play)[-1].endswith("Next update in 2 hours.")
        play.edit(impact={"dataIntegrity": True}).after(minutes=15)
        assert len(outside(play)) == 2, "with the next internal one, not after two hours"

    @pytest.mark.parametrize(
        ("words", "why"),
        [
            ("It was due to a bad deploy", "“due to”"),
            ("checkout RETURNS 5xx for all", "repeats the internal title"),
            ("carol is on it", "names a person (“carol”)"),
            ("Alice leads", "names a person (“alice”)"),
        ],
    )
    def test_words_that_are_none_of_theirs_are_held_back(self, words: str, why: str) -> None:
        play = story(STATUS_PAGE, title="Checkout returns 5xx").after(minutes=6)
        before = len(outside(play))
        play.say("update-external", words, by="carol")
        assert why in play.last("RequestRefused")
        assert "held back" in play.last("RequestRefused")
        assert len(outside(play)) == before

    def test_an_impact_that_speculates_is_withheld_and_said_once(self) -> None:
        guess = {"symptom": "payments fail", "summary": "all, due to the new release"}
        play = story(STATUS_PAGE, impact=guess).after(minutes=66)
        assert all("due to" not in text and "release" not in text for text in outside(play))
        assert "Impact: payments fail." in outside(play)[0]
        assert len(play.all_of("ExternalTextWithheld")) == 1
        assert play.last("ExternalTextWithheld").startswith(
            "spec.impact.summary is held back, since it speculates about the cause (“due to”)"
        )

    @pytest.mark.parametrize(
        ("impact", "why"),
        [
            (
                {"symptom": "Checkout returns 5xx"},
                "spec.impact.symptom is held back, since it repeats",
            ),
            ({"symptom": "s", "summary": "alice says it is bad"}, "it names a person (“alice”)"),
        ],
    )
    def test_an_impact_with_a_title_or_a_name_is_withheld(
        self, impact: dict[str, str], why: str
    ) -> None:
        play = story(STATUS_PAGE, title="Checkout returns 5xx", impact={"summary": "", **impact})
        play.after(minutes=36)
        assert why in play.last("ExternalTextWithheld")
        assert all("alice" not in text and "5xx" not in text for text in outside(play))

    def test_a_merged_incident_is_not_called_resolved(self) -> None:
        play = story(STATUS_PAGE).after(minutes=6)
        play.world.others["other"] = build.incident(metadata={"name": "other"})
        play.merge("other")
        assert play.phase == "Merged"
        assert outside(play)[-1].startswith("Closed. It is part of another incident, of which we")

    def test_their_text_has_no_place_for_a_cause_a_title_or_a_name(self) -> None:
        named = {f.name for f in fields(templates.PublicFacts)}
        assert named == {
            *("id", "symptom", "impact", "status", "actions", "next_update", "cadence"),
            *("minutes", "follow_up"),
        }

    def test_nothing_of_the_inside_gets_out(self) -> None:
        play = story(STATUS_PAGE, title="Deploy v2 broke the database lock")
        play.say("root-cause", "a lock").after(minutes=6)
        play.say("approve", play.open("rollback")).after(minutes=40)
        for notice in (n for n in play.status.outbox if n.audience == "External"):
            text = f"{notice.subject} {notice.text}".lower()
            for word in ("v2", "lock", "database", "alice", "carol", "checkout-5xx", "roll back"):
                assert word not in text


class TestAudiences:
    def test_internal_channels_and_executives_get_the_internal_words(self) -> None:
        play = story(OPS, BOARD, severity="SEV1").after(minutes=5)
        first = [n for n in play.status.outbox if n.kind == "First"]
        assert [(n.audience, n.channels) for n in first] == [
            ("Internal", ["ops"]),
            ("Executive", ["board"]),
        ]
        assert first[0].text == first[1].text == play.all_of("UpdatePosted")[0]
        evidence = next(e for e in play.status.timeline if e.reason == "UpdatePosted").evidence
        assert evidence is not None
        assert evidence.value == "sent to: ops, board"

    def test_a_channel_gets_only_its_severities(self) -> None:
        play = story(OPS, BOARD, severity="SEV2").after(minutes=5)
        assert {c for n in play.status.outbox for c in n.channels} == {"ops"}

    def test_the_last_words_reach_whoever_was_told_at_a_worse_severity(self) -> None:
        play = story(OPS, BOARD, severity="SEV1").after(minutes=5)
        play.say("severity", "SEV3: only batch jobs").say("dismiss", "nothing")
        last = [n for n in play.status.outbox if n.kind == "Resolved"]
        assert [c for n in last for c in n.channels] == ["ops", "board"]

    def test_a_policy_has_words_of_its_own(self) -> None:
        play = Play(spec={"severity": "SEV2", "impact": SEEN, "warRoom": "https://chat/inc"})
        template = {
            "audience": "Internal",
            "kind": "First",
            "subject": "{{ severity }} {{ name }}",
            "text": "{{ title }}\n{{ impact | upper }}\n{% if warRoom %}Room: {{ warRoom }}{% endif %}",
        }
        play.under(channels=[OPS], templates=[template]).tick().after(minutes=5)
        sent = play.status.outbox[0]
        title = play.incident.spec.title
        assert sent.subject == "SEV2 checkout-5xx"
        assert sent.text == f"{title}\nA TENTH OF CUSTOMERS\nRoom: https://chat/inc"
        assert play.last("UpdatePosted") == sent.text


class TestPostmortems:
    def test_the_channels_are_told_that_it_is_due_and_that_it_is_overdue(self) -> None:
        play = story(OPS, BOARD, STATUS_PAGE, severity="SEV2").after(minutes=6)
        play.say("approve", play.open("rollback")).after(minutes=40)
        assert play.phase == "Resolved"
        due = [n for n in play.status.outbox if n.kind == "PostmortemDue"]
        assert [n.channels for n in due] == [["ops"]], "SEV2 is none of the board's"
        assert due[0].text.startswith(
            "The postmortem checkout-5xx of Incident checkout-5xx in shop is due at 2026-11-24 "
        )
        play.deliveries = [
            Delivery(n.id, c, play.world.now) for n in play.status.outbox for c in n.channels
        ]
        play.tick().after(hours=49)
        late = [n for n in play.status.outbox if n.kind == "PostmortemDue"]
        assert len(late) == 1
        assert late[0].id != due[0].id, "receivers drop what they had under that id"
        assert len(play.all_of("PostmortemOverdue")) == 1


class TestPolicies:
    @pytest.mark.parametrize(
        ("spec", "problem"),
        [
            (
                {"businessHours": {"timeZone": "Mars/Base"}},
                "spec.businessHours.timeZone: there is no time zone 'Mars/Base'; say for example",
            ),
            (
                {"templates": [{"audience": "Internal", "kind": "First", "text": "{{ nam }}"}]},
                "spec.templates[0].text: line 1: there is no nam; there are actions, cadence,",
            ),
            (
                {"templates": [{"audience": "External", "kind": "First", "text": "{{ title }}"}]},
                (
                    "spec.templates[0].text: line 1: there is no title; there are actions, cadence, "
                    "followUp, id, impact, minutes, nextUpdate, status, symptom"
                ),
            ),
            (
                {"templates": [{"audience": "External", "kind": "Escalation", "text": "x"}]},
                "spec.templates[0].kind: External notices have no kind Escalation",
            ),
            (
                {"templates": [{"audience": "Internal", "kind": "First", "text": "{% for"}]},
                "spec.templates[0].text: ",
            ),
            (
                {
                    "templates": [
                        {
                            "audience": "Internal",
                            "kind": "Update",
                            "subject": "{{ name.upper() }}",
                            "text": "x",
                        }
                    ]
                },
                "spec.templates[0].subject: line 1: a template only fills in words, it can have no",
            ),
        ],
    )
    def test_what_cannot_be_used_is_said_with_its_path(
        self, spec: dict[str, Any], problem: str
    ) -> None:
        policy = ResponsePolicy.model_validate(
            {"metadata": {"name": "default", "namespace": "shop"}, "spec": spec}
        )
        assert policies.problems(policy)[0].startswith(problem)
        ready = policies.ready_condition(policy, Play().world.now)
        assert (ready.status, ready.reason) == ("False", "Invalid")

    def test_a_template_without_text_here_costs_its_own_words_only(self) -> None:
        play = Play(spec={"severity": "SEV2", "impact": SEEN})
        silent = {"audience": "Internal", "kind": "First", "text": "{% if drill %}x{% endif %}"}
        play.under(channels=[OPS], templates=[silent]).tick().after(minutes=5)
        assert play.status.outbox[0].text.startswith("We are aware of some payments fail.")

    def test_executives_read_the_internal_template_where_they_have_none(self) -> None:
        play = Play(spec={"severity": "SEV1", "impact": SEEN})
        own = {"audience": "Internal", "kind": "First", "text": "OURS {{ symptom }}"}
        play.under(channels=[OPS, BOARD], templates=[own]).tick().after(minutes=5)
        first = [n.text for n in play.status.outbox if n.kind == "First"]
        assert first == ["OURS some payments fail"] * 2

    def test_a_bad_template_costs_its_own_words_only(self) -> None:
        play = Play(spec={"severity": "SEV2", "impact": SEEN})
        bad = {"audience": "Internal", "kind": "First", "text": "{{ nam }}"}
        play.under(channels=[OPS], templates=[bad]).tick().after(minutes=5)
        assert play.last("UpdatePosted").startswith("We are aware of some payments fail.")
        evidence = play.status.timeline[-1].evidence
        assert evidence is not None
        assert "the template for Internal First cannot be used" in str(evidence.value)

    def test_an_incident_keeps_the_policy_that_it_was_declared_under(self) -> None:
        play = Play(spec={"severity": "SEV3"})
        play.under(
            channels=[OPS], severities=[{"name": "SEV1", "updateEvery": "7m"}], rediagnoseEvery="9m"
        ).tick()
        play.under(channels=[], severities=[{"name": "SEV1", "updateEvery": "11m"}])
        play.edit(impact={"dataIntegrity": True})
        assert play.status.severity == "SEV1"
        assert play.status.policy is not None
        assert play.status.policy.update_every == timedelta(minutes=7)
        assert play.status.policy.whole.channels[0].name == "ops"

    def test_only_what_differs_is_pinned(self) -> None:
        play = Play().under(approvals={"expireAfter": "15m"}, rediagnoseEvery="5m").tick()
        assert play.status.policy is not None
        assert play.status.policy.spec is None
        own = ResponsePolicySpec.model_validate(
            {"severities": [{"name": "SEV1", "title": "Critical", "updateEvery": "5m"}]}
        )
        assert own.differing().to_api()["severities"][0]["updateEvery"] == "5m"
        assert own.differing().severities[0].title is None


class TestOutbox:
    def test_what_a_channel_took_leaves_the_outbox(self) -> None:
        play = story(OPS, BOARD, severity="SEV1").after(minutes=5)
        for notice in play.status.outbox:
            play.deliveries += [Delivery(notice.id, c, play.world.now) for c in notice.channels]
        play.tick()
        assert play.status.outbox == []
        assert {c.name for c in play.status.channels} == {"ops", "board"}

    def test_a_channel_that_refuses_costs_one_entry_and_holds_nothing_up(self) -> None:
        play = story(OPS).after(minutes=5)
        first = play.status.outbox[0]
        for tries in (1, 2, 3, 4, 9):
            play.deliveries = [
                Delivery(first.id, "ops", play.world.now, "HTTP 503", tries, play.world.now)
            ]
            play.tick()
        assert len(play.all_of("DeliveryFailed")) == 1
        assert "Channel ops has not taken notices since 08:35:00 UTC (3 tries): HTTP 503." in (
            play.last("DeliveryFailed")
        )
        play.after(minutes=30)
        assert len(play.status.outbox) >= 2
        play.deliveries = [Delivery(first.id, "ops", play.world.now)]
        play.tick()
        assert play.last("DeliveryRestored") == "Channel ops takes notices again."
        assert first.id not in {n.id for n in play.status.outbox}

    def test_after_a_day_a_notice_is_given_up_and_says_what_it_said(self) -> None:
        play = story(OPS).after(minutes=5)
        play.say("dismiss", "done").after(hours=25)
        assert play.status.outbox == []
        assert "First notice" in play.all_of("DeliveryAbandoned")[0]
        assert "never reached ops" in play.all_of("DeliveryAbandoned")[0]
        assert "It said: We are aware of some payments fail." in play.all_of("DeliveryAbandoned")[0]

    def test_a_full_outbox_lets_the_oldest_go_and_says_so(self) -> None:
        play = story(OPS, severity="SEV1")
        for number in range(MAX_NOTICES + 1):
            play.say("update", f"step {number}")
        assert len(play.status.outbox) == MAX_NOTICES
        assert f"since {MAX_NOTICES} notices wait already: Update notice" in play.last(
            "DeliveryAbandoned"
        )

    def test_every_notice_has_an_id_of_its_own(self) -> None:
        play = story(OPS, BOARD, STATUS_PAGE, severity="SEV1").after(minutes=61)
        ids = [n.id for n in play.status.outbox]
        assert len(ids) == len(set(ids)) > 10


def test_an_author_names_the_status_page_and_the_incident_says_once_that_nothing_is_sent() -> None:
    play = story(STATUS_PAGE).after(minutes=5)
    for _ in range(2):
        told = [n for n in play.status.outbox if n.audience == "External"]
        why = "only policies of namespace incident-commander may name it for External"
        play.deliveries += [
            Delivery(n.id, "status-page", play.world.now, why, refused=True) for n in told
        ]
        play.after(minutes=40)

    assert len(play.all_of("DeliveryRefused")) == 1
    assert "Nothing is sent to channel status-page: only policies" in play.last("DeliveryRefused")
    assert play.all_of("DeliveryFailed") == []
    assert all(n.at >= play.world.now - timedelta(minutes=40) for n in play.status.outbox)
