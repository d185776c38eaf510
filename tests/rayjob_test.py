"""The manifest of a `RayJob`, against the fields of KubeRay and the schema of pods."""

import pathlib
import re
import shlex

import jsonschema
import kubernetes_validate
import pytest
import yaml
from absl import flags as absl_flags

from keras_twins.commands import embed

MANIFEST = pathlib.Path(__file__).parent.parent / "configs" / "cluster" / "rayjob.yaml"

_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}


def _object(required, **optional):
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": required | optional,
    }


_PARAMETERS = {"type": "object", "additionalProperties": _TEXT}
_GROUP = {"rayStartParams": _PARAMETERS, "template": _object({"spec": {}})}
# Of KubeRay's API reference (ray.io/v1), the fields that such a job has use for.
SCHEMA = _object(
    {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayJob"},
        "metadata": _object({"name": _TEXT}),
        "spec": _object(
            {
                "entrypoint": _TEXT,
                "rayClusterSpec": _object(
                    {
                        "rayVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
                        "headGroupSpec": _object(_GROUP),
                        "workerGroupSpecs": {
                            "type": "array",
                            "items": _object(
                                {"groupName": _TEXT, **_GROUP},
                                replicas=_COUNT,
                                minReplicas=_COUNT,
                                maxReplicas=_COUNT,
                            ),
                        },
                    },
                    enableInTreeAutoscaling={"type": "boolean"},
                ),
            },
            shutdownAfterJobFinishes={"type": "boolean"},
            ttlSecondsAfterFinished=_COUNT,
            backoffLimit=_COUNT,
        ),
    }
)


@pytest.fixture
def job():
    return yaml.safe_load(MANIFEST.read_text())


def groups(job):
    cluster = job["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


def test_the_job_follows_the_schema(job):
    jsonschema.validate(job, SCHEMA)
    for group in groups(job):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {}, **group["template"]}
        kubernetes_validate.validate(pod, "1.33", strict=True)


def test_the_schemas_refuse_what_is_wrong(job):
    job["spec"]["shutdownAfterJobFinished"] = True
    with pytest.raises(jsonschema.ValidationError, match="shutdownAfterJobFinished"):
        jsonschema.validate(job, SCHEMA)


def test_the_command_is_one_that_embed_takes(job):
    program, command, *arguments = shlex.split(job["spec"]["entrypoint"])
    assert (program, command) == ("keras-twins", "embed")
    flags = absl_flags.FlagValues()
    embed.define_flags(flags)
    _, path = flags(["embed", *arguments])
    assert flags.ray == "auto" and path.startswith("s3://")
    mounted = groups(job)[0]["template"]["spec"]["containers"][0]["volumeMounts"]
    for name in (flags.model_dir, flags.output):
        assert name.startswith(mounted[0]["mountPath"])


def test_its_version_of_ray_is_one_that_the_extra_allows(job):
    pyproject = (MANIFEST.parents[2] / "pyproject.toml").read_text()
    lowest, next_major = re.search(
        r'"ray\[data\]>=([\d.]+),<(\d+)"', pyproject
    ).groups()
    version = job["spec"]["rayClusterSpec"]["rayVersion"]
    numbers = [tuple(map(int, text.split("."))) for text in (lowest, version)]
    assert numbers[0] <= numbers[1] < (int(next_major),)
