"""The sides of the benchmark of losses: reference formulas, and ours beside them.

A reference is the formula as a paper's code writes it, on whole matrices; it is written
here in TensorFlow and in PyTorch.
"""

import math

WEIGHT, EPS = 0.0051, 1e-5
SLICES, FEATURES = 1024, 512
# Of mixed images; each is mixed with the next one.
ALPHA, MIXING_SCALE = 0.3, 4.0

# Sides of each loss, reference first. Ratios are those to the last but PyTorch's.
SIDES = {
    "barlow_twins": ("official", "correlation", "gram", "pytorch"),
    "mixed": ("official", "correlation", "gram", "pytorch"),
    "vicreg": ("official", "correlation", "gram", "pytorch"),
    "frossl": ("official", "correlation", "gram", "pytorch"),
    "sigreg": ("official", "ours", "pytorch"),
    "ssl_hsic": ("width features", "official", "random_features", "exact", "pytorch"),
    "nt_xent": ("official", "ours", "pytorch"),
    "dcl": ("official", "ours", "pytorch"),
    "cosine": ("official", "ours", "pytorch"),
}
# Those that build a matrix of the width, where the loss has another form.
_OF_THE_WIDTH = {
    "barlow_twins": ("official", "correlation", "pytorch"),
    "mixed": ("official", "correlation", "pytorch"),
    "vicreg": ("official", "correlation", "pytorch"),
    "frossl": ("official", "correlation", "pytorch"),
    "ssl_hsic": ("width features",),
}


def holds_a_matrix_of_the_width(name, side):
    return side in _OF_THE_WIDTH.get(name, ())


def count_views(name):
    """How many matrices the loss is of."""
    return 3 if name == "mixed" else 2


def agree(name):
    """Whether all sides give one number: what is drawn differs from side to side."""
    return name not in ("ssl_hsic", "sigreg")


def ours(name, side):
    """The loss of this library that is a side."""
    # TensorFlow takes seconds to import, which the process that prints need not wait.
    from keras_twins import losses

    makers = {
        "barlow_twins": lambda: losses.BarlowTwinsLoss(WEIGHT, EPS, form=side),
        "mixed": lambda: _our_mixed(losses.BarlowTwinsLoss(WEIGHT, EPS, form=side)),
        "vicreg": lambda: losses.VICRegLoss(form=side),
        "frossl": lambda: losses.FroSSLLoss(form=side),
        "sigreg": lambda: losses.SIGRegLoss(slices=SLICES),
        "ssl_hsic": lambda: losses.SSLHSICLoss(kernel=side, features=FEATURES),
        "nt_xent": losses.NTXentLoss,
        "dcl": lambda: losses.NTXentLoss(decoupled=True),
        "cosine": losses.NegativeCosineLoss,
    }
    return makers[name]()


def _our_mixed(loss):
    # As in `ours`.
    import tensorflow as tf

    from keras_twins.losses.mixed import mixed_terms

    def of_views(a, b, m):
        partners = tf.roll(tf.range(a.shape[0]), -1, axis=0)
        return mixed_terms(loss, a, b, m, ALPHA, partners, MIXING_SCALE)["loss"]

    return of_views


def reference(name, side, width, backend):
    """The formula of a paper's code as a function of the views' matrices.

    Args:
        name: of the loss.
        side: of it.
        width: int, D, of the matrices.
        backend: `TensorFlow()` or `PyTorch()`.
    """
    formulas = {
        "barlow_twins": _barlow_twins,
        "mixed": _mixed,
        "vicreg": _vicreg,
        "frossl": _frossl,
        "sigreg": _sigreg,
        "ssl_hsic": _ssl_hsic,
        "nt_xent": _nt_xent,
        "dcl": _dcl,
        "cosine": _cosine,
    }
    drawn = []
    if name == "sigreg":
        drawn = [backend.units(backend.normal(width, SLICES), 0)]
    if name == "ssl_hsic":
        count = width if side == "width features" else FEATURES
        drawn = [backend.normal(width, count) for _ in range(2)]
    return lambda *views: formulas[name](backend, *views, *drawn)


class TensorFlow:
    """What the formulas need of TensorFlow."""

    def __init__(self):
        # As in `ours`.
        import tensorflow as tf

        self.exp, self.log, self.sqrt = tf.exp, tf.math.log, tf.sqrt
        self.cos, self.sin, self.relu = tf.cos, tf.sin, tf.nn.relu
        self.sum, self.mean = tf.reduce_sum, tf.reduce_mean
        self.transpose, self.log_sum = tf.transpose, tf.reduce_logsumexp
        self.concat, self.diagonal = tf.concat, tf.linalg.diag_part
        self.constant, self.reshape, self.stop = (
            tf.constant,
            tf.reshape,
            tf.stop_gradient,
        )
        self._tf = tf

    def variance(self, z):
        return self._tf.math.reduce_variance(z, 0)

    def units(self, z, axis):
        return self._tf.math.l2_normalize(z, axis)

    def normal(self, *shape):
        return self._tf.random.stateless_normal(shape, (0, 1))

    def infinite_diagonal(self, n):
        return self._tf.linalg.diag(self._tf.fill([n], -1e30))


