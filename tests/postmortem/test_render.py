"""Reports as they are read: golden files, and what must hold for any text that people write.

To write the golden files anew: GOLDEN=write python -m pytest tests/postmortem/test_render.py
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt
from typing_extensions import override

from incidentcommander.api.incident import Incident
from incidentcommander.report import picture
from incidentcommander.report.figures import figures
from incidentcommander.report.render import figures_html, figures_markdown, html, markdown
from incidentcommander.report.view import View, view
from tests.postmortem.stories import completed, ended_by_people, postmortem, rolled_back
from tests.support import build
from tests.support.play import Play

GOLDEN = Path(__file__).parent / "golden"
SECTIONS = [
    "Executive Summary",
    "Impact",
    "Timeline (UTC)",
    "Root Cause Analysis",
    "What happened",
    "Contributing Factors",
    "5 Whys",
    "What Went Well",
    "What Went Poorly",
    "Action Items",
    "Lessons Learned",
]


def shown(play: Play, **over: object) -> View:
    given = {"postmortem": None, "incident": play.incident, **over}
    return view(now=play.world.now, entries=play.status.timeline, **given)  # type: ignore[arg-type]


def golden(name: str, text: str) -> None:
    file = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text)
    assert text == file.read_text()


@pytest.fixture(scope="module")
def play() -> Play:
    return rolled_back()


def test_a_draft_as_markdown(play: Play) -> None:
    golden("draft.md", markdown(shown(play, postmortem=postmortem(play))))


def test_a_final_one_as_markdown(play: Play) -> None:
    golden("final.md", markdown(shown(play, postmortem=completed(play))))


def test_a_hard_one_as_markdown() -> None:
    golden("by-people.md", markdown(shown(ended_by_people())))


def test_a_draft_as_a_page(play: Play) -> None:
    golden("draft.html", html(shown(play, postmortem=postmortem(play))))


def test_the_sections_are_those_of_the_template(play: Play) -> None:
    found = re.findall(r"^##+ (.+)$", markdown(shown(play)), re.MULTILINE)
    page = re.findall(r"<h[23]>([^<]+)</h[23]>", html(shown(play)))

    assert [title for title in found if title in SECTIONS] == SECTIONS
    assert page == SECTIONS


@pytest.mark.parametrize("phase", ["open", "without an Incident"])
def test_it_works_on_what_is_not_whole(phase: str) -> None:
    if phase == "open":
        whole = shown(Play().tick())
        assert "not resolved" in whole.duration
    else:
        closed = rolled_back()
        whole = view(completed(closed), None, [], closed.world.now)
        assert whole.proofs == ()

    assert markdown(whole)
    assert html(whole)


def test_without_either_there_is_nothing_to_report() -> None:
    with pytest.raises(ValueError, match="needs a Postmortem or an Incident"):
        view(None, None, [], build.NOW)


# --- nothing that people write gets out of its place ----------------------------------------------

NASTY = "<script>alert(1)</script> | <img src=x onerror=y> & \"q\" 'a'\n# no heading"


class Page(HTMLParser):
    """The elements of a page, and what they refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            if name in {"href", "src", "action", "data"}:
                self.links.add(str(value))


def nasty(play: Play) -> View:
    item = {"id": "AI-1", "action": NASTY, "owner": NASTY, "due": "2026-12-01", "ticket": NASTY}
    texts = dict.fromkeys(("summary", "whatHappened", "lessons", "author"), NASTY)
    lists = {"fiveWhys": [NASTY] * 5, "wentWell": [NASTY], "wentPoorly": [NASTY]}
    impact = dict.fromkeys(("usersAffected", "revenue"), NASTY)
    rows = [{"at": "2026-11-22T08:30:00Z", "event": NASTY, "source": NASTY}]
    more: dict[str, Any] = {
        **texts,
        **lists,
        "impact": impact,
        "timeline": rows,
        "actionItems": [item],
    }
    return shown(play, postmortem=postmortem(play, title="<b>|", **more))


def test_a_page_carries_no_markup_of_people_and_nothing_from_outside(play: Play) -> None:
    page = Page()
    page.feed(html(nasty(play)))

    assert not {"script", "img", "link", "iframe", "object", "b"} & page.tags
    assert {link for link in page.links if not link.startswith("#")} == set()


def test_markdown_carries_no_markup_of_people(play: Play) -> None:
    text = markdown(nasty(play))

    assert "<script" not in text
    assert "<img" not in text
    table = [line for line in text.splitlines() if line.startswith(("| AI-1", "| 08:30 "))]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in table] == [4, 7]


