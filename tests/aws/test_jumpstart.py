"""Models of JumpStart, as a spec: what its documents say, and what the caller says instead."""

from __future__ import annotations

import pytest

from llmanager_sdk.errors import NotRunning, PermissionMissing
from llmanager_sdk.testing.aws import FakeAws, Fault
from tests.aws.test_models import models
from tests.catalog.test_resolve import DOCUMENT


def test_jumpstart_says_of_network_and_disk_what_the_caller_does_not() -> None:
    document = {**DOCUMENT, "InferenceEnableNetworkIsolation": True, "InferenceVolumeSize": 256}
    document["DefaultInferenceInstanceType"] = "ml.p3.2xlarge"
    document["SupportedInferenceInstanceTypes"] = ["ml.p3.2xlarge"]
    with FakeAws() as aws:
        aws.rules.jumpstart = {"some-model": document, "plain": DOCUMENT}
        mine = models(aws.session())
        body = mine.chat("jumpstart:some-model", None, {"price": 1.0}).spec.body
        assert (body["isolated"], body["volume_gb"]) == (True, 256)
        how = {"price": 1.0, "isolated": False, "volume_gb": 100}
        body = mine.chat("jumpstart:some-model", None, how).spec.body
        assert (body["isolated"], body["volume_gb"]) == (False, 100)
        assert not {"isolated", "volume_gb"} & set(mine.chat("jumpstart:plain", None, {}).spec.body)


def test_jumpstart_is_asked_and_its_refusals_are_typed() -> None:
    with FakeAws() as aws:
        aws.rules.jumpstart = {"some-model": DOCUMENT}
        mine = models(aws.session())
        found = mine.chat("jumpstart:some-model", None, {})
        assert found.spec.key.startswith("some-model-")
        assert found.spec.body["image"] == DOCUMENT["HostingEcrUri"]
        tei = {**DOCUMENT, "HostingEcrUri": "683313688378.dkr.ecr.us-east-1.amazonaws.com/tei:2"}
        aws.rules.jumpstart = {"some-model": DOCUMENT, "texts": tei}
        assert mine.embedder("jumpstart:texts", None, {}).wire == "tei"
        assert mine.embedder("jumpstart:some-model", None, {}).wire == "openai-embeddings"
        with pytest.raises(NotRunning, match="does not exist"):
            mine.chat("jumpstart:none", None, {})
        aws.faults.add(Fault("sagemaker:DescribeHubContent", "denied"))
        with pytest.raises(PermissionMissing) as caught:
            mine.chat("jumpstart:some-model", None, {})
        assert "sagemaker:DescribeHubContent" in caught.value.statement
