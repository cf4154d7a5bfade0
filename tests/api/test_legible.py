"""What nobody sees does not get into a spec: the API server refuses it, and says which field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api import Api
from tests.support.objects import incident, postmortem, runbook

pytestmark = pytest.mark.usefixtures("crds")

ESCAPE, BIDI, HIDDEN, NEXT = "red\x1b[31m", "\u202egpj.exe", "pay\u200bments", "a\u2028b"
ONE_LINE = "must be one line without control, direction or zero-width characters"
LINES = "must be text without control, direction or zero-width characters"


@pytest.mark.parametrize("text", [ESCAPE, BIDI, HIDDEN, NEXT, "two\nlines"])
def test_ed_cannot_title_an_incident_so(api: Api, namespace: str, text: str) -> None:
    api.create("incidents", incident(namespace, title=text)).expect_refused("spec.title", ONE_LINE)


@pytest.mark.parametrize("text", [ESCAPE, BIDI, HIDDEN, NEXT])
@pytest.mark.parametrize("field", ["symptom", "summary"])
def test_ed_cannot_tell_outsiders_so(api: Api, namespace: str, text: str, field: str) -> None:
    body = incident(namespace, impact={field: text})
    api.create("incidents", body).expect_refused(f"spec.impact.{field}", "characters")


@pytest.mark.parametrize("text", [ESCAPE, BIDI, HIDDEN])
def test_rita_cannot_name_people_so(api: Api, namespace: str, text: str) -> None:
    body = incident(namespace, roles={"commander": text})
    api.create("incidents", body).expect_refused("spec.roles.commander", ONE_LINE)


@pytest.mark.parametrize(
    "spec",
    [
        {"title": ESCAPE},
        {"quickReference": {"ownerTeam": BIDI}},
        {"detection": {"symptoms": HIDDEN}},
        {"remediation": [{"name": "by-hand", "manual": {"instructions": ESCAPE}}]},
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_the_author_of_a_runbook_cannot_write_so(
    api: Api, namespace: str, spec: dict[str, Any]
) -> None:
    api.create("runbooks", runbook(namespace, **spec)).expect_refused("spec.", "zero-width")


def test_the_author_of_a_policy_cannot_write_so(api: Api, namespace: str) -> None:
    template = {"audience": "Internal", "kind": "Update", "text": f"all well {BIDI}"}
    policy = {
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "kind": "ResponsePolicy",
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {"templates": [template]},
    }
    api.create("responsepolicies", policy).expect_refused("spec.templates[0].text", LINES)


@pytest.mark.parametrize("field", ["summary", "whatHappened", "lessons"])
def test_ed_cannot_write_a_postmortem_so(api: Api, namespace: str, field: str) -> None:
    body = postmortem(namespace, **{field: f"well\n{HIDDEN}"})
    api.create("postmortems", body).expect_refused(f"spec.{field}", LINES)


def test_texts_of_several_lines_and_any_script_are_welcome(api: Api, namespace: str) -> None:
    text = "Erst die Käufe,\n\tдann оплата: 支払い."
    api.create("postmortems", postmortem(namespace, whatHappened=text)).expect_ok()
    api.create("incidents", incident(namespace, title="Käufe 支払い оплата")).expect_ok()


@pytest.mark.parametrize(
    "link", ["http://status.example", "https://Status.example", "https://a.example/?q=1", "status"]
)
def test_links_for_outsiders_are_listed_exactly(api: Api, namespace: str, link: str) -> None:
    policy = {
        "apiVersion": "incidentcommander.dev/v1alpha1",
        "kind": "ResponsePolicy",
        "metadata": {"name": "default", "namespace": namespace},
        "spec": {"allowedLinks": [link]},
    }
    api.create("responsepolicies", policy).expect_refused("spec.allowedLinks[0]", "https://")
