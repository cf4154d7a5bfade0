"""Generates the CRDs, and the same as templates of the Helm chart, from the pydantic models.

``python -m tools.crds`` writes them, ``python -m tools.crds --check`` compares in memory and
exits with 1 where a file is not what the models say.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from incidentcommander.api.base import GROUP, VERSION
from incidentcommander.api.incident import Incident
from incidentcommander.api.page import TimelinePage
from incidentcommander.api.policy import ResponsePolicy
from incidentcommander.api.postmortem import Postmortem
from incidentcommander.api.runbook import Runbook
from tools.structural import Schema, prose, structural_schema

__all__ = ["KINDS", "Column", "Kind", "definition", "files", "main"]

ROOT: Final = Path(__file__).parent.parent
_PLAIN: Final = Path("crds")
_CHART: Final = Path("helm/incident-commander/templates/crds")
_HEADER: Final = "# Generated from the models by `python -m tools.crds`. Do not edit.\n"
_SHOWN_LINES: Final = 30

_RULES: Final = "x-kubernetes-validations"
_API_VERSION: Final = "Version of the schema of this object, with its group."
_KIND: Final = "Kind of this object."


@dataclass(frozen=True)
class Column:
    """One column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False
    """Shown under `-o wide` only."""


def _condition(name: str, kind: str, part: str, *, wide: bool = False) -> Column:
    return Column(name, f'.status.conditions[?(@.type=="{kind}")].{part}', wide=wide)


_READY: Final = _condition("Ready", "Ready", "status")
_AGE: Final = Column("Age", ".metadata.creationTimestamp", "date")


@dataclass(frozen=True)
class Kind:
    """One kind: its model, and what only a CRD says about it."""

    model: type[BaseModel]
    plural: str
    columns: tuple[Column, ...]
    short: tuple[str, ...] = ()
    selectable: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        """The kind, as it stands in YAML."""
        return self.model.__name__


KINDS: Final = (
    Kind(
        Incident,
        "incidents",
        short=("inc",),
        columns=(
            Column("Severity", ".status.severity"),
            Column("Phase", ".status.phase"),
            Column("Target", ".status.display.target"),
            Column("Proposal", ".status.display.proposal"),
            Column("Commander", ".status.roles.commander"),
            # A text: kubectl prints a date that is still to come as <invalid>.
            Column("Next Update", ".status.display.nextUpdate"),
            _AGE,
            Column("Summary", ".status.summary", wide=True),
            Column("Runbook", ".status.runbook.name", wide=True),
        ),
        selectable=(
            ".spec.target.name",
            ".spec.target.kind",
            ".status.phase",
            ".status.severity",
        ),
    ),
    Kind(
        Runbook,
        "runbooks",
        short=("rb",),
        columns=(
            Column("Title", ".spec.title"),
            _READY,
            Column("Priority", ".spec.match.priority", "integer"),
            _AGE,
            _condition("Reason", "Ready", "reason", wide=True),
            _condition("Message", "Ready", "message", wide=True),
        ),
    ),
    Kind(
        TimelinePage,
        "timelinepages",
        columns=(
            Column("Incident", ".spec.incident"),
            Column("From", ".spec.fromSeq", "integer"),
            Column("To", ".spec.toSeq", "integer"),
            _AGE,
        ),
        selectable=(".spec.incident",),
    ),
    Kind(
        ResponsePolicy,
        "responsepolicies",
        short=("rpol",),
        columns=(_READY, _AGE),
    ),
    Kind(
        Postmortem,
        "postmortems",
        short=("pm",),
        columns=(
            Column("Incident", ".spec.incidentRef.name"),
            Column("State", ".spec.state"),
            Column("Severity", ".spec.severity"),
            Column("Due", ".status.display.due"),
            Column("Open Items", ".status.openItems", "integer"),
            Column("Overdue", ".status.display.overdue"),
            _AGE,
            Column("Review", ".spec.followUpReviewAt", wide=True),
            Column("Report", ".status.report.configMap", wide=True),
        ),
        selectable=(".spec.incidentRef.name", ".spec.state"),
    ),
)


