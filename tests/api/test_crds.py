"""The CRDs: fresh, bounded, described, and taken by a real API server as they are meant."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import yaml
from pydantic import BaseModel, Field

from incidentcommander.api.base import ApiModel
from incidentcommander.api.incident import MAX_ENTRY_TEXT
from tests.support.api import Api
from tests.support.kubectl import Kubectl
from tests.support.objects import incident, runbook
from tools import crds as generator
from tools.structural import Unbounded, structural_schema

if TYPE_CHECKING:
    from cluster import Cluster

Schema = dict[str, Any]

MEBIBYTE = 1024 * 1024
DEFINITIONS = {kind.name: generator.definition(kind) for kind in generator.KINDS}
every_kind = pytest.mark.parametrize("kind", DEFINITIONS)


def schema_of(kind: str) -> Schema:
    schema: Schema = DEFINITIONS[kind]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def nodes(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Walk a schema, giving each node with its path."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if key in schema:
            yield from nodes(schema[key], path + mark)


def largest(schema: Schema) -> int:
    """Give the bytes that the largest object a schema admits takes as JSON, in ASCII."""
    match schema["type"]:
        case "string" if "enum" in schema:
            return max(len(value) for value in schema["enum"]) + 2
        case "string":
            return int(schema["maxLength"]) + 2
        case "array":
            return 2 + int(schema["maxItems"]) * (1 + largest(schema["items"]))
        case "object" if "additionalProperties" in schema:
            # No schema bounds the keys of a map; those of labels have at most 63 characters.
            each = 63 + 4 + largest(schema["additionalProperties"])
            return 2 + int(schema["maxProperties"]) * each
        case "object":
            return 2 + sum(
                len(name) + 4 + largest(child)
                for name, child in schema.get("properties", {}).items()
            )
        case _:
            return 20


def spared_by_the_rule_for_entries(properties: Schema) -> int:
    """What a rule spares: the texts of an entry together have a bound, too (see test_timeline)."""
    timeline = properties.get("status", {}).get("properties", {}).get("timeline")
    if timeline is None:
        return 0
    entry = timeline["items"]["properties"]
    summed = [entry[name] for name in ("reason", "actor", "message", "step", "proposal")]
    evidence = entry["evidence"]["properties"]
    summed += [evidence[name] for name in ("query", "value", "threshold", "resourceVersion")]
    bounds = sum(int(node["maxLength"]) for node in summed)
    return int(timeline["maxItems"]) * max(0, bounds - MAX_ENTRY_TEXT)


class TestGenerated:
    def test_the_files_are_fresh(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert generator.main(["--check"]) == 0, capsys.readouterr().out

    def test_the_check_says_what_is_stale_and_writes_nothing(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(generator, "ROOT", tmp_path)
        generator.main([])
        changed = tmp_path / "crds/incidentcommander.dev_incidents.yaml"
        text = changed.read_text().replace("maxLength: 120", "maxLength: 121")
        changed.write_text(text)
        (tmp_path / "crds/incidentcommander.dev_runbooks.yaml").unlink()
        (tmp_path / "crds/incidentcommander.dev_olds.yaml").write_text("")

        code = generator.main(["--check"])

        said = capsys.readouterr().out
        assert code == 1
        assert "--- crds/incidentcommander.dev_incidents.yaml" in said
        assert "-                maxLength: 121\n+                maxLength: 120" in said
        assert "crds/incidentcommander.dev_runbooks.yaml: missing" in said
        assert "crds/incidentcommander.dev_olds.yaml: of no kind that exists" in said
        assert changed.read_text() == text

    @every_kind
    def test_every_property_has_a_description(self, kind: str) -> None:
        # The text of `metadata` is Kubernetes' own.
        undescribed = [
            f"{path}.{name}"
            for path, node in nodes(schema_of(kind), kind)
            for name, child in node.get("properties", {}).items()
            if not child.get("description") and path != f"{kind}.metadata" and name != "metadata"
        ]

        assert undescribed == []

    @every_kind
    def test_a_status_has_no_defaults(self, kind: str) -> None:
        status = schema_of(kind)["properties"].get("status", {"type": "object"})

        assert [path for path, node in nodes(status, "status") if "default" in node] == []

    @every_kind
    def test_a_table_has_at_most_seven_columns(self, kind: str) -> None:
        columns = DEFINITIONS[kind]["spec"]["versions"][0]["additionalPrinterColumns"]

        assert len([column for column in columns if "priority" not in column]) <= 7

    @every_kind
    def test_the_largest_object_stays_below_a_mebibyte(self, kind: str) -> None:
        properties = schema_of(kind)["properties"]

        size = sum(largest(properties[part]) for part in ("spec", "status") if part in properties)

        assert size - spared_by_the_rule_for_entries(properties) < MEBIBYTE

    def test_exact_names_are_kept(self) -> None:
        step = schema_of("Runbook")["properties"]["spec"]["properties"]["diagnosis"]["items"]

        assert {"promQL", "podStatus", "errorRate"} <= step["properties"].keys()


class Inner(ApiModel):
    """A nested model."""

    name: str = Field(description="Unbounded.")


class Careless(ApiModel):
    """A model that a CRD cannot carry."""

    text: str = Field(description="Unbounded.")
    inner: Inner = Field(description="Nested.")
    values: list[int] = Field(description="Unbounded.")
    labels: dict[str, Annotated[str, Field(max_length=5)]] = Field(description="Unbounded.")
    mute: bool = False


class Torn(ApiModel):
    """A model with a field of two types, which no structural schema can say."""

    value: int | bool = Field(description="Either.")


class TestRefusedByTheGenerator:
    def test_what_has_no_bound_or_no_description(self) -> None:
        with pytest.raises(Unbounded) as refused:
            structural_schema(Careless, stored_defaults=True)

        assert str(refused.value).splitlines() == [
            "Careless.text: needs enum or maxLength",
            "Careless.inner.name: needs enum or maxLength",
            "Careless.values: needs maxItems",
            "Careless.labels: needs maxProperties",
            "Careless.mute: no description",
        ]

    @pytest.mark.parametrize("model", [Torn])
    def test_what_is_not_structural(self, model: type[BaseModel]) -> None:
        with pytest.raises(TypeError, match="not structural"):
            structural_schema(model, stored_defaults=False)


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart of our CRDs alone."""
    chart = tmp_path_factory.mktemp("chart")
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: crds\nversion: 0.0.0\n")
    (chart / "values.yaml").write_text("crds: {install: true, keep: true}\n")
    (chart / "templates").mkdir()
    for path, text in generator.files().items():
        if path.is_relative_to("helm"):
            (chart / "templates" / path.name).write_text(text)
    return chart


