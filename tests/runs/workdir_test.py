"""The folder of a run: who may claim it, and what a run that fails leaves."""

import json

import pytest

from keras_twins.configs import digits
from keras_twins.errors import InputError
from keras_twins.runs.workdir import Workdir, as_data


def configured(**changed):
    config = digits.get_config()
    config.update_from_flattened_dict(changed)
    return config


def claimed(path, **changed):
    workdir = Workdir(path)
    workdir.claim(configured(**changed))
    return workdir


def trained(workdir):
    workdir.metrics.write_text('{"epoch": 1}\n')
    return workdir


def names(folder):
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_a_run_that_trained_nothing_leaves_no_claim(tmp_path):
    workdir = claimed(tmp_path / "run")
    (workdir.tensorboard / "train").mkdir(parents=True)
    workdir.checkpoints.mkdir()
    for path in (workdir.plan, workdir.metrics, workdir.bad_images):
        path.touch()
    workdir.release()
    # The error that ended it may have named this list.
    assert names(workdir.path) == {"bad_images.txt"}
    claimed(tmp_path / "run", seed=5).release()


def test_a_look_at_all_images_is_kept_for_the_same_command_alone(tmp_path):
    workdir = claimed(tmp_path)
    workdir.images.write_text("{}")
    workdir.release()
    claimed(tmp_path).release()
    assert workdir.images.exists()
    other = claimed(tmp_path, seed=5)
    assert names(tmp_path) == {"config.json"}
    other.release()


@pytest.mark.parametrize("trace", ["checkpoint", "metrics", "encoder"])
def test_what_has_trained_keeps_its_folder(tmp_path, trace):
    workdir = claimed(tmp_path / "run")
    workdir.checkpoints.mkdir()
    path = {
        "checkpoint": workdir.checkpoints / "epoch-00001-step-0000000.npz",
        "metrics": workdir.metrics,
        "encoder": workdir.encoder,
    }[trace]
    path.write_text("{}\n")
    workdir.release()
    assert path.exists() and json.loads(workdir.config.read_text())["seed"] == 0
    with pytest.raises(InputError, match="seed: 0 there, 5 given"):
        claimed(tmp_path / "run", seed=5)


def test_a_run_that_was_killed_before_it_trained_gives_way(tmp_path, capsys):
    workdir = Workdir(tmp_path)
    workdir.config.write_text(json.dumps(as_data(configured())))
    workdir.plan.write_text('{"batch_size": 8}')
    workdir.snapshots.mkdir()
    other = claimed(tmp_path, seed=5)
    assert "seed: 0 there, 5 given) had trained nothing" in capsys.readouterr().out
    assert names(tmp_path) == {"config.json"}
    assert json.loads(other.config.read_text())["seed"] == 5
    other.release()


def test_a_process_without_the_lock_takes_nothing_away(tmp_path):
    first = claimed(tmp_path)
    second = Workdir(tmp_path)
    with pytest.raises(InputError, match="being written by another process"):
        second.claim(configured())
    second.release()
    assert first.config.exists()
    first.release()


def test_more_epochs_say_what_to_do(tmp_path):
    workdir = trained(claimed(tmp_path / "run"))
    workdir.release()
    with pytest.raises(InputError) as raised:
        claimed(tmp_path / "run", epochs=200)
    text = str(raised.value)
    assert "epochs: 40 there, 200 given" in text and "\n" not in text
    assert f"--config.init_from={tmp_path / 'run'} and another --workdir" in text


def test_what_may_change_is_written_anew(tmp_path):
    trained(claimed(tmp_path)).release()
    workdir = claimed(tmp_path, **{"evaluation.k": 7, "data_dir": "/elsewhere"})
    assert workdir.read_config().evaluation.k == 7
    workdir.release()