class PyTorch:
    """What the formulas need of PyTorch."""

    def __init__(self):
        # An optional extra.
        import torch

        self.exp, self.log, self.sqrt = torch.exp, torch.log, torch.sqrt
        self.cos, self.sin, self.relu = torch.cos, torch.sin, torch.relu
        self.sum, self.mean = torch.sum, torch.mean
        self.transpose, self.log_sum = torch.t, torch.logsumexp
        self.concat, self.diagonal = torch.cat, torch.diagonal
        self.constant, self.reshape = torch.tensor, torch.reshape
        self.stop = torch.Tensor.detach
        self._torch = torch

    def variance(self, z):
        return z.var(0, correction=0)

    def units(self, z, axis):
        return self._torch.nn.functional.normalize(z, dim=axis)

    def normal(self, *shape):
        return self._torch.randn(*shape)

    def infinite_diagonal(self, n):
        return self._torch.diag(self._torch.full((n,), -1e30))


def _off_diagonal_squares(x, matrix):
    width = matrix.shape[0]
    flat = x.reshape(x.reshape(matrix, (-1,))[:-1], (width - 1, width + 1))
    return x.sum(flat[:, 1:] ** 2)


def _standardised(x, *views):
    return [(z - x.mean(z, 0)) / x.sqrt(x.variance(z) + EPS) for z in views]


def _correlation(x, a, b):
    return x.transpose(a) @ b / a.shape[0]


def _of_correlation(x, c):
    on = x.sum((x.diagonal(c) - 1.0) ** 2)
    return on + WEIGHT * _off_diagonal_squares(x, c)


def _barlow_twins(x, a, b):
    return _of_correlation(x, _correlation(x, *_standardised(x, a, b)))


def _mixed(x, a, b, m):
    a, b, m = _standardised(x, a, b, m)
    partners = x.concat([b[1:], b[:1]], 0)
    between = _correlation(x, a, b)
    value = _of_correlation(x, between)
    for view, own in ((a, _correlation(x, a, a)), (b, between)):
        wanted = ALPHA * own + (1.0 - ALPHA) * _correlation(x, partners, view)
        squares = x.sum((_correlation(x, m, view) - wanted) ** 2)
        value += MIXING_SCALE * WEIGHT * squares
    return value


def _vicreg(x, a, b):
    n, width = a.shape
    value = 25.0 * x.mean((a - b) ** 2)
    for z in (a, b):
        z = z - x.mean(z, 0)
        deviations = x.sqrt(x.sum(z**2, 0) / (n - 1) + 1e-4)
        covariance = x.transpose(z) @ z / (n - 1)
        value += 12.5 * x.mean(x.relu(1.0 - deviations))
        value += _off_diagonal_squares(x, covariance) / width
    return value


def _frossl(x, a, b):
    units = [x.units(z, 0) for z in (a, b)]
    mean, value = (units[0] + units[1]) / 2.0, 0.0
    for z in units:
        kernel = x.transpose(z) @ z
        kernel = kernel / x.sum(x.diagonal(kernel))
        value += x.log(x.sum(kernel**2))
        value += 2.0 * z.shape[1] * x.mean((z - mean) ** 2)
    return value


def _sigreg(x, a, b, slices):
    knots = x.constant([3.0 * i / 16 for i in range(17)])
    normal = x.exp(-(knots**2) / 2.0)
    ends = x.constant([3 / 16, *[3 / 8] * 15, 3 / 16])
    mean, value = (a + b) / 2.0, 0.0
    for z in (a, b):
        angles = (z @ slices)[:, :, None] * knots
        distances = (x.mean(x.cos(angles), 0) - normal) ** 2
        distances = distances + x.mean(x.sin(angles), 0) ** 2
        statistic = x.mean(x.sum(distances * normal * ends, 1)) * z.shape[0]
        value += 0.475 * x.mean((z - mean) ** 2) + 0.025 * statistic
    return value


def _ssl_hsic(x, a, b, first, second):
    a, b = x.units(a, 1), x.units(b, 1)
    n = a.shape[0]

    def features(z, frequencies):
        return math.sqrt(2.0 / frequencies.shape[1]) * x.cos(z @ frequencies)

    one, other = features(a, first), features(b, first)
    joint = x.sum((one + other) ** 2) / (2 * n)
    one = x.concat([one, other], 0)
    two = features(x.concat([a, b], 0), second)
    mean = x.mean(one, 0)
    product = x.transpose(one - mean) @ (two - x.mean(two, 0)) / (2 * n)
    return 3.0 * x.sqrt(x.sum(product**2)) - (joint - x.sum(mean**2))


def _logits(x, a, b, temperature):
    every = x.concat([x.units(a, 1), x.units(b, 1)], 0)
    logits = every @ x.transpose(every) / temperature
    n = a.shape[0]
    positives = x.diagonal(logits[:n, n:])
    return logits, x.concat([positives, positives], 0)


def _nt_xent(x, a, b):
    logits, positives = _logits(x, a, b, 0.2)
    logits = logits + x.infinite_diagonal(2 * a.shape[0])
    return x.mean(x.log_sum(logits, 1) - positives)


def _dcl(x, a, b):
    logits, positives = _logits(x, a, b, 0.1)
    diagonal = x.infinite_diagonal(a.shape[0])
    none = x.concat([diagonal, diagonal], 0)
    return x.mean(x.log_sum(logits + x.concat([none, none], 1), 1) - positives)


def _cosine(x, a, b):
    return -x.mean(x.sum(x.units(a, 1) * x.stop(x.units(b, 1)), 1))
