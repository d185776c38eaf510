"""The trainings of docs/note.md: which comes next, what they measure, what is said."""

import dataclasses
import math
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_twins as kt
from benchmarks.note import (
    charts,
    cost,
    dependence,
    driver,
    page,
    rows,
    summary,
    tables,
)
from benchmarks.note.images import Images
from benchmarks.note.methods import METHODS, Maximised, WithoutAsymmetry
from keras_twins import files
from keras_twins.models import Pair

ROOT = pathlib.Path(__file__).parent.parent


def search(method, accuracy_of, results=None):
    """Searches a rate to its end, with accuracies made up; results of the search."""
    results = {} if results is None else results
    while isinstance(found := rows.searched(method, results), rows.Job):
        results[found.name] = {
            "job": found.described(),
            "knn": accuracy_of(found.rate),
        }
    return found, results


@pytest.mark.parametrize("best", [0.001, 0.004, 0.032])
def test_a_search_goes_on_until_the_best_rate_lies_between_others(best):
    found, results = search("hsic", lambda rate: -abs(math.log(rate / best)))
    assert found == best
    tried = sorted(result["job"]["rate"] for result in results.values())
    assert tried[0] < best < tried[-1]
    assert not set(tried) - {best * 2**power for power in range(-8, 8)}


def test_a_search_ends_where_rates_end():
    highest, _ = search("hsic", lambda rate: rate)
    lowest, _ = search("hsic", lambda rate: -rate)
    assert (lowest, highest) == (0.00025, 0.064)


def test_a_rate_grows_with_the_root_of_the_batch_size():
    _, results = search("vicreg", lambda rate: -abs(math.log(rate / 0.004)))
    rate = {
        size: rows.job_of(rows.batch_row("vicreg", size), 0, results).rate
        for size in (32, 128, 512)
    }
    assert rate == {32: 0.002, 128: 0.004, 512: 0.008}


def test_what_is_there_is_not_trained_again_unless_it_would_be_another_training():
    _, results = search("vicreg", lambda rate: -abs(math.log(rate / 0.004)))
    asked = [(rows.Row("vicreg", "vicreg"), seed) for seed in (0, 1)]
    first = rows.next_job(asked, results)
    assert (first.row, first.seed, first.rate) == ("vicreg", 0, 0.004)
    results[first.name] = {"job": first.described()}
    assert rows.next_job(asked, results).seed == 1
    other = dataclasses.replace(first, rate=0.008)
    results[first.name] = {"job": other.described()}
    assert rows.next_job(asked, results) == first


def test_every_row_has_a_method_and_sees_the_same_number_of_images():
    asked = [*rows.cells(), *((row, 0) for row in rows.FULL)]
    assert len({(row.name, seed) for row, seed in asked}) == len(asked)
    for row, _ in asked:
        assert row.method in METHODS
        assert rows.SCALES[row.scale].images % row.batch_size == 0


