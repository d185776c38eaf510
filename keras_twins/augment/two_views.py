"""The layer that turns a batch of images into two random views of each, or more."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf
from keras_cv.layers import VectorizedBaseImageAugmentationLayer

from keras_twins import keys as row_keys
from keras_twins.augment import (
    blur,
    colour,
    crops,
    exact_colour,
    image_batch,
    pixel_range,
    prepare,
    resampling,
)
from keras_twins.augment import spec as specs
from keras_twins.types import Tensor


@keras.saving.register_keras_serializable("keras_twins")
class TwoViews(VectorizedBaseImageAugmentationLayer):
    """Makes two random, normalised views of every image, and more where asked to.

    A spec with `further_views` asks for more (multi-crop, as of SwAV and DINO), of a
    size and crops of their own. The first two views are then what they are without.

    Args:
        preset_or_spec: str or dict. Name of a preset (`"digits"`, `"cifar10"`,
            `"stl10"`, `"tiny_imagenet"`, `"imagenet"`) or a spec of the form that
            `kt.augment.preset` returns. Defaults to `"cifar10"`.
        seed: int. All randomness is a function of it and the keys. Defaults to `0`.
        value_range: pair of numbers. What black and white are in images of a floating
            type; images of an integer type are always 0 to 255. Defaults to
            `(0, 255)`.
        exact_colour: bool. Whether colours change as in torchvision: brightness,
            contrast, saturation and hue in an order drawn per image, hue in HSV, values
            cut to 0..255 after each. By default they are one matrix an image, with a
            fixed order and hue as a rotation in YIQ: in photographs, 6.5 levels of 255
            away on average (95 % of the values less than 32), and 32-pixel views come
            more than twice as fast (`python -m benchmarks.views` prints both). Alone,
            brightness, contrast, saturation and greyscale are Pillow's to one level
            either way.
        resize: int. What an image's shorter side becomes before `prepare` cuts out its
            centre, in pixels. Defaults to the size of the views.

    Call arguments:
        - `images`: tensor of shape `(batch_size, height, width, channels)` with one
          (grey), three (RGB) or four channels (RGBA, whose alpha is dropped). Images
          smaller than the views are enlarged.
        - `keys`: what, with the seed, decides the views: an int64 tensor of shape
          `(batch_size,)` with a key per image (the same key gives the same views
          whatever the batch, its order or the device), or a scalar, such as the
          training step, that is spread over the rows. By default a counter of the
          layer's, so that every call gives new views; parallel calls of a `tf.data`
          map take its numbers in any order, so pass keys there.
        - `training`: bool. `False` gives what `prepare` gives as each view, at its
          size. Defaults to `True`.

    Returns:
        `(view_a, view_b)`, followed by the further views of the spec: float32 tensors
        of shape `(batch_size, image_size, image_size, 3)`, pixels scaled to 0..1, less
        the spec's mean, divided by its std.

    Raises:
        InputError: for an unknown preset, a spec that `preset` does not describe, or a
            value range the wrong way round.
        ValueError: if `resize` is smaller than the views, if the images have no four
            axes, no pixel, none of the channels above or values that no image has, as
            log-mels have (outside a graph), or if there are more or fewer keys than
            images.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> black = np.zeros((2, 8, 8, 3), np.uint8)
        >>> view_a, view_b = kt.augment.TwoViews("digits", seed=0)(black)
        >>> view_a.shape, view_b.shape
        (TensorShape([2, 16, 16, 3]), TensorShape([2, 16, 16, 3]))
        >>> round(float(view_a[0, 0, 0, 0]), 4)  # (0 − mean) / std
        -0.8112
        >>> spec = kt.augment.preset("digits")
        >>> spec["further_views"] = {"count": 4, "image_size": 8}
        >>> [view.shape[1] for view in kt.augment.TwoViews(spec)(black)]
        [16, 16, 8, 8, 8, 8]
    """

    modality = "images"

    def __init__(
        self,
        preset_or_spec: str | Mapping[str, Any] = "cifar10",
        seed: int = 0,
        value_range: tuple[float, float] = (0, 255),
        exact_colour: bool = False,
        resize: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # All randomness is stateless here: the base class's generator is not used.
        self._random_generator = None
        self.spec = specs.resolve(preset_or_spec)
        self._views = specs.views(self.spec)
        self.preset_or_spec = preset_or_spec
        self.seed = seed
        self.value_range = specs.check_value_range(value_range)
        self.exact_colour = exact_colour
        self.resize = prepare.shorter_side(self.spec["image_size"], resize)
        self._calls = keras.random.SeedGenerator(seed)

    def call(
        self, images: Tensor, keys: Tensor = None, training: bool = True
    ) -> tuple[tf.Tensor, ...]:
        images = tf.convert_to_tensor(images)
        pixel_range.check_range(images, self.value_range)
        images = image_batch.as_rgb_or_grey(images)
        if not training:
            sizes = [view["image_size"] for view in self._views]
            prepared = {size: self._prepared(images, size) for size in set(sizes)}
            return tuple(prepared[size] for size in sizes)
        keys = row_keys.of_batch(keys, self._calls, images, "images")
        return tuple(
            self._finish_planes(index, self._crop_planes(index, images, keys), keys)
            for index in range(len(self._views))
        )

    def prepare(self, images: Tensor) -> tf.Tensor:
        """Returns images as an encoder sees them without augmentation.

        The shorter side is resized (bilinear, antialiased), the aspect ratio kept, the
        centre cut out and normalised: what evaluation and an exported model do to an
        image, whose encoder normalises itself.

        Args:
            images: as of a call.

        Returns:
            float32 tensor of shape `(batch_size, image_size, image_size, 3)`.
        """
        images = image_batch.as_rgb_or_grey(images)
        return self._prepared(images, self.spec["image_size"])

    def resample(self, image: Tensor, key: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the crops of all views of one image, before any change of colour.

        For images of different sizes in a `tf.data` map; not for use under XLA.

        Args:
            image: tensor of shape `(height, width, channels)`, of any size, as in a
                call of the layer.
            key: scalar int64 tensor. The image's key.

        Returns:
            `(crop_a, crop_b)` and further ones: float32 tensors of shape
            `(3, image_size, image_size)` in 0..255, for `finish`.
        """
        image = image_batch.as_rgb_or_grey(tf.convert_to_tensor(image)[None])[0]
        shape = tf.shape(image)
        _, boxes = self._boxes_of_one(tf.cast(key, tf.int64), shape[0], shape[1])
        return self._crop_image(image, boxes)

    def resample_parts(
        self,
        height: tf.Tensor,
        width: tf.Tensor,
        part: Callable[[tf.Tensor], tf.Tensor],
        key: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        """The same of an image of which only what the crops see is decoded.

        Args:
            height: scalar int32 tensor, of the image, in pixels.
            width: scalar int32 tensor, of the image, in pixels.
            part: function of a window, an int32 tensor `[top, left, height, width]`,
                that decodes it: uint8 `(height, width, channels)`.
            key: scalar int64 tensor. The image's key.

        Returns:
            What `resample` returns for the decoded image, up to the rounding of a
            decoder that interpolates colours at the border of what it decodes.
        """
        window, boxes = self._boxes_of_one(tf.cast(key, tf.int64), height, width)
        return self._crop_image(part(window), crops.within(window, boxes))

    def finish(self, *crops_and_keys: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the views of a batch of crops: colour, blur, solarise, normalise.

        Args:
            *crops_and_keys: `crops_a, crops_b, keys`, with the crops of further views
                before the keys. Crops are float32 tensors of shape
                `(batch_size, 3, image_size, image_size)`, from `resample`. The keys
                are theirs, an int64 tensor of shape `(batch_size,)`.

        Returns:
            What a call of the layer returns.
        """
        *planes, keys = crops_and_keys
        keys = tf.cast(keys, tf.int64)
        return tuple(
            self._finish_planes(index, crop, keys)
            for index, crop in zip(range(len(self._views)), planes, strict=True)
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "preset_or_spec": (
                self.preset_or_spec
                if isinstance(self.preset_or_spec, str)
                else specs.resolve(self.preset_or_spec)
            ),
            "seed": self.seed,
            "value_range": self.value_range,
            "exact_colour": self.exact_colour,
            "resize": self.resize,
        }

    # As one program: a hundred small operations take as long as decoding a thumbnail.
    @tf.function(jit_compile=True)
    def _boxes_of_one(self, key, height, width):
        keys = tf.reshape(key, (1,))
        indices = range(len(self._views))
        boxes = [self._boxes(index, keys, height, width) for index in indices]
        return crops.window_around(boxes), boxes

    def _boxes(self, index, keys, height, width):
        states = row_keys.image_states(self.seed, index, keys)
        return crops.draw_boxes(states, self._views[index], height, width)

    def _crop_image(self, image, boxes):
        cut = []
        for view, box in zip(self._views, boxes, strict=True):
            box = [side[0] for side in box]
            size, kind = view["image_size"], view["interpolation"]
            pixels = resampling.resample_image(image, box, size, kind)
            pixels = self._to_255(pixels, image.dtype)
            cut.append(tf.tile(pixels, (3, 1, 1)) if image.shape[2] == 1 else pixels)
        return tuple(cut)

    def _crop_planes(self, index, images, keys):
        boxes = self._boxes(index, keys, *crops.sides(images)[:2])
        view = self._views[index]
        size, kind = view["image_size"], view["interpolation"]
        planes = resampling.resample_batch(images, boxes, size, kind)
        return self._rgb_planes(planes, images.dtype)

    def _prepared(self, images, size):
        # The square of any size shows what that of the size of the first views shows.
        resize = round(self.resize * size / self.spec["image_size"])
        planes = prepare.batch_planes(images, size, resize)
        return self._normalised(self._rgb_planes(planes, images.dtype), size)

    def _rgb_planes(self, planes, dtype):
        planes = self._to_255(planes, dtype)
        return tf.tile(planes, (1, 3, 1, 1)) if planes.shape[1] == 1 else planes

    def _to_255(self, pixels, dtype):
        if dtype.is_floating:
            low, high = self.value_range
            pixels = (pixels - low) * (255.0 / (high - low))
        # A cubic overshoots, and a float image may leave its range.
        return tf.raw_ops.ClipByValue(
            t=pixels, clip_value_min=0.0, clip_value_max=255.0
        )

    def _finish_planes(self, index, planes, keys):
        view = self._views[index]
        states = row_keys.image_states(self.seed, index, keys)
        change = exact_colour.exact if self.exact_colour else colour.fused
        planes = change(planes, colour.draw_factors(states, view))
        if view["blur"] > 0:
            sigmas = blur.draw_sigmas(states, view)
            planes = blur.gaussian_blur(planes, sigmas, view["blur_sigma"][1])
        if view["solarise"] > 0:
            planes = blur.solarise(planes, blur.draw_solarise(states, view))
        return self._normalised(planes, view["image_size"])

    def _normalised(self, planes, size):
        mean = tf.constant(self.spec["mean"], tf.float32)
        std = tf.constant(self.spec["std"], tf.float32)
        # Before the channels come last: a product along an axis of three is slow.
        scale = (1.0 / (255.0 * std))[:, None, None]
        planes = planes * scale - (mean / std)[:, None, None]
        images = tf.transpose(planes, (0, 2, 3, 1))
        return tf.ensure_shape(images, (None, size, size, 3))
