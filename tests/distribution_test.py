"""One device and any number of replicas: the same loss, metrics and weights."""

import itertools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from keras_twins import distribution
from keras_twins.errors import InputError

SCRIPT = pathlib.Path(__file__).parent / "fit_on_replicas.py"


def exact(*names):
    """Specs of a loss, a form and an optimizer each, from `LOSS-FORM-OPTIMIZER`."""
    keys = ("loss", "form", "optimizer")
    return {name: dict(zip(keys, name.split("-"), strict=True)) for name in names}


# Of a loss, a form and an optimizer, any two meet in a spec. The rest are others.
EXACT = exact(
    *("barlow_twins-gram-sgd", "barlow_twins-correlation-adam"),
    *("barlow_twins-gram-lars", "hsic-correlation-sgd"),
    *("hsic-gram-adam", "hsic-correlation-lars"),
)
OTHERS = exact(
    *("barlow_twins-gram-adam", "barlow_twins-correlation-lars"),
    *("hsic-gram-sgd", "hsic-correlation-adam"),
)
MIXED = {
    f"mixed_{dtype}": {
        "loss": "hsic",
        "form": "gram",
        "optimizer": "sgd",
        "precision": f"mixed_{dtype}",
    }
    for dtype in ("float16", "bfloat16")
}
AUTO = {
    "auto": {
        "loss": "barlow_twins",
        "form": "auto",
        "optimizer": "sgd",
        "encoder": "residual",
    }
}
METHODS = {
    f"methods-{form}": {"loss": "methods", "form": form, "optimizer": "sgd"}
    for form in ("gram", "correlation")
}
STEP = {
    "other loss": {"loss": "cosine", "form": None, "optimizer": "sgd"},
    "regularised": {
        "loss": "hsic",
        "form": "gram",
        "optimizer": "sgd",
        "encoder": "regularised",
    },
    "views": {"loss": "hsic", "form": "gram", "optimizer": "sgd", "views": 2},
    "six views": {"loss": "frossl", "form": "gram", "optimizer": "sgd", "views": 6},
    "four views": {"loss": "sigreg", "form": None, "optimizer": "adam", "views": 4},
    "teacher": {
        "loss": "barlow_twins",
        "form": "auto",
        "optimizer": "adam",
        "method": "teacher",
    },
    "mixed": {
        "loss": "barlow_twins",
        "form": "gram",
        "optimizer": "adam",
        "method": "mixed",
    },
    "joint": {
        "loss": "barlow_twins",
        "form": "auto",
        "optimizer": "sgd",
        "method": "joint",
    },
}


def start(replicas, specs, folder, **environment):
    folder.mkdir(exist_ok=True)
    specs_file = folder / "specs.json"
    specs_file.write_text(json.dumps(specs))
    return subprocess.Popen(
        [sys.executable, SCRIPT, str(replicas), specs_file, folder],
        # oneDNN, the default on some processors, gives an empty shard a wrong shape.
        env=os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes):
    for process in processes:
        output, _ = process.communicate(timeout=500)
        assert process.returncode == 0, output[-4000:]


def read(folder):
    """`{name: (metrics, weights)}` of the specs that were trained."""
    found = {}
    for path in folder.glob("*.npz"):
        with np.load(path) as file:
            weights = [file[key] for key in sorted(file) if key[1:].isdigit()]
            metrics = {k: file[k] for k in file if not k[1:].isdigit()}
            found[path.stem] = metrics, np.concatenate([w.ravel() for w in weights])
    return found


# Tracing a step for several replicas takes long: each spec on two or on four.
SPECS = {
    1: EXACT | OTHERS | MIXED | AUTO | METHODS | STEP,
    2: EXACT | MIXED | AUTO | STEP | {"methods-gram": METHODS["methods-gram"]},
    4: OTHERS
    | AUTO
    | {"teacher": STEP["teacher"]}
    | {"methods-correlation": METHODS["methods-correlation"]},
}


