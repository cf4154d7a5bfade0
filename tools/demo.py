"""The demo: one Incident from a broken release to its resolution, on a real control plane.

``make demo`` runs it. Everything that is printed after a ``$`` is really run, with the kubeconfig
of the person who types it; the exit code is 0 only if the service is well again.
It changes nothing outside its own local cluster.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster import Cluster, user_kubeconfig
from tools.local_operator import LocalOperator, install_chart, operator_kubeconfig
from tools.shop import BROKEN, Shop, expect
from tools.stage import Stage, UnexpectedError
from tools.timeline_table import table

__all__ = ["main"]

ROOT: Final = Path(__file__).resolve().parent.parent
LOCAL: Final = Path(os.environ.get("INCIDENT_COMMANDER_LOCAL") or ROOT / ".local")
_LOG: Final = LOCAL / "operator.log"
_LOG_LINES: Final = 40
_INCIDENT: Final = "checkout-5xx -n shop"
_FINDINGS: Final = (
    "{range .status.diagnosis.findings[*]}{.step}: {.verdict}. {.message}{'\\n'}{end}"
)
_PLAN: Final = (
    "{range .status.proposals[?(@.recommended==true)]}"
    "{.summary}{'\\n'}{.reason}{'\\n'}{.diff}{'\\n'}{.approveCommand}{end}"
)


@dataclass(frozen=True)
class Demo:
    """The story, scene by scene.

    Parameters
    ----------
    stage
        Where it is shown.
    cluster
        Where it happens.
    pause
        Whether a person approves by hand, in another terminal.
    """

    stage: Stage
    cluster: Cluster
    pause: bool

    @property
    def shop(self) -> Shop:
        """The service that breaks."""
        return Shop(self.stage)

    def healthy(self) -> None:
        """Bring up a healthy service."""
        stage = self.stage
        stage.scene("A healthy service")
        if stage.ask("kubectl get namespace shop"):
            # Deleting a timeline needs the verb purge, which the administrator has.
            served = stage.ask("kubectl get crd incidents.incidentcommander.dev")
            ours = ",incidents,runbooks,responsepolicies" if served else ""
            stage.say("What an earlier demo left is removed:")
            stage.run(f"kubectl delete deployments,rolebindings{ours} --all -n shop")
        else:
            stage.run("kubectl create namespace shop")
        stage.run("kubectl apply -f examples/checkout.yaml")
        stage.run("kubectl rollout status deployment/checkout -n shop --timeout=60s")

    def install(self) -> None:
        """Install the chart and say who may do what."""
        stage, cluster = self.stage, self.cluster
        stage.scene("The operator")
        stage.show(
            "helm upgrade --install incident-commander helm/incident-commander "
            "-n incident-commander --create-namespace --set deployment.enabled=false"
        )
        install_chart(cluster.kubeconfig, cluster.helm, cluster.kubectl)
        stage.good("the chart is installed, its admission policies are in force")
        stage.run("kubectl apply -f examples/policy.yaml -f examples/runbook.yaml")
        stage.say("alice may decide; bob may declare and speak; neither may do anything else:")
        bind = "kubectl create rolebinding {} -n shop --clusterrole=incident-commander-{} --user={}"
        stage.run(bind.format("commanders", "commander", "alice"))
        stage.run(bind.format("responders", "responder", "bob"))

    def operator(self) -> LocalOperator:
        """Start the operator under the chart's ServiceAccount."""
        cluster = self.cluster
        own = operator_kubeconfig(cluster.kubeconfig, LOCAL / "token.kubeconfig", cluster.kubectl)
        settings = {"INCIDENT_COMMANDER_PROMETHEUS_URL": cluster.prometheus_url}
        operator = LocalOperator(own, _LOG, settings)
        operator.start()
        self.stage.good(
            "the operator runs, here and not in a pod, under the token of its ServiceAccount; "
            f"log: {_short(_LOG)}"
        )
        return operator

    def broken(self) -> None:
        """Release a version that fails two requests in five."""
        stage = self.stage
        stage.scene("A release breaks it")
        self.shop.await_health()
        stage.run(f"kubectl set image deployment/checkout -n shop checkout={BROKEN}")
        stage.run(
            "kubectl annotate deployment/checkout -n shop --overwrite "
            'kubernetes.io/change-cause="checkout 2"'
        )
        stage.run("kubectl rollout status deployment/checkout -n shop --timeout=60s")
        stage.say("All pods are ready, so Kubernetes is content. The users are not:")
        self.shop.await_trouble()

    def declared(self) -> None:
        """Declare the Incident and read what was found."""
        stage = self.stage
        stage.scene("bob declares an incident")
        bob = self._become("bob")
        stage.run("kubectl apply -f examples/incident.yaml", kubeconfig=bob)
        wait = f"kubectl wait inc/{_INCIDENT} --for=condition=Diagnosed --timeout=60s"
        stage.run(wait, kubeconfig=bob)
        stage.run("kubectl get inc -n shop", kubeconfig=bob)
        stage.say("What the operator found:")
        stage.run(f'kubectl get inc {_INCIDENT} -o jsonpath="{_FINDINGS}"', kubeconfig=bob)
        stage.say("What it proposes and why, what exactly would change, what to type:")
        stage.run(f'kubectl get inc {_INCIDENT} -o jsonpath="{_PLAN}"', kubeconfig=bob)

    def approved(self) -> None:
        """Let bob be refused and alice approve."""
        stage = self.stage
        stage.scene("Who may approve")
        command = self.shop.approve_command()
        expect("a recommended proposal", self.shop.status()["summary"], holds=bool(command))
        stage.say("bob, who may not decide, pastes the command, and the API server refuses:")
        stage.run(command, kubeconfig=user_kubeconfig(self.cluster, "bob"), refused=True)
        running = self.shop.image()
        expect("no change without an approval", running, holds=running == BROKEN)
        if self.pause:
            self._by_hand()
        else:
            stage.say("alice, the commander, pastes the same:")
            stage.run(command, kubeconfig=self._become("alice"))

    def recovered(self) -> None:
        """Watch the rollback, the recovery, the verification and the end."""
        stage = self.stage
        stage.scene("The rollback, and the proof that it helped")
        wait = f"kubectl wait inc/{_INCIDENT} --timeout=120s --for=condition="
        stage.run(f"{wait}Remediated")
        self.shop.await_health()
        stage.run(f"{wait}Verified")
        stage.say("The fix is watched for 15 s more (30 minutes where no policy says otherwise):")
        stage.run(f"{wait}Resolved")

    def proven(self) -> None:
        """Show the record, and judge whether it was really resolved."""
        stage = self.stage
        stage.scene("The record")
        stage.say("status.timeline of the Incident; the API server lets nobody change an entry:")
        stage.line(table(self.shop.status()["timeline"], stage.width))
        stage.line("")
        stage.run("kubectl get inc -n shop -o wide")
        stage.run("kubectl rollout history deployment/checkout -n shop")
        stage.good(f"{self.shop.judge()} {stage.seconds:.0f} s in all.")

    def _become(self, name: str) -> Path:
        kubeconfig = user_kubeconfig(self.cluster, name)
        self.stage.show(f"export KUBECONFIG={_short(kubeconfig)}   # now {name}")
        return kubeconfig

    def _by_hand(self) -> None:
        self.stage.say("Your turn: be alice, the commander. In another terminal:")
        self.stage.show(f"cd {ROOT} && source {_short(LOCAL / 'env')}")
        self._become("alice")
        shown = ""
        # A proposal expires, and a new diagnosis may offer another one.
        while self.shop.status().get("approval") is None:
            command = self.shop.approve_command()
            if command and command != shown:
                self.stage.show(command)
                shown = command
            time.sleep(1)


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def _cluster() -> Cluster | None:
    up = [sys.executable, "-m", "cluster", "up", "--name", "demo", "--dir", str(LOCAL)]
    done = subprocess.run(up, cwd=ROOT, check=False)
    return Cluster.load(LOCAL.resolve()) if done.returncode == 0 else None


