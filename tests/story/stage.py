"""Where the story plays: a namespace, a shop, people who type, and the operator on duty.

Time passes only here: from one due time of the operator (or of a channel) to the next, until the
minute that the story wants. With ``restarts`` another operator comes before every step and after
every look.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from incidentcommander.api.incident import Incident
from incidentcommander.api.postmortem import Postmortem
from incidentcommander.gateways.kubernetes.postmortems import whole_timeline
from incidentcommander.observed.workloads import IncidentRef
from tests.story.calendar import Calendar, StoryClient
from tests.story.figures import Figures
from tests.story.objects import GROUP, NAME, VERSION, complete, deployment_of, line, object_of
from tests.story.postbox import Postbox
from tests.story.shift import Place, Shift
from tests.story.told import Act, Duty, Played, Typed, World
from tests.support.api import Body

__all__ = ["Stage", "stage"]

_PATIENCE: Final = 60.0
_MOST: Final = 2000


@dataclass
class Stage:
    """One play."""

    world: World
    namespace: str
    duty: Duty
    calendar: Calendar
    figures: Figures
    postbox: Postbox
    place: Place
    typed: list[Typed] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    operators: int = 0
    looks: int = 0
    _shift: Shift | None = None
    _ref: IncidentRef | None = None

    # --- time ------------------------------------------------------------------------------------

    async def until(self, minute: float) -> None:
        """Let time pass until that minute after the declaration, looking whenever it is due."""
        end = self.calendar.at(minute)
        for _ in range(_MOST):
            due = self._due()
            if due is None or due > end:
                self.calendar.now = end
                return
            # What is due and was looked at already moves on by a second, as clocks do.
            late = self.calendar.now + timedelta(seconds=1)
            self.calendar.now = due if due > self.calendar.now else late
            await self.look()
        raise AssertionError(f"no end before minute {minute}: due {self._due()}")

    def _due(self) -> datetime | None:
        assert self._shift is not None
        assert self._ref is not None
        times = [self._shift.due(self._ref), self.postbox.due]
        return min((t for t in times if t is not None), default=None)

    async def look(self) -> None:
        """Wake the operator on duty, until it is at rest."""
        assert self._ref is not None
        self.looks += 1
        shift = self._shift or await self._relieved()
        for _ in range(_MOST):
            if await shift.tick(self._ref):
                break
            shift = await self._relieved()
        if self.duty is Duty.RESTARTED:
            # Its successor looks once, to know when to look again: nothing may come of that.
            shift = await self._relieved()
            await shift.tick(self._ref)

    async def _relieved(self) -> Shift:
        """Let another operator come."""
        await self.close()
        self._shift = await Shift.begin(self.place)
        self.operators += 1
        return self._shift

    async def close(self) -> None:
        """Send the operator home."""
        if self._shift is not None:
            await self._shift.end()
            self._shift = None

    # --- what people do --------------------------------------------------------------------------

    def act(self, heading: str, words: str) -> None:
        """Begin an act, at this minute."""
        self.acts.append(Act(self._next(), heading, words))

    async def says(self, who: str, key: str, words: str, *, refused: str = "") -> None:
        """Say something to the Incident; ``refused``: words of the API server's refusal."""
        await self.types(
            who, "annotate", "incident", NAME, f"{GROUP}/{key}={words}", refused=refused
        )

    async def edits(self, who: str, kind: str = "incident", refused: str = "", **spec: Any) -> None:
        """Change the spec of the Incident or of its Postmortem."""
        patch = json.dumps({"spec": spec}, ensure_ascii=False)
        await self.types(who, "patch", kind, NAME, "--type=merge", "-p", patch, refused=refused)

    async def types(self, who: str, *words: str, refused: str = "") -> None:
        """Type a command, as it is; then the operator looks."""
        if self.duty is Duty.RESTARTED:
            await self._relieved()
        person = self.world.kubectl.with_options(
            "-n", self.namespace, f"--as={who}", "--as-group=system:authenticated"
        )
        seq, said = self._next(), ""
        if refused:
            said = await asyncio.to_thread(person.expect_refused, *words, words=[refused])
        else:
            await asyncio.to_thread(person.run, *words)
        self.typed.append(Typed(self.calendar.now, seq, who, line(words), said))
        await self.look()

    async def declares(self, who: str, **spec: Any) -> None:
        """Declare the Incident."""
        body = object_of("Incident", NAME, self.namespace, spec)
        person = self.world.api.as_user(who, "system:authenticated")
        made = person.create("incidents", body).expect_ok()
        self._ref = IncidentRef(self.namespace, NAME, made["metadata"]["uid"])
        self.typed.append(Typed(self.calendar.now, 0, who, "kubectl apply -f incident.yaml"))
        await self.look()

    def writes(self, plural: str, kind: str, name: str, **spec: Any) -> None:
        """Write a Runbook or a policy, as the administrator."""
        body = object_of(kind, name, self.namespace, spec)
        self.world.api.create(plural, body).expect_ok()

    # --- the shop --------------------------------------------------------------------------------

    async def deploys(self, image: str) -> None:
        """Deploy the shop for the first time."""
        self.world.api.create("deployments", deployment_of(self.namespace, image)).expect_ok()
        await self.settled()

    async def releases(self, who: str, image: str) -> None:
        """Release an image; its rollout takes no time of the story."""
        words = ("set", "image", "deployment", NAME, f"app={image}")
        here = self.world.kubectl.with_options("-n", self.namespace)
        await asyncio.to_thread(here.run, *words)
        await self.settled()
        if self._ref is not None:
            self.typed.append(Typed(self.calendar.now, self._next(), who, line(words)))
            await self.look()

    async def settled(self) -> None:
        """Wait until the controllers have done all that there is to do."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE
        while not self._at_rest():
            assert loop.time() < end, "the rollout does not come to an end"
            await asyncio.sleep(0.1)

    def _at_rest(self) -> bool:
        base = f"/apis/apps/v1/namespaces/{self.namespace}"
        deployment = self._read(f"{base}/deployments/{NAME}")
        # As the operator reads them: from the server's cache.
        sets = self._read(f"{base}/replicasets?resourceVersion=0")["items"]
        pods = self._read(f"/api/v1/namespaces/{self.namespace}/pods?resourceVersion=0")["items"]
        return complete(deployment, sets, pods)

    def _read(self, path: str) -> Body:
        return self.calendar.told(path, self.world.api.request("GET", path).expect_ok())

    def _next(self) -> int:
        """Give the seq of the entry that comes next."""
        if self._ref is None:
            return 0
        found = self.world.api.get("incidents", NAME, self.namespace).expect_ok()
        timeline = found.get("status", {}).get("timeline", [])
        return int(timeline[-1]["seq"]) + 1 if timeline else 0

    async def open(self, remediation: str) -> str:
        """Give the id of the open proposal of that remediation."""
        found = self.world.api.get("incidents", NAME, self.namespace).expect_ok()
        proposals = found["status"].get("proposals", [])
        ids = [
            str(p["id"])
            for p in proposals
            if (p["remediation"], p["state"]) == (remediation, "Proposed")
        ]
        assert len(ids) == 1, [(p["id"], p["state"]) for p in proposals]
        return ids[0]

    # --- the end ---------------------------------------------------------------------------------

    async def played(self) -> Played:
        """Give what is left."""
        await self.close()
        assert self._ref is not None
        async with self._client() as client:
            base = f"/apis/{VERSION}/namespaces/{self.namespace}"
            raw = await client.get(f"{base}/incidents/{NAME}")
            incident = Incident.model_validate(raw)
            timeline = await whole_timeline(client, incident)
            postmortem = Postmortem.model_validate(await client.get(self._postmortem))
        return Played(
            incident,
            timeline,
            self.typed,
            self.acts,
            self.postbox,
            postmortem,
            self.operators,
            self.looks,
        )

    @property
    def _postmortem(self) -> str:
        return f"/apis/{VERSION}/namespaces/{self.namespace}/postmortems/{NAME}"

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[StoryClient]:
        shift = await Shift.begin(replace(self.place, mortal=False))
        yield shift.client
        await shift.end()


def stage(world: World, duty: Duty) -> Stage:
    """Set up a stage: a namespace of its own, and channels, figures and a clock that nobody shares."""
    namespace = f"story-{uuid.uuid4().hex[:8]}"
    world.api.create("namespaces", {"metadata": {"name": namespace}}).expect_ok()
    calendar = Calendar()
    figures, postbox = Figures(calendar).start(), Postbox(calendar)
    made: list[Stage] = []

    async def settled() -> None:
        await made[0].settled()

    place = Place(
        kubeconfig=world.credentials,
        namespace=namespace,
        prometheus=figures.url,
        calendar=calendar,
        postbox=postbox,
        settled=settled,
        mortal=duty is Duty.DYING,
    )
    made.append(Stage(world, namespace, duty, calendar, figures, postbox, place))
    return made[0]
