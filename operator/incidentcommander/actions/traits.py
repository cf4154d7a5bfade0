"""What the core has to know of an action, apart from its plans: so that it names none."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Traits"]


@dataclass(frozen=True, slots=True)
class Traits:
    """How an action differs from others."""

    by_people: bool = False
    """People do it: there is nothing to send, and only they say when it is done."""
    rolls_back: bool = False
    """It goes back to an older release: it owes a Postmortem, and is never taken back by itself."""
    replaces_pods: bool = False
    """It may disturb a PodDisruptionBudget."""
    about_autoscalers: bool = False
    """It depends on what autoscalers of the target are told."""
    writes_autoscaler: bool = False
    """It changes an autoscaler, and not the target."""
    reverts_to: str = ""
    """What `onFailure: Revert` takes it back to, a format over its parameters; empty: it does not."""
    stays: str = ""
    """Why it is not taken back where it could be; empty: it just is not."""
