"""Gives the operator's metrics to Prometheus: ``/metrics`` beside the health probes."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

__all__ = ["add_metrics"]


def add_metrics(app: web.Application, registry: CollectorRegistry) -> None:
    """Serve what is registered, in the format that is asked for."""

    async def answer(request: web.Request) -> web.StreamResponse:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    app.router.add_get("/metrics", answer)
