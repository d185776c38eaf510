"""What is trained, in the order in which it is trained, and at which rate."""

import dataclasses
import json
import math

from benchmarks.note.methods import METHODS

SIDE_BY_SIDE = (
    *("barlow_twins", "hsic", "vicreg", "simclr", "simsiam", "byol"),
    *("frossl", "sigreg", "ssl_hsic", "dcl", "mixed"),
)
BATCHED = ("barlow_twins", "hsic", "vicreg", "simclr", "simsiam")
BATCH_SIZES = (16, 32, 64, 128, 256, 512, 1024)
COLLAPSING = tuple(name for name in METHODS if "-no_" in name)
TARGETS = ("maximised", "hsic-128", "barlow_twins-128", "maximised-128")
SEEDS = (0, 1, 2)

# The batch size at which rates are searched; at others the rate is scaled.
SEARCHED_AT = 128

# Rates are tried from the middle outwards, while the best is the last one on its side.
_FIRST_RATES = (0.002, 0.004, 0.008)
_LEAST_RATE, _MOST_RATE = 0.00025, 0.064


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much a row trains.

    Attributes:
        images: int, of the training set, a multiple of every batch size, so that all
            rows see the same number.
        epochs: int.
        widths: filters of the encoder's stages; empty for ResNet-18.
        measured: epochs after which the training is measured, beside 0 and the last.
    """

    images: int
    epochs: int
    widths: tuple[int, ...]
    measured: tuple[int, ...] = ()


_HALF = (16, 24, 48, 96)
SCALES = {
    # Half the channels of the quick configuration, a fifth of the images.
    "small": Scale(10_240, 12, _HALF, (1, 2, 4, 8)),
    # A third of that, for rates.
    "search": Scale(10_240, 4, _HALF),
    # The quick configuration, less 2 000 images that are held out.
    "quick": Scale(48_000, 28, (32, 48, 96, 192), (4, 8, 16)),
    # For a GPU.
    "full": Scale(47_872, 200, (), (10, 20, 50, 100)),
    # For tests.
    "tiny": Scale(256, 2, (4, 4, 4, 4), (1,)),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """A training that is repeated over seeds.

    Attributes:
        name: str, of its files.
        method: str, key of `METHODS`.
        batch_size: int.
        scale: str, key of `SCALES`.
        factor: float, on the rate that the rule gives.
        held_out: bool, whether it is judged on held-out training images alone.
    """

    name: str
    method: str
    batch_size: int = SEARCHED_AT
    scale: str = "small"
    factor: float = 1.0
    held_out: bool = False


@dataclasses.dataclass(frozen=True)
class Job:
    """One training: all that decides what comes out of it."""

    row: str
    method: str
    seed: int
    batch_size: int
    rate: float
    scale: Scale
    held_out: bool

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.row}-seed{self.seed}"

    def described(self) -> dict:
        """As its file has it."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


def batch_row(method, batch_size):
    """The row of a method at a batch size; at 128, that of the method."""
    suffix = "" if batch_size == SEARCHED_AT else f"-batch{batch_size}"
    return Row(method + suffix, method, batch_size)


MAIN = [
    *(Row(name, name) for name in (*SIDE_BY_SIDE, *COLLAPSING, *TARGETS)),
    *(
        batch_row(method, size)
        for size in (1024, 16, 512, 32, 256, 64)
        for method in BATCHED
    ),
]
# Whether the rule that scales rates favours a method: half and twice what it says.
RULE = [
    Row(f"rule-{method}-batch{size}-x{factor:g}", method, size, "small", factor, True)
    for size in (16, 1024)
    for method in BATCHED
    for factor in (0.5, 2.0)
]
QUICK = [Row(f"quick-{name}", name, scale="quick") for name in SIDE_BY_SIDE]
FULL = [
    Row(f"full-{name}", name, 256, scale="full")
    for name in (*SIDE_BY_SIDE, *COLLAPSING)
]


def cells(seeds=SEEDS):
    """`(row, seed)` in the order of training: a whole table first, then its seeds."""
    first, *others = seeds
    return [
        *((row, first) for row in (*MAIN, *RULE)),
        *((row, seed) for seed in others for row in MAIN),
        *((row, first) for row in QUICK),
    ]


def search_job(method, rate):
    """The short training that tries a rate."""
    row = f"search-{method}-{rate:g}"
    return Job(row, method, 0, SEARCHED_AT, rate, SCALES["search"], True)


def searched(method, results):
    """The rate of a method at the batch size of 128, or what must be tried before.

    Args:
        method: str, key of `METHODS`.
        results: dict, from the name of a job to what came out.

    Returns:
        float, the rate of the highest kNN accuracy on held-out images; or a `Job`.
    """
    rates = list(_FIRST_RATES)
    while True:
        jobs = [search_job(method, rate) for rate in rates]
        for job in jobs:
            if not is_current(job, results):
                return job
        accuracies = [results[job.name]["knn"] for job in jobs]
        best = accuracies.index(max(accuracies))
        if best == 0 and rates[0] > _LEAST_RATE:
            rates.insert(0, rates[0] / 2)
        elif best == len(rates) - 1 and rates[-1] < _MOST_RATE:
            rates.append(rates[-1] * 2)
        else:
            return rates[best]


def job_of(row, seed, results):
    """The training of a row and seed, or the search that must come before it."""
    found = searched(METHODS[row.method].rate_of or row.method, results)
    if isinstance(found, Job):
        return found
    rate = found * math.sqrt(row.batch_size / SEARCHED_AT) * row.factor
    return Job(
        row.name,
        row.method,
        seed,
        row.batch_size,
        float(f"{rate:.4g}"),
        SCALES[row.scale],
        row.held_out,
    )


def next_job(asked, results):
    """The first training that has no result yet, or None.

    Args:
        asked: list of `(row, seed)`.
        results: dict, from the name of a job to what came out.
    """
    for row, seed in asked:
        job = job_of(row, seed, results)
        if not is_current(job, results):
            return job
    return None


def is_current(job, results):
    """Whether there is a result of just this training."""
    found = results.get(job.name)
    return found is not None and found["job"] == job.described()
