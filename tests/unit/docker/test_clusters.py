"""docker/rayjob.yaml and docker/slurm.sh."""

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

DOCKER = Path(__file__).parents[3] / "docker"


@pytest.fixture
def job():
    return yaml.safe_load((DOCKER / "rayjob.yaml").read_text())


@pytest.fixture(scope="module")
def schema():
    return json.loads(Path(__file__).with_name("rayjob.schema.json").read_text())


def pods(job):
    cluster = job["spec"]["rayClusterSpec"]
    return [one["template"] for one in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"])]


def test_the_manifest_is_a_ray_job_and_its_pods_are_pods(job, schema):
    jsonschema.validate(job, schema)
    for template in pods(job):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, **template}
        kubernetes_validate.validate(pod, "1.31", strict=True)


def test_the_schema_names_what_is_wrong(job, schema):
    job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["replica"] = 2
    with pytest.raises(jsonschema.ValidationError, match="replica"):
        jsonschema.validate(job, schema)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, **pods(job)[0]}
    pod["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="volumeMount"):
        kubernetes_validate.validate(pod, "1.31", strict=True)


def test_no_password_is_in_it_and_no_pod_has_rights(job):
    assert job["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    for template in pods(job):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            for variable in container["env"]:
                assert "PASSWORD" not in variable["name"]
                assert "@" not in variable["value"].replace("augsearch@", "")


@pytest.fixture
def slurm(tmp_path):
    """Slurm and Ray that write down what they are asked for."""
    log = tmp_path / "log"
    for name, body in {
        "scontrol": 'if [ "$1" = show ]; then echo node7; echo node8; else echo "$*" >> log; fi',
        "srun": 'echo "srun $*" >> log; while [ "${1#--}" != "$1" ]; do shift; done; "$@"',
        "ray": 'echo "token ${#RAY_AUTH_TOKEN} $RAY_AUTH_MODE" >> log; eval "${WAIT:-true}"',
    }.items():
        command = tmp_path / name
        command.write_text(f"#!/bin/bash\n{body}\n")
        command.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "SLURM_JOB_ID": "41234",
        "SLURM_JOB_NODELIST": "node[7-8]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_CPUS_PER_TASK": "8",
    }

    def call(*arguments, **more):
        return subprocess.Popen(
            [DOCKER / "slurm.sh", *arguments],
            env=environment | more,
            stderr=subprocess.PIPE,
            text=True,
        )

    return call, log


def test_slurm_starts_ray_on_all_nodes_with_a_token_of_its_own(slurm):
    call, log = slurm
    with call("study.toml") as process:
        assert process.communicate(timeout=30)[1] == ""
    assert process.returncode == 0
    assert log.read_text().splitlines() == [
        "srun --nodes=2 --ntasks=2 ray symmetric-run --address node7:21234 --min-nodes 2 "
        "--num-cpus 8 -- augsearch run study.toml --engine ray --address node7:21234",
        "token 48 token",
    ]


def test_a_job_whose_time_is_up_goes_back_into_the_queue(slurm):
    call, log = slurm
    with call("study.toml", WAIT="kill -USR1 $(ps -o ppid= $PPID); sleep 0.2") as process:
        process.communicate(timeout=30)
    assert log.read_text().splitlines()[-1] == "requeue 41234"


def test_slurm_without_a_study_says_so(slurm):
    call, log = slurm
    with call() as process:
        said = process.communicate(timeout=30)[1]
    assert process.returncode
    assert "name a study file" in said
    assert not log.exists()


def test_the_scripts_can_be_executed():
    for name in ("slurm.sh", "check-secrets"):
        assert os.access(DOCKER / name, os.X_OK)
