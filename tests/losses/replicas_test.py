"""Derivatives and constant features on several replicas are those on one."""

import json
import os
import pathlib
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).parent / "derivatives_on_replicas.py"


def test_replicas_have_the_derivatives_and_constants_of_one():
    paths = [str(SCRIPT.parent.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, SCRIPT],
        # oneDNN, the default on some processors, gives an empty shard a wrong shape.
        env=os.environ
        | {"TF_ENABLE_ONEDNN_OPTS": "0", "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found.pop("constant") == 0.0
    assert found.pop("others") > 0.0
    assert len(found) == 15
    assert max(max(distances) for distances in found.values()) < 1e-5, found
