"""The commands, as a user runs them: in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmanager_sdk.cli import COMMANDS, main
from tests.conftest import processes

pytestmark = pytest.mark.xdist_group("engines")


def run(home: Path, *words: str, text: str = "", **environ: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "llmanager_sdk.cli", *words],
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env=os.environ | {"LLMANAGER_HOME": str(home)} | environ,
    )
    return done.returncode, done.stdout, done.stderr


def test_every_command_has_a_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name, (_, summary) in COMMANDS.items():
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert summary.split()[0] in capsys.readouterr().out


def test_a_life_from_warm_to_stop(home: Path) -> None:
    assert run(home, "ls") == (0, "nothing is running on local (namespace main)\n", "")
    code, out, err = run(home, "warm", "--json", "--idle-timeout", "5m")
    assert code == 0, err
    key = json.loads(out)["key"]
    assert key in run(home, "ls")[1]
    listed = json.loads(run(home, "ls", "--json")[1])
    assert [x["phase"] for x in listed] == ["ready"]
    assert "keeps_until" in run(home, "status", key)[1]
    assert "has not run out" in run(home, "reap", "--dry-run")[1]
    assert json.loads(run(home, "reap", "--json")[1])["errors"] == []
    assert len(processes(home)) == 2
    code, _, err = run(home, "destroy", key)
    assert (code, "--yes" in err) == (1, True)
    assert run(home, "stop", key)[1] == f"{key}: gone\n"
    assert not processes(home)
    assert run(home, "stop", "--all")[1] == "nothing is running\n"
    assert run(home, "destroy", key, "--yes")[0] == 0


def test_errors_name_the_cure_and_no_traceback(home: Path) -> None:
    code, _, err = run(home, "status", "nothing-of-that-name")
    assert (code, "Next:" in err, "Traceback" in err) == (1, True, False)
    code, _, err = run(home, "stop")
    assert (code, "--all" in err) == (1, True)
    code, _, err = run(home, "warm", "--model", "gpt-99")
    assert (code, "smollm2-135m" in err) == (1, True)
    code, _, err = run(home, "ls", LLMANAGER_PLATFORM="mars")
    assert (code, "mars" in err, "Traceback" in err) == (1, True, False)


def test_models_setup_and_doctor(home: Path) -> None:
    names = {x["name"]: x["here"] for x in json.loads(run(home, "models", "--json")[1])}
    assert names["smollm2-135m"] == "set up"
    assert "mistral-7b" in names
    assert "stands in" in run(home, "models", LLMANAGER_LOCAL_MODEL="smollm2-135m")[1]
    assert json.loads(run(home, "setup", "--json")[1])["model"] == "smollm2-135m"
    code, out, _ = run(home, "doctor")
    assert code == 0, out
    (home / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf").unlink()
    code, out, _ = run(home, "doctor", "--json")
    failed = [x["check"] for x in json.loads(out) if not x["ok"]]
    assert (code, failed) == (1, ["weights"])


def test_a_chat_keeps_its_history_and_ends_its_engine(home: Path) -> None:
    code, out, err = run(home, "chat", "--session", "s", text="Say hello\nexit\n")
    assert (code, bool(out.strip())) == (0, True), err
    code, out, _ = run(home, "chat", "--session", "s", "--json", "Say", "it", "again")
    assert json.loads(out)["question"] == "Say it again"
    from llmanager_sdk import ChatHistory

    assert len(ChatHistory("s").messages) == 4


def test_a_chat_about_documents(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "office.md").write_text("# Office\n\nThe office is in Lisbon. It opens at nine.\n")
    words = ("chat", "--docs", str(folder), "--json")
    code, out, err = run(home, *words, "Where", "is", "the", "office?")
    assert code == 0, err
    answer = json.loads(out)
    assert "Lisbon" in answer["answer"]
    assert answer["sources"] == ["office.md # Office"]
    refused = json.loads(run(home, *words, "What", "is", "nitrogen?")[1])
    assert refused["refused"]
    code, _, err = run(home, "chat", "--docs", str(folder / "none"), "hello")
    assert (code, "there is no folder" in err) == (1, True)


def test_the_demo(home: Path) -> None:
    code, out, err = run(home, "demo")
    assert code == 0, out + err
    assert "Done, and nothing is left" in out
    assert not processes(home)


def test_a_demo_that_fails_leaves_no_documents(home: Path) -> None:
    code, _, err = run(home, "demo", "--model", "gpt-99")
    assert (code, "smollm2-135m" in err, "Traceback" in err) == (1, True, False)
    assert not list((home / "stores").glob("demo-*"))


def test_stop_without_a_name_says_what_to_type(home: Path) -> None:
    key = json.loads(run(home, "warm", "--json", "--idle-timeout", "1m")[1])["key"]
    code, _, err = run(home, "stop")
    assert (code, f"llmanager stop {key}" in err) == (1, True)
    run(home, "stop", "--all")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it is Linux's")
def test_output_without_room_is_told(home: Path) -> None:
    command = [sys.executable, "-m", "llmanager_sdk.cli", "models"]
    environ = os.environ | {"LLMANAGER_HOME": str(home)}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environ
        )
    assert (done.returncode, "Next:" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr
    assert "Errno" not in done.stderr


def test_a_home_that_is_a_file_is_told_with_its_cure(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    code, out, _ = run(home, "doctor", "--json", LLMANAGER_HOME=str(file))
    found = {each["check"]: each["finding"] for each in json.loads(out)}
    assert (code, "LLMANAGER_HOME" in found["home"], "Errno" in out) == (1, True, False), out


def test_models_on_aws_are_those_of_the_catalog(home: Path) -> None:
    code, out, err = run(home, "models", "--json", LLMANAGER_PLATFORM="aws")
    assert code == 0, err
    found = {each["name"]: each for each in json.loads(out)}
    assert found["qwen3-8b"]["for"] == "ManagedLLM"
    assert found["gte-large"]["for"] == "ManagedEmbeddings"
    assert "HF_TOKEN" in found["llama3-8b"]["weights"]
    assert "jumpstart:ID" in run(home, "models", LLMANAGER_PLATFORM="aws")[1]
