"""The layer that turns a batch of log-mels into two random views of each."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from keras_twins import keys as row_keys
from keras_twins.augment.sounds import crops as resizing
from keras_twins.augment.sounds import log_mel_batch, mixing
from keras_twins.augment.sounds import spec as specs
from keras_twins.types import Tensor

# The generators of a sound: one for each view, and one for what they share.
_VIEWS = (0, 1)
_SHARED = 2


@keras.saving.register_keras_serializable("keras_twins")
class TwoSoundViews(keras.layers.Layer):
    """Makes two random, standardised views of every log-mel.

    As of Anton et al., "Audio Barlow Twins" (arXiv 2209.14345), section 3.2: a crop at
    a random place, which both views share, is standardised. Then each view by itself
    mixes another sound in, takes a random resized crop, and adds a line over time.

    Args:
        preset_or_spec: str or dict. Name of a preset (`"audio_barlow_twins"`) or a spec
            of the form that `keras_twins.augment.sounds.preset` returns. Its mean and
            deviation should be those of the collection. Defaults to
            `"audio_barlow_twins"`.
        seed: int. All randomness is a function of it and the keys. Defaults to `0`.

    Call arguments:
        - `log_mels`: float tensor of shape `(batch_size, bands, frames, 1)`, as
          `kt.augment.LogMel` gives, not standardised, with at least the spec's
          `frames`.
        - `keys`: as those of `kt.augment.TwoViews`.
        - `training`: bool. `False` gives what `prepare` gives as each view. Defaults to
          `True`.
        - `partners`: `(partners_a, partners_b)`, what is mixed into each view: log-mels
          of the sounds that `partner_of` names, each cropped at a place of its own. By
          default, each view takes another row of the batch, which its key chooses, so
          that views depend on the batch, too.

    Returns:
        `(view_a, view_b)`: float32 tensors of shape `(batch_size, bands, frames, 1)`
        with the spec's `frames`.

    Raises:
        InputError: for an unknown preset, or a spec that `preset` does not describe.
        ValueError: if the log-mels are integers, have another shape or too few frames,
            are pixels, or if there are more or fewer keys than log-mels.

    Examples:
        >>> import numpy as np, keras_twins as kt
        >>> noise = np.random.default_rng(0).normal(size=(4, 16_000)) / 100
        >>> log_mels = kt.augment.LogMel()(noise)
        >>> view_a, view_b = kt.augment.TwoSoundViews(seed=0)(log_mels)
        >>> log_mels.shape, view_a.shape
        (TensorShape([4, 64, 101, 1]), TensorShape([4, 64, 96, 1]))
    """

    modality = "sounds"

    def __init__(
        self,
        preset_or_spec: str | Mapping[str, Any] = "audio_barlow_twins",
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        # In float32 whatever the policy.
        super().__init__(autocast=False, **kwargs)
        self.spec = specs.resolve(preset_or_spec)
        self.preset_or_spec = preset_or_spec
        self.seed = seed
        self._calls = keras.random.SeedGenerator(seed)

    def call(
        self,
        log_mels: Tensor,
        keys: Tensor = None,
        training: bool = True,
        partners: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if not training:
            prepared = self.prepare(log_mels)
            return prepared, prepared
        log_mels = log_mel_batch.checked(log_mels, self.spec["frames"])
        keys = row_keys.of_batch(keys, self._calls, log_mels, "log_mels")
        crops = self._crops(log_mels, keys)
        if partners is None:
            others = (self._other_rows(view, keys) for view in _VIEWS)
            partner_crops = [tf.gather(crops, rows) for rows in others]
        else:
            partner_crops = [
                self._partner_crops(
                    log_mel_batch.checked(p, self.spec["frames"]), keys, view
                )
                for view, p in zip(_VIEWS, partners, strict=True)
            ]
        partners_a, partners_b = partner_crops
        return self.finish(crops, partners_a, partners_b, keys)

    def prepare(self, log_mels: Tensor) -> tf.Tensor:
        """Returns log-mels as an encoder sees them without augmentation: standardised.

        Evaluation and the export do no more to a log-mel, whose encoder standardises it
        itself.

        Args:
            log_mels: as of a call, of any number of frames.

        Returns:
            float32 tensor of the same shape.
        """
        return self._standardised(log_mel_batch.checked(log_mels))

    def partner_of(self, keys: Tensor, count: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Which sound of a collection is mixed into each view.

        Uniform over all others. It is a function of the seed and the key, so that views
        are the same whatever the batch.

        Args:
            keys: int64 tensor of shape `(batch_size,)`. Keys of `kt.data`'s order:
                epoch × count + place in the collection.
            count: int, sounds in the collection.

        Returns:
            `(places_a, places_b)`: int64 tensors of shape `(batch_size,)`, never a
            sound's own place unless it is the only one.
        """
        keys = tf.cast(keys, tf.int64)
        places = tf.math.floormod(keys, tf.cast(count, tf.int64))
        return tuple(
            mixing.draw_others(self._states(view, keys), places, count)
            for view in _VIEWS
        )

    def crop(self, log_mel: Tensor, key: tf.Tensor) -> tf.Tensor:
        """Returns the part of one log-mel that both of its views show.

        For log-mels of different lengths in a `tf.data` map.

        Args:
            log_mel: float tensor of shape `(bands, frames, 1)`, as in a call.
            key: scalar int64 tensor. The sound's key.

        Returns:
            float32 tensor of shape `(bands, frames, 1)` with the spec's `frames`.
        """
        log_mels = log_mel_batch.checked(log_mel[tf.newaxis], self.spec["frames"])
        keys = tf.reshape(tf.cast(key, tf.int64), (1,))
        return self._crops(log_mels, keys)[0]

    def partner_crop(self, log_mel: Tensor, key: tf.Tensor, view: int) -> tf.Tensor:
        """The same of a log-mel that is mixed into one view of a sound.

        Args:
            log_mel: as of `crop`: that of the sound which `partner_of` names.
            key: scalar int64 tensor. The key of the sound that it is mixed into.
            view: int. 0 for view a, 1 for view b.

        Returns:
            What `crop` returns.
        """
        log_mels = log_mel_batch.checked(log_mel[tf.newaxis], self.spec["frames"])
        keys = tf.reshape(tf.cast(key, tf.int64), (1,))
        return self._partner_crops(log_mels, keys, view)[0]

    def finish(
        self, crops: Tensor, partners_a: Tensor, partners_b: Tensor, keys: Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the views of a batch of crops: mixed, cropped again and faded.

        Args:
            crops: float tensor of shape `(batch_size, bands, frames, 1)`, from `crop`.
            partners_a: the same of what is mixed into view a, from `partner_crop`.
            partners_b: the same of what is mixed into view b.
            keys: int64 tensor of shape `(batch_size,)`.

        Returns:
            What a call of the layer returns.
        """
        keys = tf.cast(keys, tf.int64)
        sounds = self._standardised(crops)
        return tuple(
            self._view(view, sounds, self._standardised(partners), keys)
            for view, partners in zip(_VIEWS, (partners_a, partners_b), strict=True)
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
        }

    def _states(self, view, keys):
        return row_keys.image_states(self.seed, view, keys)

    def _other_rows(self, view, keys):
        rows = tf.size(keys)
        places = tf.range(tf.cast(rows, tf.int64))
        return mixing.draw_others(self._states(view, keys), places, rows)

    def _crops(self, log_mels, keys):
        return self._cut(log_mels, self._states(_SHARED, keys), mixing.draw_starts)

    def _partner_crops(self, log_mels, keys, view):
        draw = mixing.draw_partner_starts
        return self._cut(log_mels, self._states(view, keys), draw)

    def _cut(self, log_mels, states, draw):
        length = self.spec["frames"]
        starts = draw(states, tf.shape(log_mels)[2], length)
        return mixing.cut(log_mels, starts, length)

    def _standardised(self, log_mels):
        log_mels = tf.cast(log_mels, tf.float32)
        return (log_mels - self.spec["mean"]) / self.spec["std"]

    def _view(self, view, sounds, partners, keys):
        states = self._states(view, keys)
        sounds = mixing.mix(sounds, partners, states, self.spec["mixup"])
        boxes = resizing.draw_boxes(states, self.spec, sounds.shape[1])
        sounds = resizing.resized_crops(sounds, boxes)
        return resizing.fade(sounds, states, self.spec["fader"])
