"""The manifests for clusters, against Kubernetes' own schemas."""

import json
import pathlib
import subprocess

import kubernetes_validate
import pytest
import yaml

CLUSTER = pathlib.Path(__file__).parent.parent / "configs" / "cluster"


@pytest.fixture
def manifests():
    return list(yaml.safe_load_all((CLUSTER / "kubernetes.yaml").read_text()))


def test_manifests_follow_the_schema(manifests):
    assert [manifest["kind"] for manifest in manifests] == ["Service", "Job"]
    for manifest in manifests:
        kubernetes_validate.validate(manifest, "1.33", strict=True)


def test_the_schema_refuses_what_is_wrong(manifests):
    manifests[1]["spec"]["paralellism"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifests[1], "1.33", strict=True)


def test_the_job_and_its_service_name_each_other(manifests):
    service, job = manifests
    pod = job["spec"]["template"]
    assert pod["spec"]["subdomain"] == service["metadata"]["name"]
    assert pod["metadata"]["labels"] == service["spec"]["selector"]
    assert job["spec"]["parallelism"] == job["spec"]["completions"]


def test_the_pods_make_a_tf_config_of_their_index(manifests):
    [container] = manifests[1]["spec"]["template"]["spec"]["containers"]
    script = container["command"][-1].replace("exec keras-twins", "echo $TF_CONFIG; :")
    done = subprocess.run(
        ["bash", "-euc", script],
        env={"WORKERS": "2", "JOB_COMPLETION_INDEX": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    config = json.loads(done.stdout)
    names = [f"keras-twins-train-{i}.keras-twins-train:2222" for i in range(2)]
    assert config["cluster"] == {"worker": names}
    assert config["task"] == {"type": "worker", "index": 1}


def test_the_slurm_script_is_a_shell_script():
    subprocess.run(["bash", "-n", CLUSTER / "slurm.sh"], check=True)
