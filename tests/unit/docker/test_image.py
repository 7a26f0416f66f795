"""docker/Dockerfile: linted, and its steps' commands run here, where there is no container."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
DOCKERFILE = ROOT / "docker" / "Dockerfile"


def instructions():
    """Return (instruction, rest) of the Dockerfile, continued lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not re.match(r"\s*#", line)]
    text = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def of(kind):
    return [rest for name, rest in instructions() if name == kind]


def step(words):
    """Return the one RUN step that has these words in it."""
    (found,) = [rest for rest in of("RUN") if words in rest]
    return found


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_base_is_pinned_by_version_and_digest_and_all_stages_have_it():
    base = of("ARG")[0]
    assert re.fullmatch(r"BASE=\S+:\d+\.\d+\.\d+-\S+@sha256:[0-9a-f]{64}", base)
    assert [one.split()[0] for one in of("FROM")] == ["${BASE}"] * 2


def test_it_runs_as_a_user_without_rights_and_has_no_secrets():
    last = [name for name, _ in instructions()]
    assert of("USER") == ["10001"]
    assert "RUN" not in last[last.index("USER") :]
    settings = " ".join(of("ENV") + of("ARG"))
    assert not re.search(r"(?i)password|token|secret|_key", settings)
    from_outside = [rest.split() for rest in of("COPY") if "--from=" not in rest]
    copied = {word for words in from_outside for word in words[:-1] if "=" not in word}
    ignored = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in copied} == {line for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert all((ROOT / name).exists() for name in copied)


@pytest.fixture
def pip(tmp_path):
    """A pip that writes down what it is asked for: real ones would download gigabytes."""
    asked = tmp_path / "asked"
    command = tmp_path / "pip"
    command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {asked}\n')
    command.chmod(0o755)

    def call(command, **environment):
        path = f"{tmp_path}:/usr/bin:/bin"
        done = subprocess.run(
            ["sh", "-c", command],
            env={"PATH": path, **environment},
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        return done, asked.read_text().split("\n")[:-1] if asked.exists() else []

    return call


@pytest.mark.parametrize(
    ("device", "index"),
    [("cpu", "https://download.pytorch.org/whl/cpu"), ("cuda", "https://pypi.org/simple")],
)
def test_torch_and_torchvision_come_from_one_index(pip, device, index):
    done, asked = pip(step("--index-url"), DEVICE=device)
    assert done.returncode == 0, done.stderr
    assert asked[:3] == ["install", "--index-url", index]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert asked[3:] == [one for one in wanted if one.startswith("torch")]


def test_another_device_is_refused(pip):
    done, asked = pip(step("--index-url"), DEVICE="tpu")
    assert (done.returncode, asked) == (1, [])
    assert done.stderr == "DEVICE must be cpu or cuda but is 'tpu'\n"


def test_the_package_is_installed_with_extras_that_it_has(pip):
    done, asked = pip(step("mlflow[auth]"))
    assert done.returncode == 0, done.stderr
    extras = re.fullmatch(r"\.\[(.*)\]", asked[1])[1].split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras) <= set(project["optional-dependencies"])
    own = next(Requirement(one) for one in project["dependencies"] if one.startswith("mlflow"))
    served = Requirement(asked[2])
    assert (served.name, served.extras) == ("mlflow", {"auth"})
    least, beyond = sorted(served.specifier, key=lambda one: one.operator, reverse=True)
    assert least.operator == ">=" and own.specifier.contains(least.version)
    assert beyond in {*own.specifier}
    assert asked[3:] == ["check"]


def test_health_check_and_command_are_commands_of_the_package(tmp_path):
    health = re.search(r"CMD (\[.*\])", of("HEALTHCHECK")[0])[1]
    for command in (json.loads(health), json.loads(of("CMD")[0])):
        assert command[0] == "augsearch"
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=os.environ | {"HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
