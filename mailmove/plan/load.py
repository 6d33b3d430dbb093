"""Read a plan from YAML; report every fault at once, each with its path and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from mailmove.errors import BadPlan, faults_listed
from mailmove.plan.cutover import Cutover
from mailmove.plan.text_files import text_of


class Fault(BaseModel):
    """A fault of a plan: its path, the problem, and what to write."""

    path: str
    problem: str
    write: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}. Write {self.write}"


class _Loader(yaml.SafeLoader):
    """A YAML loader with the numbers and booleans of YAML 1.2; in YAML 1.1, `opens: 22:00` is the number 1320, and
    Norway (`NO`) is false."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A field that stands there twice is a fault: YAML would silently take the last."""
        known: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in known:
                raise yaml.constructor.ConstructorError(
                    "in a mapping", node.start_mark, f"`{key.value}` stands there twice", key.start_mark
                )
            known.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag.rpartition(":")[2] not in ("bool", "int")]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|True|TRUE|false|False|FALSE)$"), "tTfF")
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile("^[-+]?(0|[1-9][0-9]*)$"), "-+0123456789")


def load_plan(path: Path) -> Cutover:
    """The plan in a YAML file; BadPlan lists every fault."""
    return plan_from(read_yaml(path), str(path))


def read_yaml(path: Path, wanted: str = "a plan") -> Any:
    """What a YAML file holds, by the rules of plans. BadPlan: no such file, no text, no YAML, a field that is twice."""
    try:
        return yaml.load(text_of(path.read_bytes()), Loader=_Loader)  # noqa: S506  # a SafeLoader
    except OSError as error:
        raise BadPlan(str(path), wanted=wanted, seen=str(error), todo="Check the path.") from error
    except UnicodeError as error:
        seen = error.reason if isinstance(error, UnicodeDecodeError) else str(error)
        todo = "Save the file as UTF-8 (in PowerShell: `| Out-File plan.yaml -Encoding utf8`)."
        raise BadPlan(str(path), wanted="text in UTF-8 or UTF-16", seen=seen, todo=todo) from error
    except yaml.YAMLError as error:
        raise BadPlan(str(path), wanted="YAML", seen=str(error), todo="Mend the line it names.") from error
    except (ValueError, RecursionError) as error:  # a date that is none, a number of 5000 digits, brackets without end
        seen = str(error) or type(error).__name__
        raise BadPlan(str(path), wanted="YAML", seen=seen, todo="Put quotes around the value, or mend it.") from error


def plan_from(data: Any, origin: str = "plan") -> Cutover:
    """The plan in a mapping; BadPlan lists every fault."""
    faults = faults_of(data)
    if faults:
        raise BadPlan(
            origin,
            wanted="a plan without faults",
            seen=faults_listed(faults),
            todo="Mend all of them; nothing was touched.",
        )
    return Cutover.model_validate(data)


def faults_of(data: Any) -> list[Fault]:
    """Every fault of a raw plan, in the order of its fields; empty when it is sound."""
    if not isinstance(data, Mapping):
        return [
            Fault(
                path="(whole file)", problem="is not a mapping", write="`customer: contoso` and so on, a field a line"
            )
        ]
    try:
        Cutover.model_validate(data)
    except ValidationError as error:
        return [_fault(dict(detail)) for detail in error.errors()]
    return []


def _fault(detail: Mapping[str, Any]) -> Fault:
    location = detail["loc"]
    path = ".".join(str(step) for step in location)
    problem = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else str(detail["msg"])
    if detail["type"] == "extra_forbidden":
        parent = _model_at(location[:-1])
        known = ", ".join(parent.model_fields) if parent else "fields of the plan"
        return Fault(path=path, problem="is not a field of the plan", write=f"one of: {known}")
    return Fault(path=path, problem=problem[0].lower() + problem[1:], write=_advice(location))


def _advice(location: tuple[Any, ...]) -> str:
    names = [step for step in location if isinstance(step, str)]
    parent = _model_at(tuple(names[:-1]))
    field = parent.model_fields.get(names[-1]) if parent and names else None
    if field is None:
        return "a value that fits"
    says = f" ({field.description})" if field.description else ""
    inner = _model_at(tuple(names))
    if inner is not None:
        shape = "a list of mappings, each with" if get_origin(field.annotation) is list else "a mapping with"
        return f"{shape} {', '.join(inner.model_fields)}{says}"
    example = (field.examples or [field.get_default(call_default_factory=True, validated_data={})])[0]
    return f"for example `{names[-1]}: {example}`{says}"


def _model_at(location: tuple[Any, ...]) -> type[BaseModel] | None:
    """The model at a path of the plan; None: the path ends in a plain value."""
    model: type[BaseModel] = Cutover
    for step in location:
        if not isinstance(step, str):
            continue
        field = model.model_fields.get(step)
        if field is None:
            return None
        part = next(
            (kind for kind in _kinds(field.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)), None
        )
        if part is None:
            return None
        model = part
    return model


def _kinds(annotation: Any) -> list[Any]:
    return [annotation, *getattr(annotation, "__args__", ())]
