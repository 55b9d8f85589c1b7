"""Who asks: roles that are assumed, and credentials that run out while somebody waits."""

from __future__ import annotations

import datetime

import pytest
from botocore.credentials import RefreshableCredentials

from llmanager_sdk.aws.account import Account
from llmanager_sdk.errors import CredentialsMissing
from llmanager_sdk.testing.aws import FakeAws
from llmanager_sdk.testing.aws.recorder import Recorder
from llmanager_sdk.testing.aws.tokens import SESSION_S
from tests.aws.clocks import Turned
from tests.aws.conftest import Make
from tests.aws.flows import Scene, ensure, reap, want

BUILDER = "arn:aws:iam::123456789012:role/builder"
MINUTE = 60.0


def test_a_role_is_assumed_once_and_makes_every_call(aws: FakeAws, scene: Scene) -> None:
    aws.recorder = Recorder()
    platform = scene.process(aws.session(), assume_role=BUILDER)
    platform.beats.beat("test")
    ensure(platform, want())
    assert aws.services.tokens.given == {"builder": 1}
    by = {call.role for call in aws.recorder.calls if not call.action.startswith("sts:Assume")}
    assert by == {"builder"}


def test_the_settings_of_the_session_below_hold_for_the_role_too(aws: FakeAws) -> None:
    base = aws.session()
    base._session.set_config_variable("ca_bundle", "/somewhere/ca.pem")
    account = Account(base, role_arn=BUILDER, clock=aws.clock)
    assert account.session._session.get_config_variable("ca_bundle") == "/somewhere/ca.pem"
    assert account.region == "us-east-1"
    assert base.get_credentials().access_key == "fake"
    assert account.credentials().access_key == "fakebuilder"


def test_a_role_is_assumed_again_during_a_long_wait(
    aws: FakeAws, scene: Scene, clock: Turned
) -> None:
    """The credentials run out in the midst of the creation, and after it."""
    platform = scene.process(aws.session(), assume_role=BUILDER)
    platform.beats.beat("test")
    platform.account.identity()
    clock.now += SESSION_S - 25 * MINUTE
    platform.beats.beat("test")
    aws.rules.creating = 40 * MINUTE
    known = ensure(platform, want(idle=8 * SESSION_S))
    assert known.life.phase == "ready"
    assert aws.services.tokens.given["builder"] == 2
    clock.now += 3 * SESSION_S
    assert ensure(platform, want(idle=8 * SESSION_S)).life.names == known.life.names
    assert aws.services.tokens.given["builder"] == 3
    assert aws.sagemaker.created["endpoint"] == 1


def test_a_session_that_renews_itself_does_so_during_a_long_wait(
    aws: FakeAws, scene: Scene, clock: Turned
) -> None:
    """As those of SSO, containers and instances do: the session's own renewal is what counts."""
    sts = aws.session().client("sts")

    def renew() -> dict[str, str]:
        told = sts.assume_role(RoleArn=BUILDER, RoleSessionName="somebody")["Credentials"]
        return {
            "access_key": told["AccessKeyId"],
            "secret_key": told["SecretAccessKey"],
            "token": told["SessionToken"],
            "expiry_time": told["Expiration"].isoformat(),
        }

    def now() -> datetime.datetime:
        return datetime.datetime.fromtimestamp(clock.now, datetime.UTC)

    session = aws.session()
    session._session._credentials = RefreshableCredentials.create_from_metadata(
        renew(), renew, "test"
    )
    session._session._credentials._time_fetcher = now
    aws.rules.creating = 40 * MINUTE
    clock.now += SESSION_S - 25 * MINUTE
    platform = scene.process(session)
    platform.beats.beat("test")
    assert ensure(platform, want()).life.phase == "ready"
    assert aws.services.tokens.given["builder"] == 2


def test_credentials_that_end_for_good_are_a_typed_error_and_the_start_goes_on(
    aws: FakeAws, scene: Scene, make: Make, clock: Turned
) -> None:
    told = aws.session().client("sts").assume_role(RoleArn=BUILDER, RoleSessionName="somebody")
    keys = told["Credentials"]
    session = aws.session()
    session._session.set_credentials(
        keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
    )
    platform = scene.process(session)
    aws.rules.creating = 40 * MINUTE
    clock.now += SESSION_S - 25 * MINUTE
    platform.beats.beat("test")
    with pytest.raises(CredentialsMissing, match="expired") as caught:
        ensure(platform, want())
    assert caught.value.hint
    assert "token-builder" not in str(caught.value)
    other = make()
    reap(other)
    known = ensure(other, want())
    assert known.life.phase == "ready"
    assert aws.sagemaker.created["endpoint"] == 1