def main() -> int:
    """Tell the story; give 0 only if the Incident was really resolved."""
    # So that the operator is ended, too, when somebody ends the demo.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _LOG.unlink(missing_ok=True)
    print("== 0. A control plane of its own\n", flush=True)
    cluster = _cluster()
    if cluster is None:
        return 1
    stage = Stage(ROOT, cluster.programs, cluster.kubeconfig, cluster.prometheus_url)
    demo = Demo(stage, cluster, pause=os.environ.get("DEMO_PAUSE", "") not in {"", "0"})
    operator = None
    try:
        demo.healthy()
        demo.install()
        operator = demo.operator()
        for scene in (demo.broken, demo.declared, demo.approved, demo.recovered, demo.proven):
            scene()
    except (UnexpectedError, RuntimeError, subprocess.TimeoutExpired) as problem:
        _explain(stage, problem)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if operator is not None:
            operator.stop()
    _goodbye(stage)
    return 0


def _explain(stage: Stage, problem: Exception) -> None:
    stage.bad(f"The demo did not go as told.\n{problem}")
    if _LOG.exists():
        lines = _LOG.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        stage.say(f"The end of {_short(_LOG)}:")
        stage.line("\n".join(lines))


def _goodbye(stage: Stage) -> None:
    stage.say("The operator has been ended; the cluster still runs. Look around:")
    stage.show(f"source {_short(LOCAL / 'env')}")
    stage.show("kubectl describe inc checkout-5xx -n shop")
    stage.show("make run            # the operator again")
    stage.show("make cluster-down   # leaves nothing running")


if __name__ == "__main__":
    sys.exit(main())
