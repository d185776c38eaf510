"""`keras-twins train` on two worker processes, one of which is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

EPOCHS = 6


def start_workers(workdir, addresses):
    command = [
        *(sys.executable, "-m", "keras_twins.commands.cli", "train"),
        *("--config=configs/digits.py", f"--workdir={workdir}"),
        *("--strategy=multi_worker", f"--config.epochs={EPOCHS}"),
        *("--config.encoder.widths=(8,)", "--config.encoder.depths=(1,)"),
        *("--config.projector=(32,32)", "--config.evaluation.every_epochs=3"),
    ]
    workers = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        config = {"cluster": {"worker": addresses}, "task": task}
        workers.append(
            subprocess.Popen(
                command,
                env=os.environ | {"TF_CONFIG": json.dumps(config)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return workers


def epochs_written(workdir):
    metrics = workdir / "metrics.jsonl"
    return len(metrics.read_text().splitlines()) if metrics.exists() else 0


@pytest.fixture
def workers_of(free_addresses):
    """Starts workers, and ends those that a failing test leaves."""
    started = []

    def start(workdir):
        started.extend(start_workers(workdir, free_addresses(2)))
        return started[-2:]

    yield start
    for worker in started:
        worker.kill()


def test_a_lost_worker_stops_the_others_and_all_go_on(tmp_path, workers_of):
    workdir = tmp_path / "run"
    chief, other = workers_of(workdir)
    deadline = time.monotonic() + 240
    while epochs_written(workdir) < 2:
        assert chief.poll() is None, chief.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    _, error = chief.communicate(timeout=60)
    assert chief.returncode == 1
    assert "another worker is gone" in error.strip().splitlines()[-1]
    assert "Traceback" not in error
    assert epochs_written(workdir) < EPOCHS

    again = workers_of(workdir)
    outputs = [worker.communicate(timeout=300) for worker in again]
    assert [worker.returncode for worker in again] == [0, 0], outputs
    assert "train (worker 0 of 2, the chief)" in outputs[0][0]
    assert "train (worker 1 of 2)" in outputs[1][0]
    assert all("going on after epoch" in output for output, _ in outputs)
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in lines]
    assert [line["epoch"] for line in lines] == list(range(1, EPOCHS + 1))
    assert (workdir / "encoder.keras").exists()


def test_an_address_in_use_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = {
            "cluster": {"worker": [f"127.0.0.1:{taken.getsockname()[1]}"]},
            "task": {"type": "worker", "index": 0},
        }
        done = subprocess.run(
            [
                *(sys.executable, "-m", "keras_twins.commands.cli", "train"),
                *("--config=configs/digits.py", f"--workdir={tmp_path / 'run'}"),
                "--strategy=multi_worker",
            ],
            env=os.environ | {"TF_CONFIG": json.dumps(config)},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 1
    assert "cannot listen" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()
