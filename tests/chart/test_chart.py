"""What the chart renders: every toggle, the rights it gives, and the values that it refuses."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
import yaml

from incidentcommander.api.policy import ResponsePolicySpec
from incidentcommander.api.runbook import RunbookSpec
from incidentcommander.settings import PREFIX, Settings
from tests.chart.conftest import CHART, NAMESPACE, Body, Rendered, Template
from tools.chart_files import SOURCES, differences

STAMP_API = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
RUNBOOK_API = "incidentcommander.dev/v1alpha1/Runbook"
REQUESTS = [
    "approve",
    "reject",
    "take-command",
    "acknowledge",
    "note",
    "update",
    "update-external",
    "root-cause",
    "severity",
    "propose",
    "diagnose",
    "confirm",
    "resolve",
    "dismiss",
    "reopen",
]

VARIANTS: list[tuple[str, ...]] = [
    (),
    ("deployment.enabled=false",),
    ("crds.install=false", "runbooks.install=false", "policy.install=false"),
    ("guard.install=false",),
    ("guard.stamp=always", "approval.requireTargetPatch=true"),
    ("rbac.scope=namespace", "watchNamespaces={shop,pay}"),
    ("rbac.aggregateResponderToEdit=true", "rbac.intake=true"),
    ("rbac.create=false", "serviceAccount.create=false"),
    ("image.digest=sha256:" + "0" * 64, "prometheus.url=http://prometheus:9090"),
    ("metrics.podMonitor.enabled=true", "metrics.podMonitor.labels.release=prometheus"),
]


@pytest.fixture(scope="module")
def plain(template: Template) -> Rendered:
    """The chart with its own values."""
    rendered = template()
    assert rendered.code == 0, rendered.error
    return rendered


def test_lint_is_clean(helm: str) -> None:
    done = subprocess.run(
        [helm, "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout


@pytest.mark.parametrize("values", VARIANTS, ids=lambda v: ",".join(v) or "defaults")
def test_every_variant_renders_whole_objects(template: Template, values: tuple[str, ...]) -> None:
    rendered = template(*values)
    assert rendered.code == 0, rendered.error
    for body in rendered.objects:
        assert body["apiVersion"]
        assert body["metadata"]["name"]
        if body["kind"] != "CustomResourceDefinition":
            labels = body["metadata"]["labels"]
            assert labels["app.kubernetes.io/name"] == "incident-commander"
            assert labels["app.kubernetes.io/managed-by"] == "Helm"
    names = [
        (o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in rendered.objects
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("guard.stamp=sometimes", "stamp"),
        ("rbac.scope=galaxy", "scope"),
        ("watchNamespaces={Shop}", "watchNamespaces"),
        ("prometheus.url=prometheus:9090", "url"),
        ("prometheus.timeout=10", "timeout"),
        ("http.port=80", "port"),
        ("logLevel=loud", "logLevel"),
        ("image.digest=abc", "digest"),
        ("deployment.replicas=3", "replicas"),
        ("promehteus.url=http://x", "promehteus"),
        ("crds.keep=perhaps", "keep"),
        ("guard.namespaceControllers={a'b}", "namespaceControllers"),
        ("rbac.scope=namespace", "watchNamespaces"),
        ("rbac.extraRules[0].apiGroups={},rbac.extraRules[0].resources={*}", "extraRules"),
        (
            (
                "rbac.extraRules[0].verbs={approve},rbac.extraRules[0].apiGroups={a},"
                "rbac.extraRules[0].resources={b}"
            ),
            "extraRules",
        ),
    ],
)
def test_a_wrong_value_is_refused_by_name(template: Template, value: str, word: str) -> None:
    rendered = template(value)
    assert rendered.code != 0
    assert word in rendered.error


# --- rights --------------------------------------------------------------------------------------


def rules_of(rendered: Rendered) -> list[tuple[str, Body]]:
    return [
        (body["metadata"]["name"], rule)
        for body in rendered.objects
        if body["kind"] in {"Role", "ClusterRole"}
        for rule in body["rules"]
    ]


@pytest.mark.parametrize("values", VARIANTS, ids=lambda v: ",".join(v) or "defaults")
def test_no_role_has_a_wildcard(template: Template, values: tuple[str, ...]) -> None:
    for name, rule in rules_of(template(*values)):
        for part in ("apiGroups", "resources", "verbs"):
            assert "*" not in rule[part], name


@pytest.mark.parametrize("values", VARIANTS, ids=lambda v: ",".join(v) or "defaults")
def test_the_operator_holds_no_right_of_people(template: Template, values: tuple[str, ...]) -> None:
    mine = [rule for name, rule in rules_of(template(*values)) if name in OPERATOR_ROLES]
    for rule in mine:
        # Of all there is, it deletes pods alone: those that an approved plan names by uid.
        assert "delete" not in rule["verbs"] or rule["resources"] == ["pods"]
        assert not {
            "approve",
            "purge",
            "deletecollection",
            "impersonate",
            "escalate",
            "bind",
        } & set(rule["verbs"])
        assert not {"pods/exec", "serviceaccounts/token"} & set(rule["resources"])
        if "secrets" in rule["resources"]:
            assert rule["resourceNames"] == ["incident-commander-channels"]
            assert rule["verbs"] == ["get"]
        if "admissionregistration.k8s.io" in rule["apiGroups"]:
            assert set(rule["verbs"]) == {"get", "list", "watch"}


OPERATOR_ROLES = {"incident-commander", "incident-commander-work"}


def verbs(rendered: Rendered, role: str) -> set[str]:
    rules = rendered.of("ClusterRole")[role]["rules"]
    return {verb for rule in rules if "incidents" in rule["resources"] for verb in rule["verbs"]}


def test_roles_of_people(plain: Rendered) -> None:
    read = {"get", "list", "watch"}
    respond = read | {"create", "patch"}
    assert verbs(plain, "incident-commander-viewer") == read
    assert verbs(plain, "incident-commander-responder") == respond
    assert verbs(plain, "incident-commander-commander") == respond | {"approve"}
    assert verbs(plain, "incident-commander-purger") == read | {
        "delete",
        "deletecollection",
        "purge",
    }
    assert verbs(plain, "incident-commander-intake") == read | {"create", "intake"}


def aggregated(rendered: Rendered) -> dict[str, set[str]]:
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    return {
        name: found
        for name, role in rendered.of("ClusterRole").items()
        if (
            found := {
                k.removeprefix(prefix) for k in role["metadata"]["labels"] if k.startswith(prefix)
            }
        )
    }


def test_only_reading_is_aggregated(template: Template, plain: Rendered) -> None:
    assert aggregated(plain) == {"incident-commander-viewer": {"view"}}
    wide = template("rbac.aggregateResponderToEdit=true")
    assert aggregated(wide)["incident-commander-responder"] == {"edit"}
    assert not aggregated(template("rbac.aggregateToView=false"))


def test_in_namespaces_the_operator_has_rights_there_only(template: Template) -> None:
    rendered = template("rbac.scope=namespace", "watchNamespaces={shop,pay}")
    everywhere = rendered.of("ClusterRole")["incident-commander"]["rules"]
    assert [rule["apiGroups"] for rule in everywhere] == [["admissionregistration.k8s.io"]]
    assert {"shop/incident-commander-work", "pay/incident-commander-work"} <= set(
        rendered.of("Role")
    )
    assert set(rendered.of("RoleBinding")) == set(rendered.of("Role"))


# --- the guard -----------------------------------------------------------------------------------


def test_the_stamp_follows_the_api_server(template: Template, plain: Rendered) -> None:
    assert "MutatingAdmissionPolicy" not in plain.kinds()
    for rendered in (template(apis=(STAMP_API,)), template("guard.stamp=always")):
        assert "incident-commander-stamp" in rendered.of("MutatingAdmissionPolicy")
        assert "incident-commander-stamp" in rendered.of("MutatingAdmissionPolicyBinding")
    for rendered in (
        template("guard.stamp=never", apis=(STAMP_API,)),
        template("guard.install=false", apis=(STAMP_API,)),
    ):
        assert "MutatingAdmissionPolicy" not in rendered.kinds()


def test_the_keys_are_written_out_in_full(template: Template) -> None:
    rendered = template("guard.stamp=always")
    for kind, name in (
        ("ValidatingAdmissionPolicy", "incident-commander-requests"),
        ("MutatingAdmissionPolicy", "incident-commander-stamp"),
    ):
        variables = rendered.of(kind)[name]["spec"]["variables"]
        expression = next(v["expression"] for v in variables if v["name"] == "keys")
        assert re.findall(r"'([^']*)'", expression) == [
            f"incidentcommander.dev/{r}" for r in REQUESTS
        ]


def test_the_guard_names_the_operator_of_this_release(helm: str) -> None:
    line = [helm, "template", "other", str(CHART), "-n", "elsewhere", "--set", "guard.stamp=always"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    users = set(re.findall(r"system:serviceaccount:[a-z-]+:incident-commander", done.stdout))
    assert users == {"system:serviceaccount:elsewhere:incident-commander"}


def test_every_rule_refuses_as_forbidden_with_words(plain: Rendered) -> None:
    policies = plain.of("ValidatingAdmissionPolicy")
    assert len(policies) == 9
    for policy in policies.values():
        for rule in policy["spec"]["validations"]:
            assert rule["reason"] == "Forbidden"
            assert rule["message"]
            assert "\n" not in rule["message"]
            # One question to the authorizer costs a third of what an expression may cost.
            assert rule["expression"].count(".allowed()") <= 1


def test_without_the_guard_nothing_of_it_is_there(template: Template) -> None:
    assert not {kind for kind in template("guard.install=false").kinds() if "Admission" in kind}


# --- the operator --------------------------------------------------------------------------------


def container(rendered: Rendered) -> tuple[Body, Body]:
    pod = rendered.of("Deployment")["incident-commander"]["spec"]["template"]["spec"]
    return pod, pod["containers"][0]


def test_the_pod_is_restricted(plain: Rendered) -> None:
    pod, operator = container(plain)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["enableServiceLinks"] is False
    security = operator["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert {"requests", "limits"} <= set(operator["resources"])


def test_there_is_one_operator_at_a_time(plain: Rendered) -> None:
    spec = plain.of("Deployment")["incident-commander"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def environment(rendered: Rendered) -> dict[str, str]:
    return {
        entry["name"]: entry["value"]
        if "value" in entry
        else entry["valueFrom"]["fieldRef"]["fieldPath"]
        for entry in container(rendered)[1]["env"]
    }


def test_each_setting_has_a_value_with_the_same_default(plain: Rendered) -> None:
    given = environment(plain)
    assert set(given) == {PREFIX + field.upper() for field in Settings.model_fields}
    # The pod's own namespace and account come from the downward API.
    downward = {PREFIX + "NAMESPACE": "", PREFIX + "SERVICE_ACCOUNT": ""}
    assert Settings.from_environment(given | downward) == Settings()


def test_settings_come_from_values(template: Template) -> None:
    values = {
        "prometheus.url": ("PROMETHEUS_URL", "http://p:9090"),
        "prometheus.timeout": ("PROMETHEUS_TIMEOUT", "3s"),
        "prometheus.tenantParameter": ("PROMETHEUS_TENANT_PARAMETER", "namespace"),
        "prometheus.tenantHeader": ("PROMETHEUS_TENANT_HEADER", "X-Scope-OrgID"),
        "watchNamespaces[0]": ("WATCH_NAMESPACES", "shop"),
        "http.host": ("HTTP_HOST", "127.0.0.1"),
        "http.port": ("HTTP_PORT", "9999"),
        "logLevel": ("LOG_LEVEL", "debug"),
        "tuning.connections": ("CONNECTIONS", "7"),
        "tuning.requestTimeout": ("REQUEST_TIMEOUT", "4s"),
        "tuning.pageAt": ("PAGE_AT", "32"),
        "tuning.reopenWithin": ("REOPEN_WITHIN", "48h"),
        "tuning.guardProofTtl": ("GUARD_PROOF_TTL", "2s"),
    }
    rendered = template(*(f"{path}={value}" for path, (_, value) in values.items()))
    given = environment(rendered)
    assert {name: given[PREFIX + name] for name, _ in values.values()} == dict(values.values())
    assert given[PREFIX + "NAMESPACE"] == "metadata.namespace"
    assert given[PREFIX + "SERVICE_ACCOUNT"] == "spec.serviceAccountName"
    assert container(rendered)[1]["ports"] == [{"name": "http", "containerPort": 9999}]


def test_a_digest_pins_the_image(template: Template) -> None:
    digest = "sha256:" + "0" * 64
    _, operator = container(template(f"image.digest={digest}", "image.tag=v1"))
    assert operator["image"].endswith(f":v1@{digest}")


def test_without_its_deployment_the_account_is_there(template: Template) -> None:
    rendered = template("deployment.enabled=false")
    assert "Deployment" not in rendered.kinds()
    assert "incident-commander" in rendered.of("ServiceAccount")


# --- CRDs, Runbooks, policy ----------------------------------------------------------------------


def test_crds_are_kept_unless_told_otherwise(template: Template, plain: Rendered) -> None:
    def kept(rendered: Rendered) -> set[bool]:
        return {
            (crd["metadata"].get("annotations") or {}).get("helm.sh/resource-policy") == "keep"
            for crd in rendered.of("CustomResourceDefinition").values()
        }

    assert kept(plain) == {True}
    assert kept(template("crds.keep=false")) == {False}
    assert kept(template("crds.install=false")) == set()


def sources() -> dict[str, Body]:
    documents = [yaml.safe_load(path.read_text()) for path in sorted(SOURCES.glob("*.yaml"))]
    return {document["metadata"]["name"]: document for document in documents}


def test_the_chart_carries_the_runbooks_of_this_checkout() -> None:
    assert differences() == []


def test_runbooks_come_through_untouched(plain: Rendered) -> None:
    rendered = plain.of("Runbook")
    assert {name: body["spec"] for name, body in rendered.items()} == {
        name: body["spec"] for name, body in sources().items()
    }
    # The double braces belong to the operator's templates, not to Helm.
    assert "{{ target.namespace }}" in str(rendered["deployment-regression"]["spec"])


def test_runbooks_and_policy_are_valid(plain: Rendered) -> None:
    for body in plain.of("Runbook").values():
        RunbookSpec.model_validate(body["spec"])
    policy = ResponsePolicySpec.model_validate(plain.of("ResponsePolicy")["default"]["spec"])
    assert [rules.name for rules in policy.severities] == ["SEV1", "SEV2", "SEV3", "SEV4"]


def test_the_policy_says_what_holds_without_one(plain: Rendered) -> None:
    policy = ResponsePolicySpec.model_validate(plain.of("ResponsePolicy")["default"]["spec"])
    built_in = ResponsePolicySpec()
    assert policy.approvals == built_in.approvals
    assert policy.rediagnose_every == built_in.rediagnose_every
    assert policy.business_hours == built_in.business_hours
    for rules in policy.severities:
        assert rules == built_in.rules_for(rules.name)
    # So nothing of it needs to be pinned in the status of an Incident.
    assert policy.differing() == built_in


@pytest.mark.parametrize("kind", ["Runbook", "ResponsePolicy"])
def test_defaults_are_a_hook_only_until_their_kind_is_known(
    template: Template, plain: Rendered, kind: str
) -> None:
    def hooks(rendered: Rendered) -> set[Any]:
        found = rendered.of(kind).values()
        assert found
        return {body["metadata"]["annotations"].get("helm.sh/hook") for body in found}

    assert hooks(plain) == {"post-install,post-upgrade,post-rollback"}
    assert hooks(template(apis=(RUNBOOK_API,))) == {None}
    # Helm takes an object over only with these marks.
    for body in plain.of(kind).values():
        assert body["metadata"]["namespace"] == NAMESPACE
        assert body["metadata"]["annotations"]["meta.helm.sh/release-name"] == "incident-commander"
        assert body["metadata"]["annotations"]["meta.helm.sh/release-namespace"] == NAMESPACE


def test_prometheus_finds_the_pod(template: Template, plain: Rendered) -> None:
    def pod(rendered: Rendered) -> Body:
        body: Body = rendered.of("Deployment")["incident-commander"]["spec"]["template"]["metadata"]
        return body

    scrape = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8080",
        "prometheus.io/path": "/metrics",
    }
    assert pod(plain)["annotations"] == scrape
    own = template("podAnnotations.team=ops")
    assert pod(own)["annotations"] == {**scrape, "team": "ops"}
    assert "annotations" not in pod(template("metrics.annotations=false"))
    assert not plain.of("PodMonitor")
    monitor = template(
        "metrics.podMonitor.enabled=true", "metrics.podMonitor.labels.release=prometheus"
    ).of("PodMonitor")["incident-commander"]
    labels = monitor["spec"]["selector"]["matchLabels"]
    assert labels.items() <= pod(plain)["labels"].items()
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["podMetricsEndpoints"] == [
        {"port": "http", "path": "/metrics", "interval": "30s"}
    ]


def test_the_schema_knows_every_value() -> None:
    def missing(values: Body, schema: Body, path: str) -> list[str]:
        known = schema.get("properties")
        if known is None:
            return []
        return [
            lack
            for key, value in values.items()
            for lack in (
                [path + key]
                if key not in known
                else missing(value, known[key], f"{path}{key}.")
                if isinstance(value, dict)
                else []
            )
        ]

    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    assert missing(values, schema, "") == []
    assert set(schema["properties"]) - set(values) == {"global"}
