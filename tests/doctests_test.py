"""The examples in the docstrings of public names give what they show."""

import doctest
import importlib

import pytest

EXAMPLES = {
    "augment": ["LogMel", "TwoSoundViews", "TwoViews", "preset"],
    "augment.sounds": ["preset"],
    "collection": [
        "Neighbours",
        "duplicates",
        "leaks",
        "outliers",
        "select",
        "write",
    ],
    "data": [
        "describe",
        "evaluation_pipeline",
        "from_arrays",
        "joint_pipeline",
        "load",
        "two_view_pipeline",
    ],
    "distribution": ["strategy"],
    "evaluation": [
        "alignment",
        "covariance_spectrum",
        "effective_rank",
        "embed",
        "embedding_std",
        "few_labels",
        "interval",
        "knn_accuracy",
        "knn_predict",
        "linear_hsic",
        "linear_probe",
        "off_diagonal",
        "on_diagonal",
        "uniformity",
    ],
    "losses": [
        "BarlowTwinsLoss",
        "FroSSLLoss",
        "HSICLoss",
        "Levels",
        "NTXentLoss",
        "NegativeCosineLoss",
        "PairLoss",
        "SIGRegLoss",
        "SSLHSICLoss",
        "VICRegLoss",
        "at_step",
        "cross_correlation",
        "linear_hsic",
    ],
    "models": [
        "JointTwins",
        "MixedTwins",
        "Twins",
        "audiontt",
        "projector",
        "residual_encoder",
        "resnet20",
        "with_normalisation",
    ],
    "optimizers": ["LARS", "TwoRates"],
}


@pytest.mark.parametrize("part", EXAMPLES)
def test_every_example_of_a_public_name_is_run(part):
    module = importlib.import_module(f"keras_twins.{part}")
    names = getattr(module, "__all__", EXAMPLES[part])
    shown = [name for name in names if ">>>" in (getattr(module, name).__doc__ or "")]
    assert sorted(shown) == EXAMPLES[part]


@pytest.mark.parametrize(
    "part, name",
    [(part, name) for part, names in EXAMPLES.items() for name in names],
)
def test_an_example_gives_what_it_shows(part, name):
    public = getattr(importlib.import_module(f"keras_twins.{part}"), name)
    found = doctest.DocTestFinder(recurse=False).find(public, name)
    (example,) = (test for test in found if test.examples)
    results = doctest.DocTestRunner().run(example)
    assert not results.failed
