"""The losses of other methods as their papers have them, in NumPy's double precision.

They are written from the formulas, of whole matrices, and share nothing with the code
that they test. `METHODS` has a loss for each, with arguments that are not the defaults.
"""

import functools

import numpy as np
from keras import ops

from keras_twins import losses


def vicreg(a, b, weights=(25.0, 25.0, 1.0), eps=1e-4):
    variance = covariance = 0.0
    for z in (a, b):
        c = np.atleast_2d(np.cov(z.T))
        deviations = np.sqrt(np.diag(c) + eps)
        variance += 0.5 * np.mean(np.maximum(0.0, 1.0 - deviations))
        covariance += np.sum((c * (1 - np.eye(len(c)))) ** 2) / len(c)
    return np.dot(weights, (np.mean((a - b) ** 2), variance, covariance))


def frossl(*views, weight=1.0):
    views = [z / np.linalg.norm(z, axis=0) for z in views]
    mean = sum(views) / len(views)
    value = 0.0
    for z in views:
        kernel = z.T @ z
        value += 2 * np.log(np.linalg.norm(kernel / np.trace(kernel)))
        value += weight * len(views) * z.shape[1] * np.mean((z - mean) ** 2)
    return value


def sigreg(*views, slices, weight=0.05):
    t = np.linspace(0, 3, 17)
    normal = np.exp(-(t**2) / 2)
    statistic = 0.0
    for z in views:
        phi = np.exp(1j * (z @ slices)[:, :, None] * t).mean(axis=0)
        integral = 2 * np.trapezoid(np.abs(phi - normal) ** 2 * normal, t)
        statistic += len(z) * np.mean(integral) / len(views)
    spread = np.mean([(z - sum(views) / len(views)) ** 2 for z in views])
    return (1 - weight) * spread + weight * statistic


def units(z):
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def ssl_hsic(*views, gamma=3.0, scale=1.0):
    views = [units(z) for z in views]
    every = np.concatenate(views)
    n, count = len(views[0]), len(views)

    def kernel(x, y):
        squares = np.sum((x[:, None] - y[None]) ** 2, axis=-1)
        return scale / np.sqrt(scale**2 + squares)

    k = kernel(every, every)
    h = np.eye(len(every)) - 1 / len(every)
    pairs = [
        np.mean(np.diag(kernel(views[i], views[j])))
        for i in range(count)
        for j in range(i)
    ]
    zz = np.sum((h @ k @ h) ** 2) / (n * count) ** 2
    return gamma * np.sqrt(zz) - (np.mean(pairs) - np.mean(k))


def ssl_hsic_of_features(*views, sets, gamma=3.0):
    views = [units(z) for z in views]
    n, count = len(views[0]), len(views)
    first, second = (
        [np.sqrt(2 / len(p)) * np.cos(z @ w + p) for z in views] for w, p in sets
    )
    zy = np.sum(sum(first) ** 2) / (n * count * (count - 1))
    first, second = np.concatenate(first), np.concatenate(second)
    zy -= np.sum(first.mean(axis=0) ** 2)
    product = (first - first.mean(axis=0)).T @ (second - second.mean(axis=0))
    return gamma * np.linalg.norm(product) / (n * count) - zy


def nt_xent(a, b, temperature=0.2, decoupled=False):
    a, b = units(a), units(b)
    every, n = np.concatenate([a, b]), len(a)
    logits = np.exp(every @ every.T / temperature)
    value = 0.0
    for row in range(2 * n):
        positive = logits[row, (row + n) % (2 * n)]
        total = logits[row].sum() - logits[row, row] - decoupled * positive
        value += np.log(total / positive) / (2 * n)
    return value


def cosine(a, b):
    return -np.mean(np.sum(units(a) * units(b), axis=1))


@functools.cache
def drawn(loss, width):
    """What a loss draws for its first step, in double precision."""

    def wide(x):
        return np.float64(ops.convert_to_numpy(x))

    if isinstance(loss, losses.SIGRegLoss):
        return {"slices": wide(loss.directions(width))}
    return {"sets": [(wide(w), wide(p)) for w, p in loss.random_features(width)]}


def of_draws(formula, loss):
    """The formula with what the loss draws."""
    return lambda *views: formula(*views, **drawn(loss, views[0].shape[1]))


def _methods():
    for form in ("gram", "correlation", "auto"):
        loss = losses.VICRegLoss(10.0, 15.0, 2.0, 1e-3, form)
        formula = functools.partial(vicreg, weights=(10.0, 15.0, 2.0), eps=1e-3)
        yield f"vicreg_{form}", loss, formula
        loss = losses.FroSSLLoss(1.4, form)
        yield f"frossl_{form}", loss, functools.partial(frossl, weight=1.4)
    loss = losses.SIGRegLoss(0.1, slices=12, seed=3)
    yield "sigreg", loss, of_draws(functools.partial(sigreg, weight=0.1), loss)
    loss = losses.SSLHSICLoss(2.0, kernel_scale=0.7)
    formula = functools.partial(ssl_hsic, gamma=2.0, scale=0.7)
    yield "ssl_hsic_exact", loss, formula
    loss = losses.SSLHSICLoss(2.0, "random_features", 0.7, features=12, seed=3)
    formula = functools.partial(ssl_hsic_of_features, gamma=2.0)
    yield "ssl_hsic_features", loss, of_draws(formula, loss)
    loss, formula = losses.NTXentLoss(0.3), functools.partial(nt_xent, temperature=0.3)
    yield "nt_xent", loss, formula
    loss = losses.NTXentLoss(0.3, decoupled=True)
    yield "dcl", loss, functools.partial(nt_xent, temperature=0.3, decoupled=True)
    yield "cosine", losses.NegativeCosineLoss(stop_gradient=False), cosine


METHODS = {name: (loss, formula) for name, loss, formula in _methods()}
