"""WAV files to waveforms inside a TensorFlow graph, their headers checked first.

Everything here is a part of the exported model, too, and runs in C++ on bytes from
strangers. TensorFlow's own decoder wants the chunks of a file in one order, takes the
left channel for the sound, and lets a file without samples pass.
"""

import dataclasses
import functools

import tensorflow as tf

from keras_twins.decode import sound_kinds, sound_reasons
from keras_twins.decode.base import DEFAULT_LIMITS, Decoder
from keras_twins.decode.fields import between, leading_bytes, number, refused_unless
from keras_twins.decode.input_names import AUDIO_BYTES

_FORMAT, _DATA = b"fmt ", b"data"
_FORMAT_BYTES = 26


@dataclasses.dataclass(frozen=True)
class SoundDecoder(Decoder):
    """Decodes a WAV file of 16-bit integers to a mono waveform.

    The channels are averaged. An element is a float32 tensor `(samples,)` in −1..1,
    in which an integer of the file is divided by 32 768. Files at another rate are
    refused: no resampler runs in a graph.

    Attributes:
        rate: int, in Hz. That of the files, and of what takes the waveforms.
    """

    rate: int = 16_000

    input_name = AUDIO_BYTES

    def __post_init__(self):
        if isinstance(self.rate, bool) or not isinstance(self.rate, int):
            _refuse_rate(self.rate)
        if not 0 < self.rate < 2**32:
            _refuse_rate(self.rate)

    def decode(self, contents, label, limits=DEFAULT_LIMITS):
        return _graph(limits, self.rate)(contents, label)


def _refuse_rate(rate):
    raise ValueError(
        "Invalid `rate`. Expected a whole number of Hz, at least 1. "
        f"Received: rate={rate!r}"
    )


@functools.cache
def _graph(limits, rate):
    """The decoder as one graph, since tracing it anew takes each pipeline a while."""

    def decode(contents, label):
        head = leading_bytes(contents, 12)
        is_wav = _is(head[:4], b"RIFF") & _is(head[8:], b"WAVE")
        # A GPU has no part in it, but would take the small sums of the headers.
        with tf.device("CPU:0"):
            return tf.cond(
                is_wav,
                lambda: _decode_wav(contents, label, limits, rate),
                lambda: _refuse(contents, label),
            )

    signature = [tf.TensorSpec((), tf.string)] * 2
    return tf.function(decode, input_signature=signature, autograph=False)


def _decode_wav(contents, label, limits, rate):
    form_at, data_at = _chunks(contents)
    form = between(contents, form_at + 8, form_at + 8 + _FORMAT_BYTES)
    form = leading_bytes(form, _FORMAT_BYTES)
    coding, channels, block = (number(form[at : at + 2]) for at in (0, 2, 12))
    coding = tf.where(coding == sound_kinds.EXTENSIBLE, number(form[24:26]), coding)
    is_pcm = (coding == sound_kinds.PCM) & (number(form[14:16]) == 16)
    is_known = is_pcm & (channels >= 1) & (block == 2 * channels)
    file_rate = number(form[4:8])

    claimed = number(leading_bytes(between(contents, data_at + 4, data_at + 8), 4))
    held = tf.cast(tf.strings.length(contents), tf.int64) - data_at - 8
    claimed = tf.where(claimed == sound_kinds.STREAMED, held, claimed)
    # A last sample that is cut in two counts for none.
    count = claimed // tf.maximum(block, 1)
    of_another_rate = sound_reasons.of_another_rate(tf.as_string(file_rate), rate)
    seconds = tf.as_string(-(-count // rate))
    too_long = sound_reasons.too_long(seconds, limits.max_seconds)
    is_whole = (data_at > 0) & (claimed <= held)
    most = tf.constant(int(limits.max_seconds * rate), tf.int64)
    with (
        refused_unless(form_at > 0, label, sound_reasons.CUT_OFF_WAV),
        refused_unless(is_known, label, sound_reasons.RARE_WAV),
        refused_unless(file_rate == rate, label, of_another_rate),
        refused_unless(is_whole, label, sound_reasons.CUT_OFF_WAV),
        refused_unless(count >= 1, label, sound_reasons.NO_SAMPLE),
        refused_unless(count <= most, label, too_long),
    ):
        samples = between(contents, data_at + 8, data_at + 8 + count * block)
    samples = tf.reshape(tf.io.decode_raw(samples, tf.int16), (count, channels))
    return tf.reduce_mean(tf.cast(samples, tf.float32) / 32_768.0, axis=1)


def _chunks(contents):
    """Where the first format chunk and the data behind it begin, or 0 each."""
    # A chunk that is shorter holds nothing. In 64 bits, as sizes may be any.
    last = tf.cast(tf.strings.length(contents) - 8, tf.int64)

    def step(position, form, data):
        head = leading_bytes(between(contents, position, position + 8), 8)
        size = number(head[4:])
        is_form = _is(head[:4], _FORMAT) & (form == 0)
        return (
            # An even number of bytes, whatever the size says.
            position + 8 + size + size % 2,
            tf.where(is_form, position, form),
            tf.where(_is(head[:4], _DATA), position, data),
        )

    nowhere = tf.constant(0, tf.int64)
    return tf.while_loop(
        lambda position, form, data: (position <= last) & (data == 0),
        step,
        (tf.constant(12, tf.int64), nowhere, nowhere),
        # Far more than tags and markers need: bounds a hostile file.
        maximum_iterations=8192,
    )[1:]


def _refuse(contents, label):
    """Says of what kind the file is that is not a WAV."""
    is_empty = tf.strings.length(contents) == 0
    reason = tf.where(is_empty, sound_reasons.EMPTY, sound_reasons.NOT_A_SOUND)
    for kind, (position, starts) in sound_kinds.CONVERTED.items():
        for start in starts:
            head = leading_bytes(contents, position + len(start))
            another = sound_reasons.of_another_kind(kind)
            reason = tf.where(_is(head[position:], start), another, reason)
    with refused_unless(False, label, reason):
        return tf.zeros((0,), tf.float32)


def _is(found, name):
    return tf.reduce_all(found == list(name))