class TestChart:
    def rendered(self, kubectl: Kubectl, cluster: Cluster, chart: Path, *options: str) -> Schema:
        helm = Kubectl(cluster.helm, kubectl.kubeconfig)
        text = helm.run("template", "x", str(chart), *options)
        documents = [document for document in yaml.safe_load_all(text) if document]
        return {document["spec"]["names"]["kind"]: document for document in documents}

    def test_it_renders_the_same_crds(
        self, kubectl: Kubectl, cluster: Cluster, chart: Path
    ) -> None:
        unkept = self.rendered(kubectl, cluster, chart, "--set", "crds.keep=false")

        assert unkept == DEFINITIONS

    def test_it_keeps_them_unless_told_otherwise(
        self, kubectl: Kubectl, cluster: Cluster, chart: Path
    ) -> None:
        kept = self.rendered(kubectl, cluster, chart)

        annotations = [document["metadata"]["annotations"] for document in kept.values()]
        assert annotations == [{"helm.sh/resource-policy": "keep"}] * len(DEFINITIONS)

    def test_it_leaves_them_out_when_told_so(
        self, kubectl: Kubectl, cluster: Cluster, chart: Path
    ) -> None:
        assert self.rendered(kubectl, cluster, chart, "--set", "crds.install=false") == {}


