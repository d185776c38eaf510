"""`keras-twins export` on a run that has ended."""

import json
import subprocess
import sys

import keras
import pytest
from ml_collections import ConfigDict

SIZE = 8


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    config = ConfigDict(
        {
            "dataset": "digits",
            "encoder": {"name": "resnet18"},
            "evaluation": {"image_size": SIZE, "resize": SIZE},
        }
    )
    (workdir / "config.json").write_text(config.to_json())
    (workdir / "evaluation.json").write_text('{"knn": 0.5}')
    inputs = keras.Input((SIZE, SIZE, 3))
    embedding = keras.layers.GlobalAveragePooling2D()(inputs)
    keras.Model(inputs, embedding).save(workdir / "encoder.keras")
    return workdir


def _export(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "keras_twins.commands.cli", "export", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize(
    ("flags", "folder"), [([], "models"), (["--name=pets-v2"], "models/pets-v2")]
)
def test_the_name_is_the_folders(workdir, tmp_path, flags, folder):
    output = tmp_path / "models"
    done = _export(f"--workdir={workdir}", f"--output={output}", *flags)
    assert done.returncode == 0, done.stderr
    version = tmp_path / folder / "1"
    facts = json.loads((version / "assets.extra/keras_twins.json").read_text())
    assert facts["name"] == version.parent.name
    assert facts["metadata"]["evaluation"] == {"knn": 0.5}
    first, serve, ask = done.stdout.splitlines()
    assert first == f"exported to {version}"
    assert serve.endswith(f"keras-twins serve --model_dir={version.parent}")
    assert f"--model_name={version.parent.name} " in ask


@pytest.mark.parametrize("name", ["", "a/b", "..", "7", "a b", "é"])
def test_a_name_that_cannot_stand_in_a_url_is_refused(workdir, tmp_path, name):
    done = _export(f"--workdir={workdir}", f"--output={tmp_path}/m", f"--name={name}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"keras-twins: --name={name}: expected letters")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
