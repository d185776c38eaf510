"""What a type checker says of a user's program; `make types` runs the checker.

An ignored error is one that the checker must find: where it finds none, as it would in
names without types, it says that the comment is unused.
"""

from pathlib import Path
from typing import assert_type

import numpy as np
import numpy.typing as npt

import keras_twins as kt


def trains() -> None:
    encoder = kt.models.resnet18((32, 32, 3), stem="cifar")
    kt.models.resnet18((32, 32, 3), stem="resnet")  # type: ignore[arg-type]
    model = kt.models.Twins(encoder, kt.models.projector(512, (512, 2048)))
    kt.models.projector(512, 2048)  # type: ignore[arg-type]
    model.compile("adam", loss=kt.losses.HSICLoss())
    kt.losses.HSICLoss(form="grams")  # type: ignore[arg-type]
    kt.losses.BarlowTwinsLoss(lambda_=0.005)  # type: ignore[call-arg]
    kt.optimizers.LARS(momentum="0.9")  # type: ignore[arg-type]

    images = kt.data.load("folder:images")
    kt.data.load(Path("images"))  # type: ignore[arg-type]
    views = kt.augment.TwoViews(kt.augment.preset("cifar10"), seed=0)
    kt.augment.preset("cifar10")["side"]  # type: ignore[typeddict-item]
    kt.data.two_view_pipeline(images, views, batch_size=256, start=(0, 0))
    kt.data.two_view_pipeline(images, views, "256")  # type: ignore[arg-type]
    assert_type(model.embed(np.zeros((1, 32, 32, 3))), npt.NDArray[np.float32])


def evaluates(encoder: Path) -> None:
    features, labels = kt.evaluation.embed(encoder, kt.data.load("digits"))
    assert_type(features, npt.NDArray[np.float32])
    assert_type(labels, npt.NDArray[np.int64] | None)
    kt.evaluation.knn_accuracy(features, labels, [], [])  # type: ignore[arg-type]
    assert labels is not None
    assert_type(
        kt.evaluation.knn_accuracy(features, labels, features, labels, k=5), float
    )
    kt.evaluation.linear_probe(
        *(features, labels),
        *(features, labels),
        protocol="adam",  # type: ignore[arg-type]
    )


def exports_and_asks() -> None:
    encoder = kt.models.resnet18((32, 32, 3))
    assert_type(kt.export.export_saved_model(encoder, "models", 32), Path)
    kt.export.export_onnx(encoder, "models", 32, max_pixels=1)  # type: ignore[call-arg]
    with kt.serving.client.EmbeddingClient("http://localhost:8501") as client:
        found = client.embed(
            ["a.jpg", b"", Path("b.png"), np.zeros((1, 1, 3), np.uint8)]
        )
        assert_type(found, npt.NDArray[np.float32])
        client.embed([1])  # type: ignore[list-item]
