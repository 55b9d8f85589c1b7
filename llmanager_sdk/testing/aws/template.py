"""CloudFormation's templates, evaluated: parameters, conditions, functions, outputs.

As much of the language as templates of this project use; what it does not know, it refuses.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml  # type: ignore[import-untyped]

from llmanager_sdk.testing.aws.rules import ACCOUNT, AwsError

_NAMES = re.compile(r"^(Function|Queue|Role|Alarm|Dashboard|LogGroup|ManagedPolicy|Topic)?Name$")
_NOTHING = object()
"""What AWS::NoValue stands for."""


class Resource(NamedTuple):
    """One resource of a stack, with everything filled in."""

    kind: str
    physical: str
    properties: Any


@dataclass(frozen=True)
class Rendered:
    """A template with its parameters put in."""

    parameters: Mapping[str, str]
    resources: Mapping[str, Resource]
    outputs: Mapping[str, str]


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with CloudFormation's short forms."""


def _short(loader: Any, suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short)


def load(text: str) -> dict[str, Any]:
    """The template as data; its functions in their long form.

    Raises:
        AwsError: it is no template.
    """
    try:
        found = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise invalid(f"Template format error: YAML not well-formed. {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("Resources"), dict):
        raise invalid("Template format error: At least one Resources member must be defined.")
    return found


def invalid(message: str) -> AwsError:
    """CloudFormation's answer to nearly everything that is wrong."""
    return AwsError("ValidationError", message)


def render(text: str, given: Mapping[str, str], stack: str, region: str) -> Rendered:
    """Put the parameters in.

    Args:
        stack: its name.

    Raises:
        AwsError: as CloudFormation refuses a template or a parameter.
    """
    made = _Renderer(load(text), given, stack, region)
    return Rendered(made.parameters, made.resources(), made.outputs())


class _Renderer:
    def __init__(
        self, template: dict[str, Any], given: Mapping[str, str], stack: str, region: str
    ) -> None:
        self.template = template
        self.stack = stack
        self.region = region
        self.parameters = _parameters(template.get("Parameters") or {}, given)
        self.pseudo = {
            "AWS::Region": region,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::StackName": stack,
            "AWS::StackId": f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{stack}/0",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": _NOTHING,
        }

    def resources(self) -> dict[str, Resource]:
        return {
            logical: Resource(it["Type"], self.physical(logical), self.fill(it.get("Properties")))
            for logical, it in self.template["Resources"].items()
            if self.holds(it.get("Condition"))
        }

    def outputs(self) -> dict[str, str]:
        return {
            name: str(self.fill(it["Value"]))
            for name, it in (self.template.get("Outputs") or {}).items()
            if self.holds(it.get("Condition"))
        }

    def holds(self, name: str | None) -> bool:
        """Whether a condition is met."""
        if name is None:
            return True
        if name not in (self.template.get("Conditions") or {}):
            raise invalid(f"Template format error: Unresolved condition dependency {name}")
        return bool(self.fill(self.template["Conditions"][name]))

    def physical(self, logical: str) -> str:
        """What a resource is called: by its own property, or by the stack's name and its own."""
        found = self.template["Resources"].get(logical)
        if found is None:
            raise invalid(
                f"Template format error: Unresolved resource dependencies [{logical}] in the "
                "Resources block of the template"
            )
        for key, value in (found.get("Properties") or {}).items():
            if _NAMES.fullmatch(key):
                return str(self.fill(value))
        mark = hashlib.sha256(f"{self.stack}/{logical}".encode()).hexdigest()[:12].upper()
        return f"{self.stack}-{logical}-{mark}"

    # -- values --------------------------------------------------------------------------------

    def fill(self, value: Any) -> Any:
        """A value with its functions carried out."""
        if isinstance(value, list):
            return [x for each in value if (x := self.fill(each)) is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            name, argument = next(iter(value.items()))
            if name == "Ref":
                return self.ref(argument)
            if name == "Condition" and isinstance(argument, str):
                return self.holds(argument)
            if name.startswith("Fn::"):
                return self.function(name[4:], argument)
        return {key: x for key, each in value.items() if (x := self.fill(each)) is not _NOTHING}

    def ref(self, name: str) -> Any:
        """What a name stands for."""
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            kind = self.template["Parameters"][name].get("Type", "String")
            text = self.parameters[name]
            return [x.strip() for x in text.split(",")] if "List" in kind else text
        kind = self.template["Resources"].get(name, {}).get("Type", "")
        if kind in ("AWS::IAM::ManagedPolicy", "AWS::SNS::Topic"):
            return self.attribute(name, "Arn")
        return self.physical(name)

    def function(self, name: str, argument: Any) -> Any:
        """Carry one function out."""
        match name, argument:
            case "Sub", _:
                return self.sub(argument)
            case "GetAtt", [logical, attribute]:
                return self.attribute(logical, attribute)
            case "Join", [glue, parts]:
                return glue.join(map(str, self.fill(parts)))
            case "Split", [glue, text]:
                return str(self.fill(text)).split(glue)
            case "Select", [index, parts]:
                return self.fill(parts)[int(self.fill(index))]
            case "If", [condition, yes, no]:
                return self.fill(yes if self.holds(condition) else no)
            case "Equals", [one, other]:
                return str(self.fill(one)) == str(self.fill(other))
            case "Not", [one]:
                return not self.fill(one)
            case "And", _:
                return all(self.fill(each) for each in argument)
            case "Or", _:
                return any(self.fill(each) for each in argument)
            case "ToJsonString", _:
                return json.dumps(self.fill(argument))
        raise invalid(f"Template error: Fn::{name} is not played here: {argument}")

    def sub(self, argument: Any) -> str:
        text, own = argument if isinstance(argument, list) else (argument, {})

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in own:
                return str(self.fill(own[name]))
            if "." in name:
                return str(self.attribute(*name.split(".", 1)))
            return str(self.ref(name))

        return re.sub(r"\$\{([!\w:.]+)\}", value, text)

    def attribute(self, logical: str, name: str) -> str:
        """Of a resource; ARNs as AWS makes them, all others are made up."""
        physical = self.physical(logical)
        if name != "Arn":
            return f"{physical}.{name}"
        kind = self.template["Resources"][logical]["Type"]
        head = f"arn:aws:{kind.split('::')[1].lower()}:{self.region}:{ACCOUNT}"
        match kind:
            case "AWS::IAM::Role":
                return f"arn:aws:iam::{ACCOUNT}:role/{physical}"
            case "AWS::IAM::ManagedPolicy":
                return f"arn:aws:iam::{ACCOUNT}:policy/{physical}"
            case "AWS::Lambda::Function":
                return f"{head}:function:{physical}"
            case "AWS::Logs::LogGroup":
                return f"{head}:log-group:{physical}:*"
            case "AWS::Events::Rule":
                return f"{head}:rule/{physical}"
        return f"{head}:{physical}"


def _parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    if unknown := sorted(set(given) - set(declared)):
        raise invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values = {name: given.get(name, it.get("Default")) for name, it in declared.items()}
    if missing := [name for name, value in values.items() if value is None]:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values")
    for name, it in declared.items():
        if wrong := _wrong(it, str(values[name])):
            raise invalid(f"Parameter {name} failed to satisfy constraint: {wrong}")
    return {name: str(value) for name, value in values.items()}


def _wrong(declared: Mapping[str, Any], value: str) -> str:
    allowed, pattern = declared.get("AllowedValues"), declared.get("AllowedPattern")
    if allowed and value not in map(str, allowed):
        return f"must be one of {allowed}"
    if pattern and not re.fullmatch(pattern, value):
        return f"must match {pattern}"
    if declared.get("Type") == "Number":
        try:
            number = float(value)
        except ValueError:
            return "must be a number"
        if number < float(declared.get("MinValue", "-inf")):
            return "must be at least its least value"
    return ""
