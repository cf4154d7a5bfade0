"""What the demo looks at: the service in the namespace `shop`, its error rate, its Incident.

`tools.demo` tells the story; this knows what is true of it, and judges the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tools.stage import Stage, UnexpectedError

__all__ = ["BROKEN", "GOOD", "Shop", "expect", "percent"]

GOOD: Final = "registry.example/shop/checkout:v1"
BROKEN: Final = "registry.example/shop/checkout:v2-errors"
_THRESHOLD: Final = 0.05
_HURTS: Final = 0.2
_PATIENCE: Final = 90.0
_SELECTOR: Final = 'namespace="shop",deployment="checkout"'
_ERROR_RATE: Final = (
    f'(sum(rate(http_requests_total{{{_SELECTOR},code=~"5.."}}[15s])) or vector(0))'
    f" / sum(rate(http_requests_total{{{_SELECTOR}}}[15s]))"
)
_CONTAINER: Final = ("spec", "template", "spec", "containers", 0, "image")


@dataclass(frozen=True)
class Shop:
    """The service and its Incident, as they really are.

    Parameters
    ----------
    stage
        How to ask.
    """

    stage: Stage

    def image(self) -> str:
        """What the Deployment runs now."""
        found: Any = self.stage.ask("kubectl get deployment checkout -n shop")
        for key in _CONTAINER:
            found = found[key]
        return str(found)

    def status(self) -> Any:
        """The status of the Incident."""
        return self.stage.ask("kubectl get inc checkout-5xx -n shop")["status"]

    def approve_command(self) -> str:
        """What the operator says has to be typed; empty where it recommends nothing now."""
        offered = self.status().get("proposals", [])
        return next((str(p["approveCommand"]) for p in offered if p["recommended"]), "")

    def await_trouble(self) -> None:
        """Wait until users feel it, by the numbers of Prometheus."""
        self._await(f"an error rate above {percent(_HURTS)}", low=_HURTS, high=1.01)

    def await_health(self) -> None:
        """Wait until hardly a request fails."""
        self._await(f"an error rate below {percent(_THRESHOLD)}", low=-1.0, high=_THRESHOLD)

    def _await(self, what: str, *, low: float, high: float) -> None:
        self.stage.until(
            what,
            self._error_rate,
            lambda rate: rate is not None and low < rate < high,
            timeout=_PATIENCE,
            shown=lambda rate: f"error rate in Prometheus: {percent(rate)}",
        )

    def _error_rate(self) -> float | None:
        return self.stage.query(_ERROR_RATE)

    def judge(self) -> str:
        """Say what proves that it was resolved, in one line.

        Raises
        ------
        UnexpectedError
            If anything of it is missing.
        """
        status, image, rate = self.status(), self.image(), self._error_rate()
        timeline = status["timeline"]
        seqs = [entry["seq"] for entry in timeline]
        nobody = [entry["seq"] for entry in timeline if not entry["actor"]]
        bare = [
            entry["seq"]
            for entry in timeline
            if entry["reason"] == "DiagnosisStepFinished" and not entry.get("evidence")
        ]
        approver = (status.get("approval") or {}).get("by", "nobody")
        expect("phase Resolved", status["phase"], holds=status["phase"] == "Resolved")
        expect(f"the image {GOOD}", image, holds=image == GOOD)
        expect(
            "an error rate below 5 %", percent(rate), holds=rate is not None and rate < _THRESHOLD
        )
        expect("seq without gaps", str(seqs), holds=seqs == list(range(len(seqs))))
        expect("an actor in each entry", f"none in {nobody}", holds=not nobody)
        expect("evidence in each finding", f"none in {bare}", holds=not bare)
        expect("approved by alice", f"by {approver}", holds=approver == "alice")
        return (
            f"Resolved. The image is {image}, the error rate {percent(rate)}; "
            f"{len(timeline)} entries without a gap; approved by {approver}."
        )


def expect(expected: str, seen: str, *, holds: bool) -> None:
    """Go on only if it holds.

    Raises
    ------
    UnexpectedError
        If it does not.
    """
    if not holds:
        raise UnexpectedError(expected, seen)


def percent(rate: float | None) -> str:
    """Write a share as people read it."""
    return "no data yet" if rate is None else f"{100 * rate:.1f} %"
