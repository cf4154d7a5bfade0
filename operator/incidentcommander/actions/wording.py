"""Texts that plans and guards share, within the lengths that the API allows.

Used by the actions only. Says what things are; never what should be done with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .. import command_line
from ..api.base import format_timestamp
from ..command_line import Line, Name, Pair, Syntax, Word, as_json, both

if TYPE_CHECKING:
    from ..observed.workloads import Revision, Workload

__all__ = [
    "MESSAGE_LENGTH",
    "claimed",
    "cut",
    "deleting",
    "images_of",
    "images_text",
    "kubectl",
    "listed",
    "patching",
    "resource",
    "revision_text",
    "target_text",
    "then_delete",
]

MESSAGE_LENGTH: Final = 512
"""What ``Proposal.summary``, ``Proposal.reason`` and ``GuardFinding.message`` may hold."""
_CAUSE_LENGTH: Final = 48
_IMAGE_LENGTH: Final = 96
_IMAGES: Final = 3
_PODS: Final = 3
_CLAIM_LENGTH: Final = 63


def cut(text: str, length: int = MESSAGE_LENGTH) -> str:
    """Shorten a text that is too long, visibly."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def listed(names: Sequence[str], most: int = 5) -> str:
    """Name the first ones and count the rest."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def resource(workload: Workload) -> Pair:
    """Name it as kubectl wants it typed: ``deployment/checkout``."""
    return Pair(workload.kind.lower(), Name(workload.name), "/")


def claimed(text: str) -> str:
    """Quote what should be a name and is none, and cut it: anybody may have written it."""
    fits = all(Syntax.OBJECT.fits(part) for part in text.split("/"))
    shown = "".join(c if c.isprintable() else "�" for c in cut(text, _CLAIM_LENGTH))
    return text if fits else f"“{shown}”"


def target_text(workload: Workload) -> str:
    """Name it for people: ``Deployment checkout``."""
    return f"{workload.kind} {workload.name}"


def kubectl(workload: Workload, *words: Word) -> Line:
    """Give a command line that can be pasted whatever the current namespace."""
    return command_line.kubectl(workload.namespace, *words)


def deleting(summary: str, pods: Sequence[str]) -> str:
    """Add to a summary which pods are deleted; it is what is cut last."""
    if not pods:
        return cut(summary)
    tail = f", then delete {'pods' if pods[1:] else 'pod'} {listed(pods, _PODS)}"
    return f"{cut(summary, MESSAGE_LENGTH - len(tail))}{tail}"


def patching(workload: Workload, spec: Mapping[str, Any], *which: Word) -> Line:
    """Give the command that merges fields into the spec of an object; else of the workload."""
    words = which or (resource(workload),)
    return kubectl(workload, "patch", *words, "-p", as_json({"spec": spec}))


def then_delete(workload: Workload, command: Line, pods: Sequence[str]) -> Line:
    """Add to a command line the one that deletes these pods."""
    if not pods:
        return command
    return both(command, kubectl(workload, "delete", "pod", *map(Name, pods)))


def images_of(template: Mapping[str, Any]) -> list[str]:
    """Give the images of a pod template, those of its init containers last."""
    spec = template.get("spec") or {}
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return [container.get("image", "") for container in containers]


def images_text(images: Sequence[str], beside: Sequence[str] = ()) -> str:
    """Name images without their registries, except where these tell them apart.

    Parameters
    ----------
    images
        As written in the pod template.
    beside
        Images of the release that they are shown beside.
    """
    known = {_repository(image) for image in beside}
    apart = bool(beside) and any(_repository(image) not in known for image in images)
    named = list(images) if apart else [image.rsplit("/", 1)[-1] for image in images]
    return listed([_middle_cut(image) for image in named], _IMAGES) or "no image"


def _repository(image: str) -> str:
    """Give registry and path, and the name without tag and digest."""
    path, slash, name = image.partition("@")[0].rpartition("/")
    return f"{path}{slash}{name.partition(':')[0]}"


def _middle_cut(image: str) -> str:
    """Keep where a long one comes from, and which one it is."""
    if len(image) <= _IMAGE_LENGTH:
        return image
    half = _IMAGE_LENGTH // 2
    return f"{image[:half]}…{image[-half + 1 :]}"


def revision_text(revision: Revision, beside: Sequence[str] = ()) -> str:
    """Describe a revision by number, images, creation and change cause; ``beside``: as above."""
    images = images_text(images_of(revision.template), beside)
    parts = [images, f"created {format_timestamp(revision.created_at)}"]
    if revision.change_cause:
        parts.append(f'"{cut(revision.change_cause, _CAUSE_LENGTH)}"')
    return f"revision {revision.number} ({', '.join(parts)})"
