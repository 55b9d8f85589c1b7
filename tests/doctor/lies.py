"""For each probe, an account where its fact is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from llmanager_sdk.testing.aws import Canned, FakeAws
from llmanager_sdk.testing.aws.engines import Refusal
from llmanager_sdk.testing.aws.rules import AwsError
from tests.doctor.lying import Call, Lie, answer, instead_of, once, refusal

Change = Callable[[FakeAws], Mapping[str, Lie]]
"""Changes the account's rules, or gives lies."""
NO = "ValidationException"


def lies(**named: Lie) -> Change:
    """`service__method=lie`."""
    found = {
        name.replace("__", ".").replace("service_quotas.", "service-quotas."): x
        for name, x in named.items()
    }
    return lambda aws: found


def rules(**changed: Any) -> Change:
    """The account behaves differently."""

    def change(aws: FakeAws) -> Mapping[str, Lie]:
        for name, value in changed.items():
            setattr(aws.rules, name, value)
        return {}

    return change


def _an_hour_ago(call: Call, asked: Mapping[str, Any]) -> Any:
    told = call(**asked)
    told["ResponseMetadata"]["HTTPHeaders"]["date"] = "Fri, 15 Jan 2027 07:00:00 GMT"
    return told


def _other_names(call: Call, asked: Mapping[str, Any]) -> Any:
    for page in call(**asked):
        for each in page["Quotas"]:
            each["QuotaName"] = each["QuotaName"].replace("endpoint", "hosting")
        yield page


def _dearer(call: Call, asked: Mapping[str, Any]) -> Any:
    for page in call(**asked):
        told = [json.loads(each) for each in page["PriceList"]]
        told[0]["terms"]["OnDemand"]["x"]["priceDimensions"]["x"]["pricePerUnit"]["USD"] = "0.9"
        yield {"PriceList": [json.dumps(each) for each in told]}


def _unconditional(call: Call, asked: Mapping[str, Any]) -> Any:
    plain = {k: v for k, v in asked.items() if "Condition" not in k}
    doctors = asked["Item"]["pk"]["S"] == "doctor"
    return call(**(plain if doctors else asked))


def _half(call: Call, asked: Mapping[str, Any]) -> Any:
    raise refusal("TransactionCanceledException", "no", CancellationReasons=[{"Code": "None"}])


def _new_roles_are_refused(call: Call, asked: Mapping[str, Any]) -> Any:
    if asked["ExecutionRoleArn"].count("doctor"):
        raise refusal(NO, "The role is not ready.")
    return call(**asked)


def _used_before() -> Lie:
    """A name can be used once only."""
    used: set[str] = set()

    def lie(call: Call, asked: Mapping[str, Any]) -> Any:
        name = asked["EndpointName"]
        told = call(**asked)
        if name in used:
            raise refusal(NO, "This name was used before.")
        used.add(name)
        return told

    return lie


def _never_gone(aws: FakeAws) -> Mapping[str, Lie]:
    """A model whose deletion is forgotten once, after its tombstone was written."""

    def lie(call: Call, asked: Mapping[str, Any]) -> Any:
        try:
            return call(**asked)
        except Exception:
            if seen.count(asked["ModelName"]) >= 1:
                return {"ModelArn": "arn"}
            seen.append(asked["ModelName"])
            raise

    seen: list[str] = []
    return {"sagemaker.describe_model": lie}


def engine(answers: Callable[[Mapping[str, Any]], bytes]) -> Change:
    """What stands in the container."""

    def change(aws: FakeAws) -> Mapping[str, Lie]:
        aws.engine = Canned(lambda asked: [answers(asked)])
        return {}

    return change


def tei(asked: Mapping[str, Any]) -> bytes:
    """As TEI answers."""
    texts = asked.get("inputs")
    if not isinstance(texts, str | list):
        raise Refusal(422, b'{"error": "inputs: invalid type"}')
    return json.dumps([[0.6, 0.8]] * (1 if isinstance(texts, str) else len(texts))).encode()


def _one_at_a_time(asked: Mapping[str, Any]) -> bytes:
    if len(asked["inputs"]) > 1 and isinstance(asked["inputs"], list):
        raise Refusal(413, b'{"error": "batch too big"}')
    return tei(asked)


def _takes_anything(asked: Mapping[str, Any]) -> bytes:
    return b"[[1.0]]" if isinstance(asked["inputs"], int) else tei(asked)


def _other_words(aws: FakeAws) -> Mapping[str, Lie]:
    """Who is not there is called so in other words."""
    ready = aws.sagemaker.ready

    def nobody(name: str) -> Any:
        try:
            return ready(name)
        except AwsError as error:
            raise AwsError("ValidationError", "No such endpoint.") from error

    aws.sagemaker.ready = nobody  # type: ignore[method-assign]
    return {}


LIES: Mapping[str, Change] = {
    "time": lies(sts__get_caller_identity=_an_hour_ago),
    "quota names": lies(service_quotas__list_service_quotas=_other_names),
    "price": lies(pricing__get_products=_dearer),
    "missing": lies(
        sagemaker__describe_model=instead_of("Could not find", refusal(NO, "No such model."))
    ),
    "not found": _other_words,
    "answered": engine(_one_at_a_time),
    "container's error": engine(_takes_anything),
    "table": lies(
        dynamodb__describe_continuous_backups=answer({"ContinuousBackupsDescription": {}})
    ),
    "table protected": lies(dynamodb__delete_table=once({})),
    "condition": lies(dynamodb__put_item=_unconditional),
    "transaction": lies(dynamodb__transact_write_items=_half),
    "model": lies(sagemaker__create_model=answer(refusal(NO, "Tags are not allowed."))),
    "tags": lies(sagemaker__list_tags=answer({"Tags": []})),
    "listed": lies(sagemaker__list_models=answer([])),
    "model twice": lies(sagemaker__create_model=instead_of("already existing", {})),
    "new role": lies(sagemaker__create_model=_new_roles_are_refused),
    "quota refusal": lies(
        sagemaker__create_endpoint=instead_of("account-level", refusal(NO, "Not more of these."))
    ),
    "endpoint": lies(
        sagemaker__create_endpoint=instead_of("Could not find", refusal(NO, "Wait a moment."))
    ),
    "described at once": lies(
        sagemaker__describe_endpoint=once(refusal(NO, 'Could not find endpoint "x".'))
    ),
    "undeletable": lies(sagemaker__delete_endpoint=instead_of("in-progress", {})),
    "endpoint twice": lies(sagemaker__create_endpoint=instead_of("already existing", {})),
    "in service": rules(creating=4000.0),
    "metric": rules(metric_delay=2000.0),
    "logs": lies(logs__get_log_events=answer({"events": []})),
    "deleted": rules(deleting=4000.0),
    "name again": lies(sagemaker__create_endpoint=_used_before()),
    "cleared": _never_gone,
}
