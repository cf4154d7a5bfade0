"""Words that speculate about causes: outsiders never read them.

"Never speculate about root cause in external communications." A phrase list, not a judge of
language: it holds back what names a cause, guesses or blames, and says which words. Whoever wrote
them says it without.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["speculative"]

_CAUSES: Final = (
    r"due to",
    r"because(?: of)?",
    r"caused[- ]by",
    r"hack(?:s|ed|er|ers)",
    r"attack(?:s|ed|er|ers)?",
    r"(?:is|was|were|been) caused",
    r"root[- ]caus\w*",
    r"cause (?:is|was|of)(?! (?:not|still|unknown|being))",
    r"(?:likely|probable|possible|suspected|main|underlying) causes?",
    r"triggered(?: by)?",
    r"result(?:s|ed|ing)? from",
    r"a (?:result|consequence) of",
    r"stem(?:s|med|ming)? from",
    r"originat\w+ (?:from|in)",
    r"trac(?:ed|ing) (?:it )?(?:back )?to",
    r"attribut\w+ to",
    r"owing to",
    r"thanks to (?:a|an|the)",
    r"on account of",
    r"led to",
    r"(?:comes|came|boils|boiled) down to",
    r"the reason (?:is|was|for|why|being)",
    r"reason:",
    r"explain(?:s|ed) (?:by|why)",
    r"culprit",
    r"at fault",
    r"faulty",
    r"blam(?:e|ed|ing)",
    r"human error",
    r"misconfigur\w*",
    (
        r"(?:last|latest|recent|bad|broken|wrong|new|tonight's|today's|yesterday's) "
        r"(?:config(?:uration)?|change|deploy|deployment|release|rollout|migration|upgrade|commit|version)"
    ),
    r"(?:introduced|broken|brought down) by",
    r"a bug in",
    r"memory leak",
)
_GUESSES: Final = (
    r"(?:we|i) (?:think|believe|suspect|assume|guess|suppose)",
    r"(?:am|are) (?:pretty|fairly|quite) sure",
    r"suspect(?:s|ed)?",
    r"(?:likely|probably|presumably|apparently|supposedly)",
    r"possibly",
    r"perhaps",
    r"maybe",
    r"(?:might|may|could|must) (?:be|have been) (?:a|an|the|our|related|linked|connected|in)",
    r"seem(?:s|ed)? (?:to be|like|that)",
    r"appear(?:s|ed)? to be (?:a|an|the|our|related|linked|in)",
    r"look(?:s|ed)? like",
    r"hypothes\w+",
    r"(?:is|was|are|were|be|been|issue|problem|incident) (?:related|linked|connected) to",
)
_PATTERN: Final = re.compile(
    r"(?<![\w-])(?:" + "|".join((*_CAUSES, *_GUESSES)) + r")(?![\w-])", re.IGNORECASE
)


def speculative(text: str) -> str | None:
    """Give the first words of a text that speculate, as they stand there; None where none do."""
    found = _PATTERN.search(" ".join(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").split()))
    return found[0] if found else None
