"""One experiment: its configuration, its collection, its folder and its strategy."""

import keras
import tensorflow as tf

from keras_twins.data.loading import open_source
from keras_twins.errors import InputError
from keras_twins.runs import (
    adjustable,
    config_check,
    levels,
    methods,
    of_sounds,
    parts,
    plan,
)
from keras_twins.runs.workdir import STUDENT, as_data, flatten


class Run:
    """What a command works on.

    Args:
        config: `ConfigDict`, with the keys of `configs/common.py`. It stays as it is.
        workdir: `Workdir` of the run; None where nothing is read or written there.
        strategy: `tf.distribute.Strategy`; None for the one in whose scope this is.

    Attributes:
        given: `ConfigDict`, the configuration that the run was asked for.
        config: `ConfigDict`, the same with what was decided for the run.
        plan: dict of values by key, what was decided; `plan.json` of the workdir.

    Raises:
        InputError: naming the first key whose value cannot be used.
    """

    def __init__(self, config, workdir=None, strategy=None):
        config_check.check(config)
        of_sounds.check(config)
        self.given = config.copy_and_resolve_references()
        paths = adjustable.with_absolute_paths(flatten(as_data(config)))
        for key in adjustable.PATHS:
            if key in config:
                self.given[key] = paths[key]
        self.config = self.given.copy_and_resolve_references()
        self.plan = {}
        self.workdir = workdir
        self.strategy = strategy or tf.distribute.get_strategy()
        self._bad_images = self._converted = frozenset()
        self._levels = levels.parse(config.get("levels", levels.AUTO))
        self._sources = {}
        if workdir is not None and workdir.begun():
            self.apply(workdir.read_plan())

    @classmethod
    def read(cls, workdir, **changed):
        """The run that a folder holds, without the images that it left out.

        Args:
            workdir: `Workdir`.
            **changed: values by key, such as `dataset`, that replace the run's own.

        Raises:
            InputError: if the folder holds no run.
        """
        config = workdir.read_config()
        config.update(changed)
        if "dataset" in changed and "labels" in config:
            config.labels = None  # They are those of the run's own images.
        run = cls(config, workdir)
        run.use_first_pass()
        return run

    def decide_image_size(self):
        """Decides the size of the views where the configuration leaves it open."""
        if of_sounds.is_it(self.config):
            return
        self.apply(plan.image_size(self.config, self.train_source))

    def decide(self):
        """Decides all that the configuration leaves open, unless the run has begun.

        Raises:
            InputError: for a collection from which no batch can be made.
        """
        if self.workdir is not None and self.workdir.begun():
            return
        self.decide_image_size()
        self.apply(
            plan.decide(
                self.config, self.train_source, self.strategy.num_replicas_in_sync
            )
        )

    def decide_statistics(self, most=None):
        """Decides mean and deviation of log-mels where they are open.

        The first pass of a training has left out by now what cannot be read.

        Args:
            most: int, of how many recordings at most, at even distances; None for all.
        """
        if of_sounds.is_it(self.config):
            source = self.train_source
            if most is not None:
                stride = -(-source.num_images // most)
                source = source.at(range(0, source.num_images, stride))
            self.apply(of_sounds.statistics(self.config, source))

    def apply(self, decided):
        """Takes what was decided, a dict of values by key, into the configuration."""
        self.plan |= decided
        self.config.update_from_flattened_dict(decided)
        if of_sounds.is_it(self.config):
            return
        if self.config.evaluation.image_size is None:
            self.config.evaluation.image_size = self.config.views.image_size

    def source(self, split):
        """The images of a split, or its log-mels, opened once.

        Raises:
            InputError: if there is no such data set or split.
        """
        if split not in self._sources:
            self._sources[split] = self._corrected(self._opened(split))
        return self._sources[split]

    def _opened(self, split):
        config = self.config
        if of_sounds.is_it(config):
            return of_sounds.open_log_mels(config, split)
        return open_source(
            config.dataset,
            split,
            config.data_dir,
            config.download,
            label_file=config.get("labels"),
            # A run of an earlier version has neither.
            image_key=config.get("image_key"),
            label_key=config.get("label_key"),
        )

    def has_split(self, split):
        """Whether the data set has a split of this name."""
        try:
            self.source(split)
        except InputError:
            return False
        return True

    @property
    def train_source(self):
        """The training images."""
        return self.source(self.config.train_split)

    @property
    def levels(self):
        """The levels of 16-bit samples, `(low, high)`; None for the whole range."""
        return self._levels

    def use_first_pass(self):
        """Has all splits be as the first pass found them, from now on.

        Images that cannot be read are left out, files are converted, and 16-bit samples
        have the levels that were seen.
        """
        self._converted = self.workdir.read_converted_images()
        self._levels = self._levels or self.workdir.read_levels()
        self.leave_out(self.workdir.read_bad_images())

    def decide_levels(self):
        """Looks for the levels of 16-bit samples, where no first pass has done so."""
        if self._levels is None:
            self._levels = levels.found(self.train_source)
            self.leave_out(self._bad_images)

    def leave_out(self, names):
        """Leaves images out of all splits from now on."""
        self._bad_images = frozenset(names)
        self._sources = {
            split: self._corrected(source) for split, source in self._sources.items()
        }

    def _corrected(self, source):
        source = source.without(self._bad_images).converting(self._converted)
        return source.with_levels(self._levels)

    def trained_encoder(self, network=STUDENT):
        """The encoder of the run that has ended; it takes pixels in 0..255.

        Args:
            network: `keras_twins.runs.workdir.STUDENT` or `TEACHER`.

        Raises:
            InputError: if the run has not ended, or has no teacher.
        """
        self.workdir.check_ended()
        self.workdir.check_network(network)
        parts.import_encoder(self.config)
        if network == STUDENT:
            return keras.models.load_model(self.workdir.encoder, compile=False)
        methods.import_model(self.config)
        model = keras.models.load_model(self.workdir.model, compile=False)
        return parts.saved_encoder(self.config, model.teacher.encoder)

    def steps_per_epoch(self):
        """Steps of an epoch.

        Raises:
            InputError: if the batch cannot be shared by the replicas, or is larger than
                the collection.
        """
        return parts.steps_per_epoch(self.config, self.train_source, self.strategy)