@pytest.mark.usefixtures("crds")
class TestServed:
    def test_the_server_has_no_complaints(self, api: Api, crds: list[str]) -> None:
        for name in crds:
            body = api.get("customresourcedefinitions", name).expect_ok()
            conditions = {c["type"]: c["status"] for c in body["status"]["conditions"]}

            assert conditions == {"NamesAccepted": "True", "Established": "True"}, name

    @pytest.mark.parametrize(
        ("what", "header"),
        [
            ("inc", "NAME SEVERITY PHASE TARGET PROPOSAL COMMANDER NEXT UPDATE AGE"),
            ("rb", "NAME TITLE READY PRIORITY AGE"),
            ("rpol", "NAME READY AGE"),
            ("timelinepages", "NAME INCIDENT FROM TO AGE"),
            ("pm", "NAME INCIDENT STATE SEVERITY DUE OPEN ITEMS OVERDUE AGE"),
        ],
    )
    def test_columns(
        self,
        api: Api,
        kubectl: Kubectl,
        namespace: str,
        what: str,
        header: str,
    ) -> None:
        self.one_of_each(api, namespace)

        table = kubectl.run("get", what, "-n", namespace).splitlines()

        assert " ".join(table[0].split()) == header

    def test_wide_columns(self, api: Api, kubectl: Kubectl, namespace: str) -> None:
        self.one_of_each(api, namespace)

        header = kubectl.run("get", "inc", "-o", "wide", "-n", namespace).splitlines()[0]

        assert " ".join(header.split()).endswith("NEXT UPDATE AGE SUMMARY RUNBOOK")

    def test_the_category_lists_every_kind(
        self, api: Api, kubectl: Kubectl, namespace: str
    ) -> None:
        self.one_of_each(api, namespace)
        wanted = {f"{name.lower()}.incidentcommander.dev/x" for name in DEFINITIONS}
        deadline = time.monotonic() + 10

        # kubectl reads the categories from discovery, which follows a moment later.
        while time.monotonic() < deadline:
            found = kubectl.run("get", "incident-response", "-o", "name", "-n", namespace).split()
            if set(found) == wanted:
                break

        assert set(found) == wanted

    @pytest.mark.parametrize(
        "field", ["incident.spec", "incident.status", "runbook.spec", "postmortem.spec"]
    )
    def test_explain(self, kubectl: Kubectl, field: str) -> None:
        explained = kubectl.run("explain", field, "--recursive")

        kind, _, part = field.partition(".")
        properties = schema_of(kind.capitalize())["properties"][part]["properties"]
        assert all(f"  {name}\t" in explained for name in properties)

    def test_explain_gives_the_words_for_a_field(self, kubectl: Kubectl) -> None:
        explained = kubectl.run("explain", "incident.spec.severity")

        assert "SEV1 (critical) to SEV4 (low). If unsure, take the higher one." in explained

    def one_of_each(self, api: Api, namespace: str) -> None:
        api.create("incidents", incident(namespace, "x")).expect_ok()
        api.create("runbooks", runbook(namespace, "x")).expect_ok()
        head = {
            "apiVersion": "incidentcommander.dev/v1alpha1",
            "metadata": {"name": "x", "namespace": namespace},
        }
        api.create("responsepolicies", {**head, "kind": "ResponsePolicy", "spec": {}}).expect_ok()
        at = "2026-11-22T08:00:00Z"
        first = {"seq": 0, "at": at, "phase": "Declared", "reason": "IncidentDeclared"}
        spec = {
            "incident": "x",
            "incidentUid": "u",
            "fromSeq": 0,
            "toSeq": 0,
            "sha256": "0",
            "entries": [{**first, "actor": "operator", "message": "declared"}],
        }
        api.create("timelinepages", {**head, "kind": "TimelinePage", "spec": spec}).expect_ok()
        about = {"incidentRef": {"name": "x"}}
        api.create("postmortems", {**head, "kind": "Postmortem", "spec": about}).expect_ok()
