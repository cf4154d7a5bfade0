"""Whom a channel serves: which policies may send through it, and to which audience.

Everybody who may write a ResponsePolicy in some namespace could else name the board's channel or the
status page, and choose the words. The notifier asks before each delivery, since only then it is known
what the Secret says. Pure.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from ..api.notices import Audience, Notice

__all__ = ["EVERY", "Serving"]

EVERY: Final = "*"
"""Stands for all namespaces."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What is known of one channel."""

    channel: str
    home: str
    """The operator's namespace: policies there may name every channel."""
    listed: Collection[str] | None = None
    """Namespaces that the channel says it serves; None: it says nothing."""
    outward: bool = False
    """Whether a policy of the operator's namespace names it as External or Executive."""

    def refusal(self, notice: Notice) -> str:
        """Say why it is not for this notice; empty where it is.

        A notice that does not say whose policy it is of, as of an older operator, is nobody's.
        """
        origin = notice.policy_namespace or ""
        if origin == self.home:
            return ""
        whose = f"policies of namespace {origin}" if origin else "a policy that is not known"
        if self.listed is not None:
            if EVERY in self.listed or (origin and origin in self.listed):
                return ""
            return f"the channel serves other namespaces, and not {whose}"
        if notice.audience is not Audience.INTERNAL:
            return (
                f"only policies of namespace {self.home} may name it for {notice.audience}, and not "
                f"{whose}, unless its key in the Secret lists them: namespaces: {origin or 'NAME'}"
            )
        if self.outward:
            return (
                f"it is a channel for outsiders or executives, as policies of namespace {self.home} "
                f"say, and not for {whose}"
            )
        return ""
