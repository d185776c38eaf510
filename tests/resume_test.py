"""A run that is killed is the same run, whatever kills it; see `lives.py`."""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

LIVES = pathlib.Path(__file__).with_name("lives.py")


def run_lives(workdir, *lives):
    """Exit statuses of the lives, and what they printed."""
    done = subprocess.run(
        [sys.executable, LIVES, workdir, json.dumps(lives)],
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = done.stdout.splitlines()
    statuses = [int(line.split()[1]) for line in lines if line.startswith("status")]
    assert len(statuses) == len(lives), done.stderr
    return statuses, done.stdout


def last_state(workdir):
    with np.load(sorted((workdir / "checkpoints").glob("*.npz"))[-1]) as file:
        return dict(file)


def metrics(workdir):
    """The lines of the metrics, but for the times."""
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in lines]
    return [{k: v for k, v in line.items() if "seconds" not in k} for line in lines]


def assert_same_bits(expected_workdir, found_workdir):
    expected, found = last_state(expected_workdir), last_state(found_workdir)
    assert expected.keys() == found.keys()
    assert {name.split("-")[0] for name in found} == {"weight", "optimizer", "metric"}
    for name, value in expected.items():
        assert value.tobytes() == found[name].tobytes(), name
    assert metrics(found_workdir) == metrics(expected_workdir)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("undisturbed") / "run"
    statuses, _ = run_lives(workdir, {})
    assert statuses == [0]
    return workdir


def test_a_run_killed_at_any_step_ends_bit_for_bit_as_the_undisturbed_one(
    undisturbed, tmp_path
):
    steps = random.randint(4, 9)
    print("killed after steps", steps)
    statuses, text = run_lives(
        tmp_path / "run",
        {"die": "while saving 3"},
        {"die": steps},
        {"die": "disk 2"},
        {},
    )
    assert statuses == [-9, -9, 1, 0]
    assert "going on after step 4 of epoch 1" in text
    (full,) = [line for line in text.splitlines() if "cannot be written" in line]
    assert "File too large" in full and "last checkpoint is intact" in full
    assert_same_bits(undisturbed, tmp_path / "run")
    assert [line["epoch"] for line in metrics(undisturbed)] == [1, 2]
    # Nothing half written is left where somebody may take it for whole.
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"encoder.keras", "model.keras"} <= names
    assert not [name for name in names if "partial" in name]


def test_a_run_with_a_predictor_and_a_teacher_that_is_killed_is_the_same_one(tmp_path):
    byol = {
        **{"loss.name": "negative_cosine", "model.predictor": [16]},
        **{"model.momentum": 0.9, "model.final_momentum": 1.0},
    }
    statuses, _ = run_lives(tmp_path / "undisturbed", {"config": byol})
    assert statuses == [0]
    statuses, text = run_lives(
        tmp_path / "run", {"config": byol, "die": 5}, {"config": byol}
    )
    assert statuses == [-9, 0]
    assert "going on after step 4 of epoch 1" in text
    assert "predictor 16-32, teacher momentum 0.9 to 1" in text
    assert_same_bits(tmp_path / "undisturbed", tmp_path / "run")
    # The teacher is there, and is not the student.
    weights = [v for k, v in last_state(tmp_path / "run").items() if "weight" in k]
    kernels = [w for w in weights if w.shape == (3, 3, 3, 8)]
    assert len(kernels) == 2 and not np.array_equal(*kernels)


def test_a_run_on_replicas_that_is_killed_ends_bit_for_bit_as_well(tmp_path):
    statuses, _ = run_lives(tmp_path / "undisturbed", {"replicas": 2})
    assert statuses == [0]
    statuses, text = run_lives(
        tmp_path / "run", {"replicas": 2, "die": 5}, {"replicas": 2}
    )
    assert statuses == [-9, 0]
    assert "going on after step 4 of epoch 1" in text
    assert_same_bits(tmp_path / "undisturbed", tmp_path / "run")


def test_replicas_may_change_while_a_run_is_stopped(undisturbed, tmp_path):
    statuses, text = run_lives(
        tmp_path / "run", {"replicas": 2, "die": 8}, {"die": 6}, {"replicas": 2}
    )
    assert statuses == [-9, -9, 0]
    assert "on 2 replicas" in text and "going on after step 8 of epoch 1" in text
    expected, found = last_state(undisturbed), last_state(tmp_path / "run")
    for name, value in expected.items():
        if name.startswith("weight"):
            np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-4)
    for one, other in zip(metrics(undisturbed), metrics(tmp_path / "run"), strict=True):
        # Sums of the epoch: twice what they are would be a mean all the same.
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-4)
    counts = [name for name in expected if name.startswith("metric")]
    for name in counts:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-3)


def command(workdir, *overrides):
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "keras_twins.commands.cli", "train"),
            *("--config=configs/digits.py", f"--workdir={workdir}"),
            *("--config.encoder.widths=(8,)", "--config.encoder.depths=(1,)"),
            *("--config.projector=(32,32)", "--config.evaluation.every_epochs=0"),
            *overrides,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_signals_stop_a_run_and_one_folder_has_one_writer(tmp_path):
    workdir = tmp_path / "run"
    first = command(workdir, "--config.epochs=2000")
    deadline = time.monotonic() + 120
    while not list(workdir.glob("checkpoints/*.npz")):
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    _, error = command(workdir, "--config.epochs=2000").communicate(timeout=120)
    assert error.splitlines()[-1].endswith(
        "is being written by another process: wait for it, or give another folder"
    )
    assert "Traceback" not in error
    first.send_signal(signal.SIGTERM)
    output, error = first.communicate(timeout=60)
    assert first.returncode == 75
    assert "stopping after this step" in output
    (line,) = error.splitlines()
    assert line.startswith("keras-twins: stopped as asked, at ")
    # Nobody holds the lock now, and the second signal does not wait.
    second = command(workdir, "--config.epochs=2000")
    while "going on after" not in second.stdout.readline():
        assert second.poll() is None
    second.send_signal(signal.SIGINT)
    while "stopping after this step" not in second.stdout.readline():
        assert second.poll() is None
    if second.poll() is None:
        second.send_signal(signal.SIGTERM)
    second.communicate(timeout=60)
    # It may have come to the end of its step between the two.
    assert second.returncode in (-signal.SIGTERM, 75)
