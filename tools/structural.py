"""Turns pydantic models into structural OpenAPI schemas, the only ones that CRDs may carry.

Used by ``tools.crds``. It knows nothing of our kinds, and it refuses what the API server could
not bound: every string, list and map has a maximum, and every property a description.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from typing_extensions import override

from incidentcommander.api.base import PATTERN_MESSAGE, format_duration

__all__ = ["Schema", "Unbounded", "prose", "structural_schema"]

Schema = dict[str, Any]

_RULES: Final = "x-kubernetes-validations"
_ORDER: Final = (
    "description", "type", "format", "enum", "default", "minimum", "exclusiveMinimum", "maximum",
    "exclusiveMaximum", "minLength", "maxLength", "pattern", "minItems", "maxItems",
    "minProperties", "maxProperties", "required", "properties", "additionalProperties", "items",
    "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type", _RULES,
)  # fmt: skip
"""Every keyword that may appear, in the order in which a reader wants them."""


class Unbounded(Exception):  # noqa: N818 - reads as what is wrong
    """A model allows more than the API server can bound, or does not say what a field is for."""


def structural_schema(model: type[BaseModel], *, stored_defaults: bool) -> Schema:
    """Give the structural schema of a model.

    Parameters
    ----------
    model
        A pydantic model.
    stored_defaults
        Whether the API server fills in the defaults, and says in words what a pattern wants.
        True for what people write; False for a status, where an absent value is information
        and nobody mistypes.

    Raises
    ------
    Unbounded
        If anything in it lacks a bound or a description.
    """
    generator = _WithDefaults if stored_defaults else _WithoutDefaults
    raw = model.model_json_schema(by_alias=True, schema_generator=generator)
    rewrite = _Rewrite(raw.pop("$defs", {}), rules_for_patterns=stored_defaults)
    schema = rewrite.node(raw, model.__name__)
    if rewrite.complaints:
        raise Unbounded("\n".join(rewrite.complaints))
    return schema


def prose(text: str) -> str:
    """Make one line per paragraph of a docstring, with the single backticks of Markdown."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(" ".join(p.split()) for p in paragraphs).replace("``", "`")


class _WithoutDefaults(GenerateJsonSchema):
    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])


class _WithDefaults(GenerateJsonSchema):
    @override
    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        value = _default(self.get_default_value(schema))
        return inner if value is None else {**inner, "default": value}

    @override
    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        if "default_factory" in schema and not schema.get("default_factory_takes_data"):
            factory: Any = schema["default_factory"]
            return factory()
        return schema.get("default")


def _default(value: object) -> Any:
    """Give a default as the API server is to store it; None where it is to store nothing."""
    if value is None or value in ("", [], {}):
        # An empty text or list stored everywhere would only be noise.
        return None
    match value:
        case BaseModel():
            # The server fills in the defaults of its fields: here they could only disagree.
            return {}
        case timedelta():
            return format_duration(value)
        case Enum():
            return value.value
        case list():
            return [_default(item) for item in value]
        case bool() | int() | float() | str():
            return value
        case _:
            raise TypeError(f"no way to store the default {value!r}")


class _Rewrite:
    """One pass over a JSON schema; collects everything that is wrong with it."""

    def __init__(self, definitions: dict[str, Schema], *, rules_for_patterns: bool) -> None:
        self._definitions = definitions
        self._rules_for_patterns = rules_for_patterns
        self.complaints: list[str] = []

    def node(self, raw: Schema, path: str) -> Schema:
        node = self._resolved(raw)
        node.pop("title", None)
        if "description" in node:
            node["description"] = prose(node["description"])
        self._number(node)
        self._pattern(node)
        self._children(node, path)
        self._judge(node, path)
        return {key: node[key] for key in _ORDER if key in node}

    def _resolved(self, raw: Schema) -> Schema:
        """Inline a reference, and read "x or null" as an optional x."""
        node = dict(raw)
        inner: Schema | None = None
        if "$ref" in node:
            inner = self._definitions[node.pop("$ref").removeprefix("#/$defs/")]
        elif "anyOf" in node:
            choices = [choice for choice in node.pop("anyOf") if choice != {"type": "null"}]
            if len(choices) != 1:
                raise TypeError(f"not structural, more than one type: {choices}")
            inner = choices[0]
        if inner is None:
            return node
        resolved = self._resolved(inner)
        rules = [*resolved.get(_RULES, []), *node.get(_RULES, [])]
        return {**resolved, **node, **({_RULES: rules} if rules else {})}

    @staticmethod
    def _number(node: Schema) -> None:
        if node.get("type") == "integer":
            node["format"] = "int64"
        for exclusive, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if exclusive in node:
                # CRDs speak OpenAPI 3.0, where the exclusive one is a flag.
                node[plain] = node[exclusive]
                node[exclusive] = True

    def _pattern(self, node: Schema) -> None:
        message = node.pop(PATTERN_MESSAGE, None)
        if message is None or not self._rules_for_patterns:
            return
        # The server answers a pattern with the pattern; a rule answers with words.
        pattern = node.pop("pattern").replace("\\", "\\\\")
        rule = {"rule": f"self.matches('{pattern}')", "message": f"must be {message}"}
        node[_RULES] = [rule, *node.get(_RULES, [])]

    def _children(self, node: Schema, path: str) -> None:
        properties = {
            name: self.node(child, f"{path}.{name}")
            for name, child in node.pop("properties", {}).items()
        }
        for name, child in properties.items():
            if not child.get("description"):
                self.complaints.append(f"{path}.{name}: no description")
        if properties:
            node["properties"] = properties
        for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
            if isinstance(node.get(key), dict):
                node[key] = self.node(node[key], f"{path}{mark}")

    def _judge(self, node: Schema, path: str) -> None:
        unknown = node.keys() - set(_ORDER)
        if unknown:
            raise TypeError(f"{path}: no keyword of structural schemas: {sorted(unknown)}")
        if node.get("additionalProperties") in (True, False):
            raise TypeError(f"{path}: additionalProperties must be a schema")
        needs = {
            "string": ("enum", "maxLength"),
            "array": ("maxItems",),
            "object": ("maxProperties",) if "additionalProperties" in node else (),
            "integer": (),
            "number": (),
            "boolean": (),
        }[node["type"]]
        if needs and not any(need in node for need in needs):
            self.complaints.append(f"{path}: needs {' or '.join(needs)}")
