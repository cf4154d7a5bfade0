"""Knows the admission policies that keep approvals honest, and proves that they are in force.

``observer`` asks it before anything is proposed or done. It follows the policies, and has forgeries
refused by a dry run; it changes nothing, and says "not proven" whenever it is not sure.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, TypeAlias

from ...api.base import GROUP
from ...errors import ForbiddenError, GoneError, OperatorError
from ...foreign import inside
from ...observed.needs import ProofNeed
from ...observed.workloads import GuardProof, IncidentRef, Unavailable
from ...settings import Settings
from .client import FIELD_MANAGER, MERGE_PATCH, Client, Raw
from .paths import path_of
from .shelves import key_of
from .watch import Watch

__all__ = ["GUARD_LABEL", "Guard"]

GUARD_LABEL: Final = f"{GROUP}/guard=true"
_PROBE_MANAGER: Final = "incident-commander-probe"
_REQUESTS: Final = "incident-commander-requests"
_STATUS: Final = "incident-commander-status"
_REQUIRED: Final = (
    _REQUESTS,
    _STATUS,
    "incident-commander-fields",
    "incident-commander-deletion",
    "incident-commander-pages",
    "incident-commander-postmortems",
)
_POLICIES: Final = "validatingadmissionpolicies"
_BINDINGS: Final = "validatingadmissionpolicybindings"
_WATCHED: Final = (
    _POLICIES,
    _BINDINGS,
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
)
_TRUSTED_FOR: Final = 90.0
"""Seconds without a sign of a watch after which it is not believed: bookmarks come every 60 s."""
_SHOWN: Final = 480

_FORGED_APPROVAL: Final = {
    "metadata": {
        "annotations": {f"{GROUP}/approve": "forged", f"{GROUP}/approve-by": "forged"},
    }
}
_FORGED_STATUS: Final = {"status": {"summary": "forged"}}

_log = logging.getLogger(__name__)

_Objects: TypeAlias = dict[str, Raw]


class Guard:
    """The guard: its fingerprint, and the proof that it stands."""

    def __init__(self, client: Client, settings: Settings, on_change: Callable[[], None]) -> None:
        self._client = client
        self._ttl: Final = settings.guard_proof_ttl.total_seconds()
        self._on_change = on_change
        self._objects: dict[str, _Objects] = {plural: {} for plural in _WATCHED}
        self._watches: Final = {plural: self._watch(plural) for plural in _WATCHED}
        self._announced = ""
        self.since: datetime | None = None
        """Since when these policies were seen as they are; None before they were seen."""
        self._proofs: dict[str, tuple[float, GuardProof]] = {}
        self._proving: dict[str, asyncio.Lock] = {}

    async def run(self) -> None:
        """Follow the policies until cancelled."""
        await asyncio.gather(*(watch.run() for watch in self._watches.values()))

    @property
    def fingerprint(self) -> str:
        """Hash over every policy and binding of the guard, as last seen; empty before that."""
        return _fingerprint(self._objects) if self._seen else ""

    @property
    def _seen(self) -> bool:
        return all(watch.last_heard > float("-inf") for watch in self._watches.values())

    async def prove(self, need: ProofNeed, now: datetime) -> GuardProof | Unavailable:
        """Prove it on one Incident, or give a proof of a moment ago. Never raises."""
        namespace = need.incident.namespace
        try:
            # One at a time for a namespace: whoever waited finds the proof of the one before.
            async with self._proving.setdefault(namespace, asyncio.Lock()):
                for watch in self._watches.values():
                    await watch.trust(_TRUSTED_FOR)
                return self._recent(namespace) or await self._prove(need.incident, now)
        except GoneError as error:
            return Unavailable("the guard", f"there is no Incident to prove it on: {error}")
        except OperatorError as error:
            return Unavailable("the guard", str(error))

    def _recent(self, namespace: str) -> GuardProof | None:
        proven_at, proof = self._proofs.get(namespace, (float("-inf"), None))
        fresh = time.monotonic() - proven_at <= self._ttl
        return proof if proof and fresh and proof.fingerprint == self.fingerprint else None

    async def _prove(self, incident: IncidentRef, now: datetime) -> GuardProof:
        began, fingerprint = time.monotonic(), self.fingerprint
        wrong = _missing(self._objects) or await self._unrefused(incident)
        if not wrong and self.fingerprint != fingerprint:
            wrong = "the guard changed while it was being proven"
        message = wrong or (
            "the policies are in force: a test approval and a test status write were refused, as they must be"
        )
        proof = GuardProof(fingerprint, proven=not wrong, message=_short(message), at=now)
        self._proofs[incident.namespace] = (began, proof)
        return proof

    async def _unrefused(self, incident: IncidentRef) -> str:
        """Try the two forgeries; say what was not refused as it must be."""
        answers = await asyncio.gather(
            self._forge(incident, "", _FORGED_APPROVAL, FIELD_MANAGER, _REQUESTS),
            self._forge(incident, "status", _FORGED_STATUS, _PROBE_MANAGER, _STATUS),
        )
        return "; ".join(filter(None, answers))

    async def _forge(
        self,
        incident: IncidentRef,
        subresource: str,
        body: Mapping[str, Any],
        manager: str,
        policy: str,
    ) -> str:
        what = f"a forged {subresource or 'approval'}"
        try:
            await self._client.request(
                "PATCH",
                path_of("incidents", incident.namespace, incident.name, subresource),
                body=body,
                content_type=MERGE_PATCH,
                query={"dryRun": "All", "fieldManager": manager},
            )
        except ForbiddenError as error:
            # RBAC says 403 too: only our policy, by its name, is the guard.
            if f"ValidatingAdmissionPolicy '{policy}'" in str(error):
                return ""
            return f"{what} was refused, but not by the policy {policy}: {error}"
        return f"{what} was accepted: the policy {policy} is not in force"

    def _watch(self, plural: str) -> Watch:
        return Watch(
            self._client,
            path_of(plural),
            on_list=partial(self._listed, plural),
            on_event=partial(self._changed, plural),
            selector=GUARD_LABEL,
        )

    def _listed(self, plural: str, items: Sequence[Raw]) -> None:
        self._objects[plural] = {key_of(item)[1]: item for item in items}
        self._tell()

    def _changed(self, plural: str, kind: str, item: Raw) -> None:
        name = key_of(item)[1]
        if kind == "DELETED":
            self._objects[plural].pop(name, None)
        else:
            self._objects[plural][name] = item
        self._tell()

    def _tell(self) -> None:
        if not self._seen:
            return  # not all were listed yet
        before, self._announced = self._announced, self.fingerprint
        if before != self._announced:
            self.since = datetime.now(UTC)
        if before and before != self._announced:
            _log.warning("The guard changed: fingerprint %s, was %s", self._announced, before)
            self._on_change()


def _fingerprint(objects: Mapping[str, _Objects]) -> str:
    seen = sorted(
        f"{plural}/{name} {inside(item, 'metadata', 'uid')} "
        f"{inside(item, 'metadata', 'generation') or 0}"
        for plural, items in objects.items()
        for name, item in items.items()
    )
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()


def _missing(objects: Mapping[str, _Objects]) -> str:
    """Say what of the guard is not there, or does not deny."""
    wrong = [*_policies_wrong(objects[_POLICIES]), *_bindings_wrong(objects[_BINDINGS])]
    if not wrong:
        return ""
    return (
        f"the guard is not whole: {'; '.join(wrong)} "
        "(install the chart with guard.install=true, and look at its objects)"
    )


def _policies_wrong(policies: _Objects) -> Iterable[str]:
    for name in _REQUIRED:
        policy = policies.get(name)
        if policy is None:
            yield f"there is no ValidatingAdmissionPolicy {name}"
        elif inside(policy, "spec", "failurePolicy") != "Fail":
            yield f"ValidatingAdmissionPolicy {name} has failurePolicy Ignore"


def _bindings_wrong(bindings: _Objects) -> Iterable[str]:
    for name in _REQUIRED:
        binding = bindings.get(name)
        if binding is None:
            yield f"there is no ValidatingAdmissionPolicyBinding {name}"
        elif inside(binding, "spec", "policyName") != name:
            yield f"ValidatingAdmissionPolicyBinding {name} binds another policy"
        elif "Deny" not in (inside(binding, "spec", "validationActions") or []):
            yield f"ValidatingAdmissionPolicyBinding {name} does not deny"


def _short(message: str) -> str:
    return message if len(message) <= _SHOWN else f"{message[:_SHOWN]}…"
