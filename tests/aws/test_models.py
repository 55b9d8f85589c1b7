"""From a face's arguments to the spec of an endpoint, without any endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmanager_sdk.aws.account import Account
from llmanager_sdk.aws.models import Models
from llmanager_sdk.aws.prices import Prices
from llmanager_sdk.aws.weights import Hub
from llmanager_sdk.errors import (
    CloudUnavailable,
    ConfigurationError,
    UnknownModel,
)
from llmanager_sdk.ports.models import ChatModel, EmbeddingModel, Endpoint
from llmanager_sdk.settings import Settings
from llmanager_sdk.testing.aws import FakeAws, Fault
from llmanager_sdk.testing.aws.faults import What
from llmanager_sdk.testing.aws.probed import ELSEWHERE
from tests.aws.flows import ROLE
from tests.aws.hub import CONFIG, fake_hub, model
from tests.doctor.lying import Lying

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
OWN = {"image_uri": IMAGE, "instance_type": "ml.g5.xlarge"}


def named(name: str, wire: str) -> Endpoint:
    return Endpoint(f"https://there/{name}", path=f"/{wire}")


def models(
    session: Any = None,
    hub: str = "http://127.0.0.1:1",
    region: str = "us-east-1",
    **settings: Any,
) -> Models:
    account = Account(session, region=region)
    told = Settings(**{"role": ROLE, "home": Path("nowhere"), **settings})
    return Models(told, account, Hub(address=hub), Prices(account), named)


def chat(name: str | None = None, deployment: str | None = None, **options: Any) -> ChatModel:
    return models().chat(name, deployment, options)


def embedder(name: str | None = None, **options: Any) -> EmbeddingModel:
    return models().embedder(name, None, options)


def test_defaults() -> None:
    assert chat().name == "qwen3-8b"
    assert embedder().name == "bge-m3"
    body = chat().spec.body
    assert (body["instances"], body["max_instances"], body["role"]) == (1, 1, ROLE)
    assert not {"kms_key", "subnets", "security_groups", "artifacts", "probe"} & set(body)


def test_no_name_is_sent_since_the_engine_knows_only_that_of_its_weights() -> None:
    found = chat("qwen3-8b")
    assert (found.known_as, found.served, found.stand_in) == ("", "qwen3-8b", False)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("qwen3-8b", "qwen3-8b-"),
        ("Qwen/Qwen3-8B", "qwen3-8b-"),
        ("s3://bucket/models/my_own/", "my-own-"),
        ("s3://bucket/models/model.tar.gz", "model.tar.gz-"),
        ("s3://bucket", "bucket-"),
    ],
)
def test_a_key_is_derived_from_the_name_and_from_all_that_was_asked(name: str, slug: str) -> None:
    one, other = (chat(name, instance_type="ml.g5.2xlarge", context=n) for n in (2048, 4096))
    assert one.spec.key.startswith(slug)
    assert one.spec.key != other.spec.key
    assert chat(name, "mine", instance_type="ml.g5.2xlarge").spec.key == "mine"


@pytest.mark.parametrize(
    ("how", "price"), [({}, 1.408), ({"max_instances": 3}, 3 * 1.408), ({"price": 9.0}, 9.0)]
)
def test_the_price_is_that_of_the_worst_case(how: dict[str, Any], price: float) -> None:
    assert chat("qwen3-0.6b", instance_type="ml.g5.xlarge", **how).price == pytest.approx(price)


def test_a_price_makes_no_other_deployment() -> None:
    one, other = (chat("qwen3-0.6b", price=price).spec for price in (None, 9.0))
    assert one == other


def test_elsewhere_the_price_list_is_asked_once_for_each_type() -> None:
    with FakeAws() as aws:
        mine = models(aws.session(), region="eu-west-1")
        how = {"instance_type": ["ml.g5.xlarge", "ml.g6.xlarge"], "max_instances": 2}
        dearer = pytest.approx(2 * ELSEWHERE * 1.408)
        assert [mine.chat("qwen3-0.6b", None, how).price for _ in range(2)] == [dearer] * 2
        assert aws.faults.calls == ["pricing:GetProducts"] * 2
        assert mine.chat("qwen3-0.6b", None, {**how, "price": 2.0}).price == 4.0


def test_a_price_that_may_not_be_read_is_none_and_the_plan_refuses_it() -> None:
    with FakeAws() as aws:
        aws.faults.add(Fault("pricing:GetProducts", "denied"))
        mine = models(aws.session(), region="eu-west-1")
        how = {"instance_type": "ml.g5.xlarge"}
        assert mine.chat("qwen3-0.6b", None, how).price == 0.0
        assert mine.chat("qwen3-0.6b", None, how).price > 0.0, "what was refused is asked again"


@pytest.mark.parametrize("what", ["lost", "5xx", "throttled"])
def test_a_price_list_that_does_not_answer_is_an_error_that_says_what_to_do(what: What) -> None:
    with FakeAws() as aws:
        aws.faults.add(Fault("pricing:GetProducts", what, times=2))
        mine = models(aws.session(), region="eu-west-1")
        how = {"instance_type": "ml.g5.xlarge"}
        with pytest.raises(CloudUnavailable) as caught:
            mine.chat("qwen3-0.6b", None, how)
        assert "say the price: price=" in caught.value.hint
        assert mine.chat("qwen3-0.6b", None, {**how, "price": 2.0}).price == 2.0
        assert mine.chat("qwen3-0.6b", None, how).price > 0.0


def test_two_prices_of_one_type_are_no_price() -> None:
    def doubled(call: Any, asked: Any) -> Any:
        pages = list(call(**asked))
        told = [text.replace("1.5769", "2.5769") for text in pages[0]["PriceList"]]
        assert told != pages[0]["PriceList"]
        return [*pages, {"PriceList": told}]

    with FakeAws() as aws:
        session = Lying(aws.session(), {"pricing.get_products": doubled})
        mine = models(session, region="eu-west-1")
        assert mine.chat("qwen3-0.6b", None, {"instance_type": "ml.g5.xlarge"}).price == 0.0


def test_options_of_aws_go_over_those_of_all_platforms_and_others_are_left() -> None:
    found = chat("qwen3-8b", context=2048, slots=4, threads=2, aws={"context": 4096})
    assert found.context == 4096
    assert found.profile["max_input_tokens"] == 4096
    assert not {"slots", "threads"} & set(found.spec.body)


def test_network_key_and_role_are_those_of_the_settings_unless_said_otherwise() -> None:
    mine = models(subnets=("s-1",), security_groups=("g-1",), kms_key="key")
    body = mine.chat("qwen3-0.6b", None, {}).spec.body
    assert (body["subnets"], body["security_groups"], body["kms_key"]) == (["s-1"], ["g-1"], "key")
    said = {"subnets": ["s-2"], "security_groups": ["g-2"], "kms_key": "other", "role": "r"}
    body = mine.chat("qwen3-0.6b", None, {"aws": said}).spec.body
    assert {name: body[name] for name in said} == said
    said = {"isolated": True, "volume_gb": 50, "image_uri": IMAGE}
    body = mine.chat("qwen3-0.6b", None, {"aws": said}).spec.body
    assert (body["isolated"], body["volume_gb"]) == (True, 50)


def test_one_text_is_a_list_of_one() -> None:
    body = chat("qwen3-0.6b", subnets="subnet-1", security_groups="sg-1").spec.body
    assert (body["subnets"], body["security_groups"]) == (["subnet-1"], ["sg-1"])


def test_a_container_without_a_network_has_its_weights_elsewhere() -> None:
    for kind in (chat, embedder):
        with pytest.raises(ConfigurationError, match="cannot be loaded from Hugging Face") as told:
            kind(isolated=True)
        assert "s3://" in told.value.hint
    own = {"instance_type": "ml.g5.xlarge", "isolated": True}
    assert chat("s3://bucket/weights/", **own).spec.body["isolated"]
    assert chat("mine", image_uri=IMAGE, **own).spec.body["isolated"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"instances": 3, "max_instances": 2}, "make no sense"),
        ({"instances": -1}, "make no sense"),
        ({"instance_typ": "x"}, "not known on aws"),
        ({"price": 0}, "price=0 makes no sense"),
        ({"price": "x"}, "price='x' makes no sense"),
        ({"max_instances": 0}, "make no sense"),
        ({"max_instances": "x"}, "max_instances='x' makes no sense"),
        ({"instances": 1.5}, "instances=1.5 makes no sense"),
        ({"context": -5}, "context=-5 makes no sense"),
        ({"context": "8k"}, "context='8k' makes no sense"),
        ({"context": "8k", "endpoint_name": "theirs"}, "context='8k' makes no sense"),
        ({"volume_gb": 513}, "volume_gb=513 makes no sense"),
        ({"concurrency_target": 0, "max_instances": 2}, "concurrency_target=0 makes no sense"),
        ({"subnets": 1}, "subnets=1 makes no sense"),
        ({"instance_type": 5}, "instance_type=5 makes no sense"),
        ({"instance_type": [f"ml.g5.{n}xlarge" for n in range(2, 8)]}, "6 instance types are more"),
        ({"environment": {"MY-VAR": "x"}}, "'MY-VAR' is no name of an environment variable"),
        ({"dtype": "int8"}, "dtype='int8' is nothing that"),
        ({"dtype": "bogus"}, "dtype='bogus' is nothing that"),
        ({"wire": "smoke"}, "wire='smoke' is not one of openai, custom"),
        ({"subnets": ["s"]}, "belong together"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        chat("qwen3-0.6b", **options)


def test_containers_say_how_they_talk() -> None:
    assert (chat("qwen3-8b").wire, embedder("bge-m3").wire) == ("openai", "tei")
    assert embedder("mine", **OWN).wire == "openai-embeddings"
    assert embedder("mine", **OWN, wire="tei").wire == "tei"
    assert chat("mine", **OWN, wire="custom", probe="hi").spec.body["probe"] == "hi"
    with pytest.raises(ConfigurationError, match="wire='openai'"):
        embedder("bge-m3", wire="openai")


def test_an_endpoint_that_exists_is_named_and_nothing_is_deployed() -> None:
    found = chat("their-model", endpoint_name="theirs")
    assert found.fixed == Endpoint("https://there/theirs", path="/openai")
    assert (found.name, found.own_tools, found.wire) == ("their-model", True, "openai")
    assert not chat(endpoint_name="theirs", own_tools=False).own_tools
    embeds = embedder(endpoint_name="theirs", wire="openai-embeddings")
    assert embeds.fixed == Endpoint("https://there/theirs", path="/openai-embeddings")


def test_any_model_of_the_hub_is_sized_by_what_the_hub_says() -> None:
    answers = {
        "/api/models/org/new": model(BF16=8_000_000_000),
        "/org/new/resolve/main/config.json": (200, CONFIG),
    }
    with fake_hub(answers) as hub:
        mine = models(hub=hub.url)
        found = mine.chat("org/new", None, {})
        assert found.spec.body["instance_types"]
        assert found.price > 0
        before = len(hub.asked)
        large = mine.chat("org/new", None, {"instance_type": "ml.g5.2xlarge"})
        assert large.spec.body["context"] == 8192
        assert mine.embedder("org/new", None, {}).dimension == 0
        assert len(hub.asked) == before
        with pytest.raises(UnknownModel):
            mine.chat("org/none", None, {})


TWO_K = {**CONFIG, "num_attention_heads": 14, "max_position_embeddings": 2048}


@pytest.mark.parametrize(
    ("kind", "name", "type_", "says"),
    [
        ("chat", "org/huge", "ml.g5.xlarge", "ml.g5.xlarge is too small for org/huge"),
        ("chat", "org/odd", "ml.g5.12xlarge", "14 heads of org/odd .* cannot be divided"),
        ("chat", "org/odd", "ml.c6i.2xlarge", "ml.c6i.2xlarge is too small"),
        ("chat", "org/odd", "ml.m5.large", "ml.m5.large has no GPUs"),
        ("chat", "org/silent", "ml.c6i.2xlarge", "ml.c6i.2xlarge has no GPUs"),
        ("embed", "org/huge", "ml.g5.xlarge", "ml.g5.xlarge is too small for org/huge"),
        ("embed", "org/huge", "ml.c6i.2xlarge", "too small .* GiB of RAM"),
        ("embed", "org/odd", "ml.g5.12xlarge", "wastes GPUs on org/odd"),
    ],
)
def test_a_type_that_the_caller_chose_is_judged_by_what_the_hub_says(
    kind: str, name: str, type_: str, says: str
) -> None:
    answers = {
        "/api/models/org/huge": model(BF16=72_000_000_000),
        "/org/huge/resolve/main/config.json": (200, CONFIG),
        "/api/models/org/odd": model(BF16=500_000_000),
        "/org/odd/resolve/main/config.json": (200, TWO_K),
        "/api/models/org/silent": (500, {}),
    }
    with fake_hub(answers) as hub:
        mine = models(hub=hub.url)
        make = mine.chat if kind == "chat" else mine.embedder
        with pytest.raises(ConfigurationError, match=says) as caught:
            make(name, None, {"instance_type": type_})
        assert caught.value.hint
        body = mine.chat("org/odd", None, {"instance_type": "ml.g5.xlarge"}).spec.body
        assert body["environment"]["SM_VLLM_MAX_MODEL_LEN"] == "2048"


def test_where_the_hub_does_not_say_the_caller_is_believed() -> None:
    how = {"instance_type": "ml.g5.xlarge"}
    with fake_hub({"/api/models/org/silent": (500, {})}) as hub:
        mine = models(hub=hub.url)
        for found in (
            mine.chat("org/silent", None, how),
            mine.embedder("org/silent", None, how),
            mine.embedder("org/silent", None, {}),
            mine.chat("org/none", None, {**how, "image_uri": IMAGE}),
        ):
            origin = mine.origin(found.spec)
            assert origin.memory.startswith("not computed")
            assert origin.chosen is (found.spec.body["instance_types"] != ["ml.g5.xlarge"])
        with pytest.raises(ConfigurationError, match="no instance type can be chosen"):
            mine.chat("org/silent", None, {})
        with pytest.raises(UnknownModel):
            mine.embedder("org/none", None, how)