HOSTILE_MARKDOWN = [
    "![seen](https://evil.example/seen.png)",
    "[the runbook](javascript:alert(1))",
    "[a][b]\n\n[b]: https://evil.example",
    "<https://evil.example>",
    "see https://evil.example/x or www.evil.example or ed@evil.example",
    "\\[x](https://evil.example)",
    "# Approved by alice",
    "> quoted",
    "```\nkubectl delete ns shop\n```",
    "&#91;x&#93;(https://evil.example)",
    "<details open ontoggle=alert(1)>",
]


@pytest.mark.parametrize("hostile", HOSTILE_MARKDOWN)
def test_ed_writes_markdown_and_no_reader_makes_a_link_or_an_image_of_it(
    play: Play, hostile: str
) -> None:
    calm = _tokens(play, "all is well")
    assert set(_tokens(play, hostile)) <= set(calm)


def _tokens(play: Play, text: str) -> list[str]:
    """What a reader of Markdown makes of a report in which people wrote that everywhere."""
    item = {"id": "AI-1", "action": text, "owner": text, "due": "2026-12-01", "ticket": text}
    texts = dict.fromkeys(("summary", "whatHappened", "lessons", "author"), text)
    more: dict[str, Any] = {**texts, "fiveWhys": [text] * 5, "actionItems": [item]}
    written = markdown(shown(play, postmortem=postmortem(play, **more)))
    parsed = MarkdownIt("commonmark").enable("table").parse(written)
    inside = [inline.type for block in parsed for inline in block.children or []]
    marked = [f"{block.type} {block.tag}" for block in parsed if block.type != "inline"]
    # Figures of the incident's own phases are drawn in a fence; lists and breaks are words.
    return [t for t in (*inside, *marked) if not t.startswith(("bullet", "list", "softbreak"))]


# --- the picture ---------------------------------------------------------------------------------


def test_the_picture_is_an_image_of_the_phases(play: Play) -> None:
    spans = picture.spans_of(play.status.timeline, play.world.now)
    marks = picture.marks_of(play.status.milestones)

    drawn = ET.fromstring(picture.svg(spans, marks))

    bars = [e.get("class") for e in drawn.iter("rect")]
    assert bars == [f"bar {span.phase}" for span in spans]
    assert [str(span.phase) for span in spans][-2:] == ["Verifying", "Monitoring"]
    assert [m.label for m in marks] == ["impact begins", "acknowledged", "impact over", "resolved"]
    told = picture.mermaid(spans, marks)
    assert told.splitlines()[0] == "gantt"
    assert "    Monitoring (30 min) : 2026-11-22T08:34:30, 2026-11-22T09:04:30" in told


def test_of_nothing_there_is_no_picture() -> None:
    assert picture.svg([], []) == ""
    assert picture.spans_of([], build.NOW) == []


@pytest.mark.parametrize("days", [0, 1, 30, 400])
def test_any_length_is_drawn(days: int) -> None:
    mark = picture.Mark("start", build.NOW)
    end = picture.Mark("end", build.NOW + timedelta(days=days, seconds=5))

    ET.fromstring(picture.svg([], [mark, end]))


# --- figures of many -----------------------------------------------------------------------------


def ended(
    *seconds: int | None, phase: str = "Closed", drill: bool = False, acknowledged: int | None = 60
) -> list[Incident]:
    return [
        build.incident(
            spec={"drill": drill},
            status={"phase": phase, "durations": {"resolve": s, "acknowledge": acknowledged}},
        )
        for s in seconds
    ]


def test_mean_median_and_p90_over_those_that_have_both_moments() -> None:
    (group,) = figures(ended(60, 120, 180, 240, 3600, None))
    detect, acknowledge, _, resolve = group.figures

    assert group.incidents == 6
    assert (resolve.count, resolve.mean, resolve.median, resolve.p90) == (
        *(5, "14 min"),
        *("3 min", "1 h"),
    )
    assert (acknowledge.count, acknowledge.mean) == (6, "1 min")
    assert (detect.count, detect.mean) == (0, "")


def test_p90_is_the_nearest_rank() -> None:
    (group,) = figures(ended(*(60 * n for n in range(1, 11))))

    assert group.figures[3].p90 == "9 min"


def test_drills_merged_and_dismissed_ones_stand_apart() -> None:
    several = [
        *ended(60),
        *ended(600, drill=True),
        *ended(None, phase="Merged"),
        *ended(None, None, phase="Dismissed"),
    ]

    assert [(g.title, g.incidents) for g in figures(several)] == [
        ("Incidents", 1),
        ("Drills", 1),
        ("Merged into another", 1),
        ("Dismissed as false alarms", 2),
    ]


def test_the_table_of_figures() -> None:
    groups = figures([*ended(60, 120, 180, 240, 3600), *ended(600, drill=True)])

    golden("figures.md", figures_markdown(groups, "all namespaces"))
    page = Page()
    page.feed(figures_html(groups, "<b>"))
    assert "b" not in page.tags
    assert "0 Incidents" not in figures_markdown(figures([]), "all namespaces")
