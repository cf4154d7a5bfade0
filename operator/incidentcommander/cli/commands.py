"""The commands: where each is, and what it does in one line, so that the help imports none of them."""

from __future__ import annotations

from typing import Final

__all__ = ["HELP", "MODULES"]

_TABLE: Final = (
    ("declare", "declaring", "Declare an incident; asks for what is not said."),
    ("list", "reading", "The open Incidents, the worst first; overdue updates stand out."),
    ("show", "reading", "One screen that is enough to decide: [NAME]."),
    ("approve", "deciding", "Approve a proposal, shown first: [NAME] [ID]."),
    ("reject", "deciding", "Reject a proposal, or stop one under way: NAME [ID] [REASON]."),
    ("take", "saying", "Become the commander: [NAME] [REASON]."),
    ("ack", "saying", "Say that you are on it; stops the clock: [NAME] [WORDS]."),
    ("note", "saying", "Put something on record, at @02:41 if you say so: NAME TEXT."),
    ("update", "saying", "Tell stakeholders now what is being done: NAME TEXT."),
    ("diagnose", "saying", "Diagnose again, now: [NAME] [WORDS]."),
    ("propose", "saying", "Ask for a remediation of the Runbook: NAME WHICH."),
    ("confirm", "saying", "Say what you saw, where checks cannot tell: NAME TEXT."),
    ("resolve", "saying", "Fixed by other means; it is verified now: NAME TEXT."),
    ("severity", "saying", "Set the severity; the only way down: NAME SEV3 REASON."),
    ("root-cause", "saying", "Record the cause; no outsider reads it: NAME TEXT."),
    ("timeline", "records", "Everything that happened, verified to be whole: [NAME]."),
    ("report", "records", "The report of an incident that was resolved: [NAME]."),
    ("dismiss", "saying", "End it as a false alarm: NAME REASON."),
    ("reopen", "saying", "It was not over: NAME REASON."),
    ("doctor", "doctor.command", "Look for what is wrong, and say what mends it."),
)
"""In the order in which an incident needs them."""

MODULES: Final = {name: module for name, module, _ in _TABLE}
HELP: Final = {name: text for name, _, text in _TABLE}
