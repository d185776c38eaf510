"""Residual encoders (He et al., arXiv 1512.03385), pooled and without a head."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import keras
from keras import layers

from keras_twins.models import time_pooling
from keras_twins.models.batch_norm import BatchNormalization

Shape: TypeAlias = tuple[int | None, int | None, int]
Stem: TypeAlias = Literal["cifar", "small", "imagenet"]
STEMS = get_args(Stem)
Pool: TypeAlias = Literal["average", "time"]
POOLS = get_args(Pool)


def _conv(x, filters, kernel, stride, name):
    """Convolution padded alike on both sides, as PyTorch does it, without a bias."""
    same = stride == 1 or kernel == 1
    if not same:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same" if same else "valid",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(2.0, "fan_out"),
        name=name,
    )(x)


def _norm(x, name, zero=False, **affine):
    """Batch norm over the global batch; `zero` starts its scale at 0."""
    return BatchNormalization(
        gamma_initializer="zeros" if zero else "ones", name=name, **affine
    )(x)


def _conv_norm_relu(x, filters, kernel, stride, name):
    x = _conv(x, filters, kernel, stride, f"{name}_conv")
    x = _norm(x, f"{name}_norm")
    return layers.ReLU(name=f"{name}_relu")(x)


def _shortcut(x, filters, stride, name):
    if stride == 1 and x.shape[-1] == filters:
        return x
    x = _conv(x, filters, 1, stride, f"{name}_shortcut_conv")
    return _norm(x, f"{name}_shortcut_norm")


def _basic_block(x, filters, stride, name):
    y = _conv_norm_relu(x, filters, 3, stride, f"{name}_1")
    y = _conv(y, filters, 3, 1, f"{name}_2_conv")
    y = _norm(y, f"{name}_2_norm", zero=True)
    y = layers.Add(name=f"{name}_add")([_shortcut(x, filters, stride, name), y])
    return layers.ReLU(name=f"{name}_out")(y)


def _bottleneck_block(x, filters, stride, name):
    y = _conv_norm_relu(x, filters, 1, 1, f"{name}_1")
    y = _conv_norm_relu(y, filters, 3, stride, f"{name}_2")
    y = _conv(y, 4 * filters, 1, 1, f"{name}_3_conv")
    y = _norm(y, f"{name}_3_norm", zero=True)
    y = layers.Add(name=f"{name}_add")([_shortcut(x, 4 * filters, stride, name), y])
    return layers.ReLU(name=f"{name}_out")(y)


def _stem(x, stem, filters):
    if stem == "cifar":
        return _conv_norm_relu(x, filters, 3, 1, "stem")
    if stem == "small":
        return _conv_norm_relu(x, filters, 3, 2, "stem")
    x = _conv_norm_relu(x, filters, 7, 2, "stem")
    x = layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)


def residual_encoder(
    input_shape: Shape,
    stem: Stem,
    widths: Sequence[int],
    depths: Sequence[int],
    block: Literal["basic", "bottleneck"] = "basic",
    output_norm: bool = False,
    pool: Pool = "average",
    name: str = "residual_encoder",
) -> keras.Model:
    """A residual encoder of any size: one stage a width, halving the image between.

    The last norm of each block starts at zero, so that each block starts as the
    identity. Batch norm is synchronised over replicas.

    Args:
        input_shape: `(height, width, channels)` of the normalised images; height and
            width may be None.
        stem: `"cifar"` (3×3, stride 1), `"small"` (3×3, stride 2) or `"imagenet"` (7×7,
            stride 2, then max pooling).
        widths: sequence of ints, the filters of each stage; the stem has those of the
            first.
        depths: sequence of as many ints, the blocks of each stage.
        block: `"basic"` (two 3×3) or `"bottleneck"` (1×1, 3×3, 1×1, four times as
            wide).
        output_norm: bool. Whether each pooled feature is standardised (batch norm
            without scale and offset), so that none outweighs the others in a cosine.
        pool: `"average"` over both axes; or `"time"`, for log-mels: the frequencies
            are folded into the channels, and the maximum plus the mean over time is
            taken, so that pitch is not averaged away. The height must be known then.
        name: str.

    Returns:
        `keras.Model` from images to pooled embeddings `(batch_size, dim)`.

    Raises:
        ValueError: for a stem, block or pool that does not exist, widths without
            depths, or a height that is not known where it must be.

    Examples:
        >>> import keras_twins as kt
        >>> encoder = kt.models.residual_encoder((16, 16, 3), "small", (8, 16), (1, 1))
        >>> encoder.output_shape, encoder.count_params()
        ((None, 16), 5240)
    """
    if stem not in STEMS:
        raise ValueError(
            "Invalid value for argument `stem`. "
            f"Expected one of {STEMS}. Received: stem={stem!r}"
        )
    if pool not in POOLS:
        raise ValueError(
            "Invalid value for argument `pool`. "
            f"Expected one of {POOLS}. Received: pool={pool!r}"
        )
    if pool == "time":
        time_pooling.check_bands(input_shape, least=1)
    blocks = {"basic": _basic_block, "bottleneck": _bottleneck_block}
    if block not in blocks:
        raise ValueError(
            "Invalid value for argument `block`. "
            f"Expected one of {tuple(blocks)}. Received: block={block!r}"
        )
    if not widths or len(widths) != len(depths):
        raise ValueError(
            "Each stage needs a width and a depth. Expected as many `widths` as "
            f"`depths`. Received: widths={tuple(widths)}, depths={tuple(depths)}"
        )
    inputs = keras.Input(tuple(input_shape), name="images")
    x = _stem(inputs, stem, widths[0])
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        for index in range(depth):
            stride = 2 if stage and not index else 1
            x = blocks[block](x, width, stride, f"stage{stage + 1}_block{index + 1}")
    if pool == "time":
        x = time_pooling.over_time(time_pooling.by_frame(x))
    else:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
    if output_norm:
        x = _norm(x, "output_norm", center=False, scale=False)
    return keras.Model(inputs, x, name=name)


def resnet18(input_shape: Shape, stem: Stem = "cifar") -> keras.Model:
    """ResNet-18: embeddings of width 512; see `residual_encoder`."""
    return residual_encoder(
        input_shape, stem, (64, 128, 256, 512), (2, 2, 2, 2), name="resnet18"
    )


def resnet20(input_shape: Shape, stem: Stem = "cifar") -> keras.Model:
    """ResNet-20 of the CIFAR-10 experiments: width 64; see `residual_encoder`.

    Examples:
        >>> import keras_twins as kt
        >>> encoder = kt.models.resnet20((32, 32, 3))
        >>> encoder.output_shape, encoder.count_params()
        ((None, 64), 273392)
    """
    return residual_encoder(input_shape, stem, (16, 32, 64), (3, 3, 3), name="resnet20")


def resnet34(input_shape: Shape, stem: Stem = "cifar") -> keras.Model:
    """ResNet-34: embeddings of width 512; see `residual_encoder`."""
    return residual_encoder(
        input_shape, stem, (64, 128, 256, 512), (3, 4, 6, 3), name="resnet34"
    )


def resnet50(input_shape: Shape, stem: Stem = "cifar") -> keras.Model:
    """ResNet-50, stride in the 3×3: width 2048; see `residual_encoder`."""
    return residual_encoder(
        input_shape,
        stem,
        (64, 128, 256, 512),
        (3, 4, 6, 3),
        block="bottleneck",
        name="resnet50",
    )
