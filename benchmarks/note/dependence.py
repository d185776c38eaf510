"""How much two views depend on each other, in embeddings and in projections."""

import numpy as np


def measure(z_a, z_b):
    """The dependence of the embeddings of two views of the same images.

    Args:
        z_a: `(N, D)` array.
        z_b: `(N, D)` array.

    Returns:
        dict: `linear_hsic` and `kernel_hsic`, and for each of the two its share of what
        it would be if the views were the same, `linear_alignment` and
        `kernel_alignment`: `HSIC(a, b) / √(HSIC(a, a) HSIC(b, b))`, which is 0 to 1 and
        does not grow with how many features say the same (CKA, Kornblith et al., arXiv
        1905.00414, equation 3).
    """
    linear_grams = [_linear_gram(z) for z in (z_a, z_b)]
    linear = [float(np.sum(a * b)) for a, b in _pairs(*linear_grams)]
    kernels = [_centred_kernel(z) for z in (z_a, z_b)]
    kernel = [float(np.mean(a * b)) for a, b in _pairs(*kernels)]
    return {
        "linear_hsic": linear[0],
        "linear_alignment": _alignment(linear),
        "kernel_hsic": kernel[0],
        "kernel_alignment": _alignment(kernel),
    }


def _pairs(a, b):
    return (a, b), (a, a), (b, b)


def _alignment(dependences):
    between, own_a, own_b = dependences
    return between / max(np.sqrt(own_a * own_b), np.finfo(np.float64).tiny)


def _linear_gram(z):
    """`a aᵀ / N` of standardised features; the products of two are `‖C‖²_F`.

    It is `keras_twins.evaluation.linear_hsic` at the cost of one matrix for each view
    instead of one for each pair of views.
    """
    z = np.asarray(z, np.float64)
    a = (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
    return a @ a.T / len(a)


def _centred_kernel(z):
    """`H K H` of the inverse multiquadric kernel of unit rows, as SSL-HSIC has it."""
    z = np.asarray(z, np.float64)
    unit = z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)
    unit = unit - unit.mean(axis=0)  # Distances keep their digits after a collapse.
    lengths = np.sum(np.square(unit), axis=1)
    squares = lengths[:, None] + lengths - 2.0 * unit @ unit.T
    kernel = 1.0 / np.sqrt(1.0 + np.maximum(squares, 0.0)) - 1.0
    rows = kernel.mean(axis=0)
    return kernel - rows - rows[:, None] + rows.mean()
