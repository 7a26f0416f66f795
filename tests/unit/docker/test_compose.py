"""docker/compose.yaml: valid, closed to the outside, and without a password in it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DOCKER = Path(__file__).parents[3] / "docker"
SECRETS = ["POSTGRES_PASSWORD", "MLFLOW_ADMIN_PASSWORD", "MLFLOW_SECRET_KEY", "RAY_TOKEN"]
GOOD = {name: f"{name.lower()}-0123456789" for name in SECRETS}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text())


def run(command, environment=None, **options):
    return subprocess.run(
        [*map(str, command)], env=environment, capture_output=True, text=True, **options
    )


def env_file():
    lines = (DOCKER / "env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_files_are_valid_by_the_compose_specification():
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = run([*command, DOCKER / "compose.yaml", DOCKER / "compose.gpu.yaml"])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """Have Compose itself read the files with some variables -> what it says."""
    folder = tmp_path_factory.mktemp("compose")
    text = (DOCKER / "compose.yaml").read_text()
    if shutil.which("docker") and run(["docker", "compose", "version"]).returncode == 0:
        command = ["docker", "compose"]
    elif shutil.which("docker-compose"):
        command = ["docker-compose"]  # version 1, which knows all that is used but `name`
        text = re.sub(r"^name: .*\n", "", text, flags=re.MULTILINE)
    else:
        pytest.skip("Compose is not installed (Debian: apt-get install docker-compose)")
    (folder / "compose.yaml").write_text(text)

    def config(variables, *more):
        env = folder / "env"
        env.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        files = [folder / "compose.yaml", *(DOCKER / name for name in more)]
        chosen = [word for file in files for word in ("-f", file)]
        place = ["--env-file", env, "--project-directory", DOCKER]
        return run([*command, *place, *chosen, "config"])

    return config


def test_compose_itself_takes_them(config):
    done = config(env_file() | GOOD, "compose.gpu.yaml")
    assert done.returncode == 0, done.stderr
    services = yaml.safe_load(done.stdout)["services"]
    assert services["head"]["environment"]["RAY_AUTH_TOKEN"] == GOOD["RAY_TOKEN"]
    assert "PGPASSWORD" not in services["worker"]["environment"]
    assert GOOD["POSTGRES_PASSWORD"] not in services["head"]["environment"]["AUGSEARCH_LEDGER"]


def test_compose_itself_refuses_a_password_that_is_missing(config):
    done = config({"DATA": "./data"})
    assert done.returncode
    assert "copy docker/env.example to docker/.env" in done.stderr


def test_ports_are_published_on_the_loopback_interface_alone(compose):
    ports = [port for one in compose["services"].values() for port in one.get("ports", [])]
    assert ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert not any(one.get("network_mode") == "host" for one in compose["services"].values())
    assert compose["networks"]["inside"]["internal"] is True
    # What publishes nothing cannot reach the outside either.
    for name, one in compose["services"].items():
        if "ports" not in one:
            assert one.get("networks", []) in (["inside"], []), name


def test_passwords_come_from_the_environment_and_the_example_has_none(compose):
    text = (DOCKER / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?", text))
    assert asked == set(SECRETS)
    for one in compose["services"].values():
        for name, value in (one.get("environment") or {}).items():
            if re.search("PASSWORD|TOKEN|SECRET", name):
                assert re.fullmatch(r"\$\{\w+:\?.*\}", str(value)), name
    assert {name: env_file()[name] for name in SECRETS} == dict.fromkeys(SECRETS, "change-me")
    # Every variable that it names is in the example.
    assert set(re.findall(r"\$\{(\w+)", text)) == set(env_file())


def test_no_service_starts_before_the_passwords_were_looked_at(compose):
    services = compose["services"]
    assert services["secrets"]["command"] == ["check-secrets", *SECRETS]
    assert set(services["secrets"]["environment"]) == set(SECRETS)

    def waits(name, seen=()):
        assert name not in seen
        found = services[name].get("depends_on", {})
        if found.get("secrets", {}).get("condition") == "service_completed_successfully":
            return True
        return any(waits(one, (*seen, name)) for one in found)

    assert all(waits(name) for name in services if name != "secrets")


def test_own_containers_have_no_rights_that_they_do_not_need(compose):
    for name, one in compose["services"].items():
        assert not one.get("privileged"), name
        assert one["security_opt"] == ["no-new-privileges:true"], name
        if name != "postgres":  # its image starts as root and becomes another user
            assert one["cap_drop"] == ["ALL"], name
            assert "user" not in one, name


def test_images_are_pinned(compose):
    assert "@sha256:" in compose["services"]["postgres"]["image"]


def check_secrets(**values):
    return run([DOCKER / "check-secrets", *SECRETS], {"PATH": "/usr/bin:/bin", **values})


def test_good_passwords_pass_without_a_word():
    done = check_secrets(**GOOD)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "is not set"),
        ("", "is not set"),
        ("change-me", "is still the value of env.example"),
        ("change-me-0123456789abcdef", "is still the value of env.example"),
        ("short-S3cret", "must have at least 16 characters"),
        ("S3cret with spaces in it", "may have letters, digits and"),
        ("S3cret:with/signs@of-a-url", "may have letters, digits and"),
        ("S3cret-$(touch /tmp/x)-0123", "may have letters, digits and"),
    ],
)
def test_bad_ones_are_refused_by_name_and_never_shown(value, problem):
    values = {**GOOD, "RAY_TOKEN": value}
    done = check_secrets(**{name: one for name, one in values.items() if one is not None})
    assert done.returncode == 1
    assert f"RAY_TOKEN {problem}" in done.stderr
    assert "S3cret" not in done.stderr
    assert not any(name in done.stderr for name in SECRETS if name != "RAY_TOKEN")
