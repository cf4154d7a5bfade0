"""Prometheus tells of requests that follow the pods."""

from __future__ import annotations

from cluster.health import query_prometheus
from tests.cluster.conftest import Shop, eventually


def test_error_rate_rises_with_a_broken_release_and_falls_with_its_rollback(shop: Shop) -> None:
    shop.deploy("checkout", "shop/checkout:v1", replicas=2)

    def above() -> bool | None:
        rate = shop.error_rate("checkout")
        return True if rate is not None and rate > 0.2 else None

    def below() -> bool | None:
        rate = shop.error_rate("checkout")
        return True if rate is not None and rate < 0.01 else None

    eventually(below, "good requests")
    shop.kubectl.run("set", "image", "deployment/checkout", "*=shop/checkout:v2-errors")
    eventually(above, "errors of the broken release")
    shop.kubectl.run("rollout", "undo", "deployment/checkout")
    eventually(below, "recovery after the rollback")


def test_requests_bear_the_name_of_the_workload(shop: Shop) -> None:
    template = {
        "metadata": {"labels": {"app": "x"}},
        "spec": {"containers": [{"name": "x", "image": "x:v1"}]},
    }
    selector = {"selector": {"matchLabels": {"app": "x"}}, "template": template}
    shop.kubectl.apply(
        [
            {
                "apiVersion": "apps/v1",
                "kind": kind,
                "metadata": {"name": f"shop-{kind.lower()}"},
                "spec": {**selector, **({"serviceName": "x"} if kind == "StatefulSet" else {})},
            }
            for kind in ("Deployment", "StatefulSet", "DaemonSet")
        ]
    )
    shop.kubectl.run("run", "by-hand", "--image=x:v1")
    wanted = {"shop-deployment", "shop-statefulset", "shop-daemonset", "by-hand"}

    def served() -> bool | None:
        series = query_prometheus(
            shop.cluster, f'http_requests_total{{namespace="{shop.namespace}",code="200"}} > 0'
        )
        return True if {one["metric"]["deployment"] for one in series} == wanted else None

    eventually(served, f"requests of {wanted}")


def test_pods_that_are_not_ready_serve_nothing(shop: Shop) -> None:
    for tag in ("crash", "oom", "unready", "pending"):
        shop.deploy(tag, f"shop/web:v1-{tag}")
    shop.deploy("good", "shop/web:v1")

    def totals() -> dict[str, float] | None:
        series = query_prometheus(
            shop.cluster,
            f'sum by (deployment) (http_requests_total{{namespace="{shop.namespace}"}})',
        )
        found = {one["metric"]["deployment"]: float(one["value"][1]) for one in series}
        return found if len(found) == 5 and found["good"] > 0 else None

    found = eventually(totals, "counters of all five")
    assert {name for name, total in found.items() if total > 0} == {"good"}
