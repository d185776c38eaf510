"""What losses refuse, in one text each: what is wrong, expected, and received."""

from keras_twins import replicas


def check_pair(z_a, z_b):
    """Raises ValueError unless both are `(N, D)` of one shape."""
    shape_a, shape_b = tuple(z_a.shape), tuple(z_b.shape)
    if len(shape_a) != 2 or len(shape_b) != 2:
        raise ValueError(
            "The embeddings of the two views must be matrices. "
            "Expected shapes `(batch_size, dim)`. "
            f"Received: z_a.shape={shape_a}, z_b.shape={shape_b}"
        )
    if _differ(shape_a, shape_b):
        raise ValueError(
            "The embeddings of the two views must have the same shape. "
            "Expected z_a.shape == z_b.shape. "
            f"Received: z_a.shape={shape_a}, z_b.shape={shape_b}"
        )


def check_views(views):
    """Raises ValueError unless there are two or more, all `(N, D)` of one shape."""
    shapes = [tuple(z.shape) for z in views]
    matrices = all(len(shape) == 2 for shape in shapes)
    if len(shapes) < 2 or not matrices or any(_differ(shapes[0], s) for s in shapes):
        raise ValueError(
            "The embeddings of the views must be matrices of one shape. "
            "Expected two or more of shape `(batch_size, dim)`. "
            f"Received: shapes={shapes}"
        )


def check_count(taker, most, count):
    """Raises ValueError where a loss or a model is given more views than it takes.

    Args:
        taker: str, the name of the loss or the model.
        most: int, how many views it takes; None for any number.
        count: int, how many there are.
    """
    if most is not None and count > most:
        raise ValueError(
            f"{taker} compares two views of an example. Expected batches of two views, "
            "or a loss of any number of them, such as "
            "`keras_twins.losses.FroSSLLoss`, in `keras_twins.models.Twins` without "
            f"a predictor or momentum. Received: {count} views"
        )


def _differ(shape, other):
    pairs = zip(shape, other, strict=True)
    return any(m is not None and n is not None and m != n for m, n in pairs)


def check_rows(z, what):
    """Raises ValueError where one replica has fewer than two rows.

    Args:
        z: `(n, D)`, this replica's shard.
        what: str, what cannot be computed of one row: "A correlation over the batch".
    """
    rows = z.shape[0]
    if replicas.current().count == 1 and rows is not None and rows < 2:
        raise ValueError(
            f"{what} needs at least two samples. Expected batch_size >= 2. "
            f"Received: z_a.shape={tuple(z.shape)}"
        )


def check_weights(**weights):
    """Raises ValueError for a number that is less than 0, or not a number."""
    for name, value in weights.items():
        if not value >= 0:
            raise ValueError(
                f"Invalid value for argument `{name}`. Expected a number >= 0. "
                f"Received: {name}={value}"
            )


def check_positive(**values):
    """Raises ValueError for a number that is 0 or less, or not a number."""
    for name, value in values.items():
        if not value > 0:
            raise ValueError(
                f"Invalid value for argument `{name}`. Expected a number > 0. "
                f"Received: {name}={value}"
            )


def check_choice(choices, **values):
    """Raises ValueError for a value that is not one of the choices."""
    for name, value in values.items():
        if value not in choices:
            raise ValueError(
                f"Invalid value for argument `{name}`. Expected one of {choices}. "
                f"Received: {name}={value!r}"
            )
