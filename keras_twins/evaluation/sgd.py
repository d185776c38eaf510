"""A linear classifier by the stochastic gradient descent of the papers."""

import numpy as np

# `evaluate.py` of facebookresearch/barlowtwins: 100 epochs of batches of 256, a rate of
# 0.3 that falls by a cosine, momentum 0.9 and weight decay 1e-6.
_EPOCHS = 100
_BATCH_SIZE = 256
_RATE = 0.3
_MOMENTUM = 0.9
_DECAY = 1e-6


def fit(features, labels, n_classes, seed):
    """Fits a multinomial regression to frozen features.

    Images are not cropped at random, as they are in the papers: features are frozen.

    Args:
        features: `(N, D)` array, standardised.
        labels: `(N,)` array of integers in 0..n_classes - 1.
        n_classes: int.
        seed: int, of the order of the images.

    Returns:
        `(D + 1, n_classes)` float32 array of weights, biases last.
    """
    ones = np.ones((len(features), 1), np.float32)
    features = np.hstack([np.asarray(features, np.float32), ones])
    weights = np.zeros((features.shape[1], n_classes), np.float32)
    velocity = np.zeros_like(weights)
    generator = np.random.default_rng(seed)
    starts = range(0, len(features), _BATCH_SIZE)
    for epoch in range(_EPOCHS):
        order = generator.permutation(len(features))
        # The schedule of the source: one rate an epoch.
        rate = _RATE * 0.5 * (1.0 + np.cos(np.pi * epoch / _EPOCHS))
        for start in starts:
            rows = order[start : start + _BATCH_SIZE]
            gradient = _gradient(features[rows], labels[rows], weights)
            velocity = _MOMENTUM * velocity + gradient + _DECAY * weights
            weights = weights - np.float32(rate) * velocity
    return weights


def _gradient(features, labels, weights):
    """Gradient of the mean cross-entropy."""
    logits = features @ weights
    errors = np.exp(logits - logits.max(axis=1, keepdims=True))
    errors /= errors.sum(axis=1, keepdims=True)
    errors[np.arange(len(labels)), labels] -= 1.0
    return features.T @ errors / np.float32(len(labels))
