"""A server that cannot start says why in one line."""

import socket
import subprocess
import sys

import pytest


def _refusal(*flags):
    """The one line of a server that does not start."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "keras_twins.commands.serve",
            "--rest_port=0",
            "--grpc_port=0",
        ]
        + list(map(str, flags)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    lines = [line for line in done.stderr.splitlines() if line[:1] != "{"]
    (line,) = [line for line in lines if line]
    return line


def test_a_folder_without_a_model_is_refused_in_one_line(tmp_path):
    assert "does not exist" in _refusal(f"--model_dir={tmp_path}/none")
    assert "holds no version" in _refusal(f"--model_dir={tmp_path}")
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.keras").write_bytes(b"PK")
    assert "has no saved_model.pb" in _refusal(f"--model_dir={tmp_path}")
    assert "expected either --model_dir or --model_config_file" in _refusal()


@pytest.mark.parametrize("damage", ["saved_model.pb", "variables/variables.index"])
def test_a_half_written_version_is_refused_in_one_line(model_dir, damage):
    (model_dir / "1" / damage).write_bytes(b"")
    line = _refusal(f"--model_dir={model_dir}")
    assert line.startswith(f"keras-twins: '{model_dir}/1' does not load as a model: ")


@pytest.mark.parametrize("flag", ["rest_port", "grpc_port"])
def test_a_port_in_use_is_refused_in_one_line(exported, flag):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = _refusal(f"--model_dir={exported}/embedder", f"--{flag}={port}")
    assert f"--{flag}={port}: 127.0.0.1:{port}: Address already in use" in line


def test_a_host_that_is_not_here_is_refused_in_one_line(exported):
    line = _refusal(f"--model_dir={exported}/embedder", "--host=no.such.host.invalid")
    assert "--rest_port=0: no.such.host.invalid:0: " in line