def needed(items):
    """`SPECS` as far as the tests that will run compare them: one test needs one."""
    # A test without parameters compares all of them.
    asked = [getattr(item, "callspec", None) and item.callspec.params for item in items]

    def is_needed(replicas, name):
        return any(
            not p or (p["name"] == name and replicas in (1, p["replicas"]))
            for p in asked
        )

    return {
        replicas: {name: specs[name] for name in specs if is_needed(replicas, name)}
        for replicas, specs in SPECS.items()
    }


@pytest.fixture(scope="module")
def trained(request, tmp_path_factory):
    """What came out on one, two and four replicas of one process."""
    items = [item for item in request.session.items if item.path == request.path]
    found = needed(item for item in items if "trained" in item.fixturenames)
    folder = tmp_path_factory.mktemp("replicas")
    folders = {replicas: folder / str(replicas) for replicas in found}
    finish(*(start(r, specs, folders[r]) for r, specs in found.items() if specs))
    return {replicas: read(folders[replicas]) for replicas in SPECS}


@pytest.mark.parametrize(
    ("replicas", "name"),
    [(replicas, name) for replicas in (2, 4) for name in SPECS[replicas]],
)
def test_replicas_train_as_one_device(trained, replicas, name):
    tolerance = 2e-2 if name in MIXED else 1e-5
    metrics, weights = trained[1][name]
    others, other_weights = trained[replicas][name]
    logged = ["loss", "embedding_std", "participation_ratio"]
    if name in METHODS:
        logged += ["vicreg", "frossl", "sigreg", "hsic", "nt_xent", "cosine"]
    elif name in ("six views", "four views"):
        logged += ["invariance"]
    elif name != "other loss":
        logged += ["on_diagonal", "off_diagonal"]
    if name == "mixed":
        logged += ["mixed"]
    if name == "joint":
        logged += ["classification"]
    for key in logged:
        np.testing.assert_allclose(others[key], metrics[key], rtol=tolerance)
    change = np.linalg.norm(other_weights - weights)
    assert change <= tolerance * np.linalg.norm(weights)


def test_training_moves_the_weights(trained):
    """So that equal weights are no accident of weights that stay as they were."""
    weights = [trained[1][name][1] for name in EXACT]
    for one, other in itertools.pairwise(weights):
        assert np.linalg.norm(one - other) > 1e-3 * np.linalg.norm(one)


def test_two_worker_processes_train_as_one_device(trained, tmp_path, free_addresses):
    addresses = free_addresses(2)
    names = ["barlow_twins-gram-adam", "hsic-correlation-sgd", "auto", "methods-gram"]
    names += ["teacher"]
    specs = {name: SPECS[1][name] for name in names}
    workers = [
        start(
            0,
            specs,
            tmp_path,
            TF_CONFIG=json.dumps(
                {
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": index},
                }
            ),
        )
        for index in range(2)
    ]
    finish(*workers)
    found = read(tmp_path)
    assert found.keys() == set(names)
    for name in names:
        metrics, weights = trained[1][name]
        np.testing.assert_allclose(found[name][0]["loss"], metrics["loss"], rtol=1e-4)
        change = np.linalg.norm(found[name][1] - weights)
        assert change <= 1e-4 * np.linalg.norm(weights)


WORKERS = {"worker": ["127.0.0.1:1", "127.0.0.1:2"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "TF_CONFIG is not set"),
        ("{worker: 1}", "does not name this task"),
        ("[]", "does not name this task"),
        (json.dumps({"cluster": WORKERS}), "does not name this task"),
        (
            json.dumps({"cluster": WORKERS, "task": {"type": "ps", "index": 0}}),
            "does not name this task",
        ),
        (
            json.dumps({"cluster": WORKERS, "task": {"type": "worker", "index": 2}}),
            "names task worker 2, but its cluster has 2",
        ),
    ],
)
def test_bad_tf_config_is_one_line(monkeypatch, text, message):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match=message) as error:
        distribution.strategy("multi_worker")
    assert "\n" not in str(error.value)
