"""A bug of ours in a few words: what people read of it in a status, where no traceback belongs."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

__all__ = ["fault"]

_PACKAGE: Final = PurePath(__file__).parent.name


def fault(error: BaseException) -> str:
    """Name the class, and where of ours it was: ``KeyError in checks/promql.py:77``.

    The text of the error is left out: it can repeat whatever was read.
    """
    name, where, trace = type(error).__name__, "", error.__traceback__
    while trace is not None:
        parts = PurePath(trace.tb_frame.f_code.co_filename).parts
        if _PACKAGE in parts:
            path = "/".join(parts[parts.index(_PACKAGE) + 1 :])
            where = f" in {path}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{name}{where}"
