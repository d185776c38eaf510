"""Sounds: log-mels of waveforms, and two random views of each."""

from keras_twins.augment.sounds.presets import preset

__all__ = ["preset"]