def test_a_whole_table_comes_before_its_second_seed():
    seeds = [seed for row, seed in rows.cells() if row in rows.MAIN]
    assert seeds == sorted(seeds)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (656, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(656) % 10
    return Images((pixels[:456], labels[:456]), (pixels[456:], labels[456:]), 200)


def test_a_training_leaves_a_file_and_is_not_done_again(tmp_path, data, capsys):
    _, results = search("simsiam", lambda rate: -abs(math.log(rate / 0.004)))
    for name, result in results.items():
        files.write_json(tmp_path / f"{name}.json", result)
    asked = [(rows.Row("one", "simsiam-no_predictor", 64, "tiny"), 1)]
    driver.train(asked, tmp_path, lambda: data)
    one = driver.read(tmp_path)["one-seed1"]
    assert (one["job"]["seed"], one["job"]["rate"]) == (1, 0.002828)
    assert [point["epoch"] for point in one["history"]] == [0, 1, 2]
    assert [point["images"] for point in one["history"]] == [0, 256, 512]
    assert 0 <= one["knn"] <= 1 and 0 <= one["linear_probe"] <= 1
    assert one["training_cpu_seconds"] > 0 and one["peak_mb"] > 0
    for point in one["history"]:
        assert all(0 <= point[s]["kernel_alignment"] <= 1 for s in summary.SPACES)

    # What is there needs no images; what is not waits where the time is over.
    driver.train(asked, tmp_path, None)
    assert "nothing is left" in capsys.readouterr().out
    driver.train([(asked[0][0], 2)], tmp_path, None, minutes=0)
    assert "0 minutes are over" in capsys.readouterr().out
    assert len(driver.read(tmp_path)) == len(results) + 1


def test_methods_take_turns_and_the_building_of_the_graph_is_not_counted(data):
    found = cost.measure(data, ("simclr",), rows.SCALES["tiny"], steps=2)
    assert [len(rounds) for rounds in found["milliseconds"].values()] == [5]
    assert cost.median(found, "simclr") > 0
    assert cost.median(found, "vicreg") is None


def test_a_training_that_diverged_is_one_that_collapsed(data):
    encoder = kt.models.residual_encoder((32, 32, 3), "small", (4, 4), (0, 0))
    model = kt.models.Twins(encoder, kt.models.projector(4, (8,)))
    encoder.set_weights([np.full_like(w, np.nan) for w in encoder.get_weights()])
    point = driver.training.measure(model, data, 256)
    assert point["knn"] < 0.2
    assert point["participation_ratio"] == 1
    assert point["embeddings"]["kernel_alignment"] == 0


def test_dependence_is_that_of_the_kernels():
    z_a, z_b = np.random.default_rng(1).normal(size=(2, 40, 6))
    centring = np.eye(40) - 1 / 40
    kernels = []
    for z in (z_a, z_b):
        unit = z / np.linalg.norm(z, axis=1, keepdims=True)
        squares = np.sum(np.square(unit[:, None] - unit[None]), axis=-1)
        kernels.append(centring @ (1 / np.sqrt(1 + squares)) @ centring)
    found = dependence.measure(z_a, z_b)
    assert found["linear_hsic"] == pytest.approx(kt.evaluation.linear_hsic(z_a, z_b))
    assert found["kernel_hsic"] == pytest.approx(np.sum(kernels[0] * kernels[1]) / 1600)
    norms = [np.linalg.norm(kernel) for kernel in kernels]
    assert found["kernel_alignment"] == pytest.approx(
        np.sum(kernels[0] * kernels[1]) / np.prod(norms)
    )
    same = dependence.measure(z_a, z_a)
    assert same["linear_alignment"] == same["kernel_alignment"] == pytest.approx(1)
    # Repeating a feature makes the one larger and leaves the other alone.
    twice = dependence.measure(*(np.hstack([z, z]) for z in (z_a, z_b)))
    assert twice["linear_hsic"] == pytest.approx(4 * found["linear_hsic"], rel=1e-3)
    assert twice["linear_alignment"] == pytest.approx(found["linear_alignment"], 1e-3)


def test_maximised_is_the_dependence_alone():
    z_a, z_b = np.random.default_rng(2).normal(size=(2, 32, 8))
    terms = Maximised().terms(z_a, z_b)
    expected = kt.evaluation.linear_hsic(z_a, z_b) / 8
    assert float(terms["loss"]) == pytest.approx(-expected, rel=1e-4)
    assert float(terms["on_diagonal"]) == pytest.approx(
        kt.evaluation.on_diagonal(z_a, z_b), abs=1e-5
    )


def gradients(kind, loss, predictor=True):
    keras.utils.set_random_seed(0)
    encoder = kt.models.residual_encoder((8, 8, 3), "small", (4, 8), (1, 1))
    head = kt.models.projector(8, (8,))
    more = {"predictor": kt.models.projector(8, (4, 8))} if predictor else {}
    model = kind(encoder, head, **more)
    model.compile("sgd", loss=loss)
    views = np.random.default_rng(3).normal(size=(2, 16, 8, 8, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        _, terms = model.batch_terms(Pair(*views), training=True)
    slopes = tape.gradient(terms["loss"], encoder.trainable_variables)
    return float(terms["loss"]), np.concatenate([np.ravel(slope) for slope in slopes])


def test_without_asymmetry_takes_away_what_it_says_and_nothing_else():
    loss = kt.losses.NegativeCosineLoss
    whole, slopes = gradients(kt.models.Twins, loss())
    same, same_slopes = gradients(WithoutAsymmetry, loss())
    assert same == pytest.approx(whole)
    np.testing.assert_allclose(same_slopes, slopes, atol=1e-6)
    value, passed = gradients(WithoutAsymmetry, loss(stop_gradient=False))
    assert value == pytest.approx(whole)
    assert np.abs(passed - slopes).max() > 0.01 * np.abs(slopes).max()
    # Both directions are one where no predictor tells them apart: half the gradient.
    _, stopped = gradients(WithoutAsymmetry, loss(), predictor=False)
    _, both = gradients(WithoutAsymmetry, loss(stop_gradient=False), predictor=False)
    np.testing.assert_allclose(2 * stopped, both, atol=1e-5)


def test_the_page_is_that_of_its_results():
    found = driver.found_in(ROOT / "results" / "note")
    command = "run `make reproduce ROWS=note` or its --table"
    text = (ROOT / "docs" / "note.md").read_text("utf-8")
    assert page.fill(text, found) == text, command
    folder = ROOT / "results" / "note"
    assert (folder / "table.md").read_text("utf-8") == page.every_row(found), command
    for name, drawing in page.drawings(found).items():
        assert (folder / f"{name}.svg").read_text("utf-8") == drawing, command


def test_a_page_without_a_table_is_refused():
    with pytest.raises(ValueError, match="no block <!-- note/"):
        page.fill("no block", summary.Found({}, {}))


def test_without_results_every_cell_says_so():
    found = summary.Found({}, {})
    for name, table in tables.BLOCKS.items():
        if name != "searched":
            assert tables.NOT_RUN in table(found), name


def test_means_have_intervals_and_differences_are_seed_by_seed():
    results = {
        f"{row}-seed{seed}": {"job": {"row": row, "seed": seed}, "knn": knn}
        for row, values in (("a", (0.5, 0.6, 0.7)), ("b", (0.4, 0.5, 0.6)))
        for seed, knn in enumerate(values)
    }
    found = summary.Found(results, {})
    assert found.mean("a", "knn") == pytest.approx((0.6, 0.248414))
    assert found.difference("a", "b", "knn") == pytest.approx((0.1, 0.0), abs=1e-9)
    assert tables.percent(found.mean("a", "knn")) == "60.00 ± 24.84"
    assert tables.percent(found.mean("c", "knn")) == "not run"


def test_a_chart_has_a_point_for_each_value_inside_its_frame():
    points = {"one & two": [(16, 40.0, 1.0), (1024, 60.0, None)], "none": []}
    drawing = charts.draw("title", points, "x", "y", log_x=True)
    assert drawing.count("<circle") == 2 and "one &amp; two" in drawing
    assert "none<" not in drawing
    places = [part.split('"')[1::2][:2] for part in drawing.split("<circle ")[1:]]
    (x_low, y_low), (x_high, y_high) = ([float(v) for v in place] for place in places)
    assert 0 < x_low < x_high < 740 and 420 > y_low > y_high > 0
