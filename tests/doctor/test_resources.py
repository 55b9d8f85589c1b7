"""What is up that should be gone, or has no row; and what --fix does about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llmanager_sdk.aws import requests
from llmanager_sdk.aws.platform import AwsPlatform
from tests.aws.flows import ROLE, Scene, ensure, spec, stop, want
from tests.doctor.looking import looked, mended


def test_a_twin_is_deleted_and_a_second_fix_finds_nothing(
    platform: AwsPlatform, scene: Scene
) -> None:
    known = ensure(platform, want())
    stop(platform)
    assert scene.settle() <= 4
    for make in (requests.model, requests.config, requests.endpoint):
        more = ({}, ROLE) if make is requests.model else ()
        body = make(scene.namespace, _full(known.life), *more)
        kind = make.__name__.removesuffix("_config")
        operation = {"model": "CreateModel", "config": "CreateEndpointConfig"}.get(kind)
        scene.aws.sagemaker.call(operation or "CreateEndpoint", body)
        scene.aws.clock.sleep(10.0)
    scene.aws.clock.sleep(400.0)
    platform.beats.beat("lambda")
    found = looked(platform)["orphans"]
    assert "up again after its life was over" in found.text
    assert len(mended(platform, "orphans")) == 1
    assert scene.settle() <= 4
    assert looked(platform)["orphans"].ok


def _full(life: Any) -> Any:
    """A tombstone has no body; the late request has."""
    return replace(life, spec=spec())


def test_what_should_have_gone_long_ago(platform: AwsPlatform, scene: Scene) -> None:
    ensure(platform, want(idle=900.0))
    scene.aws.clock.sleep(1200.0)
    assert looked(platform)["orphans"].ok
    scene.aws.clock.sleep(2000.0)
    found = looked(platform)["orphans"]
    assert "could have gone 15 min ago: nobody used it for its idle time" in found.text
    assert mended(platform, "orphans")[0].startswith("done: delete ")
    assert scene.settle() <= 4


def stray(scene: Scene, name: str, tagged: bool = True) -> str:
    """A model with a name of ours and no row."""
    whole = f"llm-{scene.namespace}-{name}"
    told = {"llmanager:namespace": scene.namespace, "llmanager:life": whole} if tagged else {}
    tags = [{"Key": key, "Value": value} for key, value in told.items()]
    scene.aws.sagemaker.call(
        "CreateModel", {"ModelName": whole, "ExecutionRoleArn": ROLE, "Tags": tags}
    )
    return whole


def test_a_rowless_resource_is_deleted_with_its_tags_shown(
    platform: AwsPlatform, scene: Scene
) -> None:
    ensure(platform, want())
    ours, foreign = stray(scene, "lost"), stray(scene, "foreign", tagged=False)
    found = looked(platform)["rowless"]
    assert ours in found.text
    assert foreign in found.text
    (fix,) = found.fixes
    assert "llmanager:life=" + ours in fix.title
    assert mended(platform, "rowless") != []
    assert scene.left().count(ours) == 0
    assert foreign in scene.left(), "no tag of ours: never touched"
    after = looked(platform)["rowless"]
    assert ours not in after.text
    assert after.fixes == ()


def test_a_rowless_endpoint_says_its_price_and_goes_through_the_sweep(
    platform: AwsPlatform, scene: Scene
) -> None:
    known = ensure(platform, want(max_instances=3))
    table = platform.keeper.engine.registry
    platform.account.client("dynamodb").delete_item(
        TableName=table.table,  # type: ignore[attr-defined]
        Key={"pk": {"S": scene.namespace}, "sk": {"S": known.life.spec.key}},
    )
    found = looked(platform)["rowless"]
    assert "(endpoint, config, model, InService): 1.41 $/h" in found.text
    assert len(mended(platform, "rowless")) == 1
    assert scene.settle() <= 4
    assert scene.aws.services.targets == {}, "nobody knew whether it scales: its target went too"
    assert looked(platform)["rowless"].ok
