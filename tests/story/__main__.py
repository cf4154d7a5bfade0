"""``python -m tests.story --write``: play the story and write ``docs/story.md`` anew."""

from __future__ import annotations

import sys

from tests.story.page import PAGE
from tests.story.run import write

if sys.argv[1:] != ["--write"]:
    sys.exit("usage: python -m tests.story --write")
write()
sys.stdout.write(f"{PAGE}\n")