def definition(kind: Kind) -> Schema:
    """Give the CRD of a kind."""
    version: Schema = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
        "schema": {"openAPIV3Schema": _root(kind.model)},
    }
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    if "status" in kind.model.model_fields:
        version["subresources"] = {"status": {}}
    singular = kind.name.lower()
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": singular,
        **({"shortNames": list(kind.short)} if kind.short else {}),
        "categories": ["incident-response"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def files() -> dict[Path, str]:
    """Give the text of every generated file, by its path from the root of the repository."""
    texts: dict[Path, str] = {}
    for kind in KINDS:
        document = definition(kind)
        texts[_PLAIN / f"{GROUP}_{kind.plural}.yaml"] = _HEADER + _dump(document)
        texts[_CHART / f"{kind.plural}.yaml"] = _chart_template(document)
    return texts


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with ``--check`` say which are not fresh."""
    parser = argparse.ArgumentParser(prog="python -m tools.crds", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    wanted = files()
    if not parser.parse_args(arguments).check:
        for path, text in wanted.items():
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text)
        return 0
    complaints = [line for path, text in wanted.items() for line in _differences(path, text)]
    complaints += [f"{path}: of no kind that exists" for path in _leftovers(wanted)]
    if complaints:
        print("\n".join([*complaints, "run `python -m tools.crds`"]))
    return 1 if complaints else 0


def _root(model: type[BaseModel]) -> Schema:
    properties: Schema = {
        "apiVersion": {"description": _API_VERSION, "type": "string"},
        "kind": {"description": _KIND, "type": "string"},
        # A rule may point at the name only where the schema names it.
        "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
    }
    required: list[str] = []
    for part in ("spec", "status"):
        info = model.model_fields.get(part)
        if info is None:
            continue
        annotation: Any = info.annotation
        properties[part] = structural_schema(annotation, stored_defaults=part == "spec")
        if info.is_required():
            required.append(part)
        elif part == "spec":
            properties[part]["default"] = {}
    extra: Any = model.model_config.get("json_schema_extra") or {}
    return {
        "description": prose(model.__doc__ or ""),
        "type": "object",
        **({"required": required} if required else {}),
        "properties": properties,
        **({_RULES: extra[_RULES]} if _RULES in extra else {}),
    }


def _column(column: Column) -> Schema:
    wide = {"priority": 1} if column.wide else {}
    return {"name": column.name, "type": column.type, "jsonPath": column.path, **wide}


def _dump(document: Schema) -> str:
    # Aliases would be right, and unreadable.
    dumper = type("Plain", (yaml.SafeDumper,), {"ignore_aliases": lambda _self, _data: True})
    return yaml.dump(document, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)


def _chart_template(document: Schema) -> str:
    text = _dump(document).replace("{{", '{{ "{{" }}')
    head, _, rest = text.partition("spec:\n")
    keep = (
        "  {{- if .Values.crds.keep }}\n"
        "  annotations:\n"
        "    helm.sh/resource-policy: keep\n"
        "  {{- end }}\n"
    )
    return (
        "{{- if .Values.crds.install }}\n"
        + _HEADER
        + head
        + keep
        + "spec:\n"
        + rest
        + "{{- end }}\n"
    )


def _differences(path: Path, wanted: str) -> list[str]:
    try:
        found = (ROOT / path).read_text()
    except FileNotFoundError:
        return [f"{path}: missing"]
    lines = list(
        difflib.unified_diff(
            found.splitlines(), wanted.splitlines(), str(path), "the models", lineterm="", n=1
        )
    )
    more = len(lines) - _SHOWN_LINES
    return lines[:_SHOWN_LINES] + ([f"… and {more} more lines"] if more > 0 else [])


def _leftovers(wanted: dict[Path, str]) -> list[Path]:
    found = [*(ROOT / _PLAIN).glob(f"{GROUP}_*.yaml"), *(ROOT / _CHART).glob("*.yaml")]
    return sorted({path.relative_to(ROOT) for path in found} - wanted.keys())


if __name__ == "__main__":
    sys.exit(main())
