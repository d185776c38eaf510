"""The text protos that TensorFlow Serving reads, too."""

import pathlib

import pytest

from keras_twins.errors import InputError
from keras_twins.serving.config import (
    BatchingSettings,
    ModelSettings,
    read_batching_parameters,
    read_model_config,
)

SHIPPED = pathlib.Path(__file__).parents[3] / "serving" / "tensorflow_serving"


def _written(tmp_path, text):
    path = tmp_path / "file.config"
    path.write_text(text)
    return path


def test_the_files_for_tf_serving_are_read():
    (model,) = read_model_config(SHIPPED / "models.config")
    assert (model.name, model.base_path) == ("embedder", "/models/embedder")
    assert model.labels == {"stable": 1}
    batching = read_batching_parameters(SHIPPED / "batching.config")
    assert batching.max_batch_size == 32


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", BatchingSettings()),
        ("max_batch_size { value: 5 }", BatchingSettings(max_batch_size=5)),
        (
            "max_batch_size { value: 64 } batch_timeout_micros { value: 1500 } "
            "max_enqueued_batches { value: 9 } num_batch_threads { value: 2 } "
            'pad_variable_length_inputs: true thread_pool_name { value: "a" } '
            "allowed_batch_sizes: [1, 64]",
            BatchingSettings(64, 0.0015, 2, 9),
        ),
        (
            "max_batch_size { value: 64 } max_execution_batch_size { value: 16 } "
            "enable_large_batch_splitting { value: true } allowed_batch_sizes: 16",
            BatchingSettings(max_batch_size=16),
        ),
    ],
)
def test_batching_parameters_mean_what_they_say(tmp_path, text, expected):
    assert read_batching_parameters(_written(tmp_path, text)) == expected


@pytest.mark.parametrize(
    "text, reason",
    [
        ("max_batch_size: 5", "max_batch_size"),
        ("max_batch_sise { value: 5 }", "max_batch_sise"),
        ("max_batch_size { value: 0 }", "max_batch_size is 0; expected 1 or more"),
        ("batch_timeout_micros { value: -1 }", "expected 0 or more"),
        ("allowed_batch_sizes: [32, 8]", "expected ascending sizes"),
        ("allowed_batch_sizes: [1, 8]", "end with the largest batch, 32"),
    ],
)
def test_batching_parameters_that_make_no_sense_are_refused(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason) as caught:
        read_batching_parameters(_written(tmp_path, text))
    assert "--batching_parameters_file=" in str(caught.value)


MODEL = 'name: "a" base_path: "/a" '
LIST = "model_config_list { %s }"


@pytest.mark.parametrize(
    "text, policy, versions",
    [
        ("", "latest", 1),
        ("model_version_policy { latest {} }", "latest", 1),
        ("model_version_policy { latest { num_versions: 3 } }", "latest", 3),
        ("model_version_policy { all {} }", "all", 0),
        (
            "model_version_policy { specific { versions: [4, 2] } }",
            "specific",
            frozenset({2, 4}),
        ),
    ],
)
def test_version_policies_are_read(tmp_path, text, policy, versions):
    text = LIST % f"config {{ {MODEL} {text} }}"
    settings = read_model_config(_written(tmp_path, text))
    assert settings == [ModelSettings("a", "/a", policy, versions)]


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "one model or more"),
        ("custom_model_config {}", "one model or more"),
        (LIST % 'config { name: "a" }', "needs a name and a base_path"),
        (LIST % (f"config {{ {MODEL} }}" * 2), "'a' is listed twice"),
        (LIST % f'config {{ {MODEL} model_platform: "caffe" }}', "platform 'caffe'"),
        (LIST % "config { nmae: 1 }", "nmae"),
    ],
)
def test_model_configurations_that_make_no_sense_are_refused(tmp_path, text, reason):
    with pytest.raises(InputError, match=reason):
        read_model_config(_written(tmp_path, text))
    with pytest.raises(InputError, match="No such file"):
        read_model_config(tmp_path / "none")
