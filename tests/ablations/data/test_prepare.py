from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from ablations.data import check_spec, prepare
from ablations.data.dataset import Dataset
from ablations.data.prepare import block_size, pixel_order
from ablations.errors import DataError
from ablations.spec import DataSpec

Make = Callable[..., Dataset]


def spec(**fields: Any) -> DataSpec:
    return DataSpec(name="made", **fields)


def same(one: Dataset, other: Dataset) -> bool:
    return all(a.equal(b) for a, b in zip(one.tensors, other.tensors, strict=True))


OPERATIONS = [
    {"subset": 30},
    {"permutation": "fixed"},
    {"permutation": "blocks-3"},
    {"label_noise": 0.5},
]


def test_nothing_asked_changes_nothing(make_dataset: Make):
    dataset = make_dataset()

    assert prepare(dataset, spec(image_size=(6, 8), validation=6)) is dataset


@pytest.mark.parametrize("fields", OPERATIONS, ids=str)
def test_an_operation_is_fixed_by_the_digest_alone(make_dataset: Make, fields: dict[str, Any]):
    dataset = make_dataset()
    other = replace(dataset, digest="0" * 64)

    torch.manual_seed(1)
    first = prepare(dataset, spec(**fields))
    torch.manual_seed(2)

    assert same(first, prepare(dataset, spec(**fields)))
    assert not same(first, prepare(other, spec(**fields)))


@pytest.mark.parametrize("fields", [*OPERATIONS, {"image_size": (3, 4)}], ids=str)
def test_digest_stays_tensors_are_contiguous_and_the_source_is_untouched(
    make_dataset: Make, fields: dict[str, Any]
):
    dataset = make_dataset()

    prepared = prepare(dataset, spec(**fields))

    assert prepared.digest == dataset.digest
    assert all(tensor.is_contiguous() for tensor in prepared.tensors)
    assert same(dataset, make_dataset())


def test_subset_is_exact_stratified_and_leaves_the_test_part_alone(make_dataset: Make):
    dataset = make_dataset(60)

    kept = prepare(dataset, spec(subset=31))

    assert torch.bincount(kept.train_labels).tolist() == [11, 10, 10]
    assert kept.test_images is dataset.test_images
    rows = {image.numpy().tobytes(): int(label) for image, label in pairs(dataset)}
    assert all(rows[image.numpy().tobytes()] == label for image, label in pairs(kept))


def pairs(dataset: Dataset) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(zip(dataset.train_images, dataset.train_labels, strict=True))


def test_a_larger_subset_and_a_higher_noise_contain_the_smaller(make_dataset: Make):
    dataset = make_dataset()
    small, large = (prepare(dataset, spec(subset=n)).train_images for n in (12, 30))
    low, high = (prepare(dataset, spec(label_noise=f)).train_labels for f in (0.2, 0.6))

    assert {i.numpy().tobytes() for i in small} < {i.numpy().tobytes() for i in large}
    wrong = low != dataset.train_labels
    assert low[wrong].equal(high[wrong])


@pytest.mark.parametrize("permutation", ["fixed", "blocks-3"])
def test_permutation_moves_pixels_of_all_images_alike(make_dataset: Make, permutation: str):
    dataset = make_dataset(shape=(2, 6, 8))

    moved = prepare(dataset, spec(permutation=permutation))

    before, after = dataset.train_images.flatten(2), moved.train_images.flatten(2)
    assert not before.equal(after)
    assert before.sort(dim=2).values.equal(after.sort(dim=2).values)  # each image's histogram
    # Columns of pixels over all images and channels tell the places apart.
    columns = {before[:, :, place].numpy().tobytes(): place for place in range(48)}
    order = [columns[after[:, :, place].numpy().tobytes()] for place in range(48)]
    assert sorted(order) == list(range(48))
    assert moved.test_images.flatten(2).equal(dataset.test_images.flatten(2)[:, :, order])


def test_blocks_keep_pixels_inside_and_edge_blocks_are_smaller():
    order = pixel_order(7, 8, 3, np.random.default_rng(0))

    assert sorted(order) == list(range(56))
    rows, columns = np.divmod(order, 8)
    there_rows, there_columns = np.divmod(np.arange(56), 8)
    assert (rows // 3 == there_rows // 3).all()
    assert (columns // 3 == there_columns // 3).all()
    assert (order != np.arange(56)).any()


def test_blocks_of_one_move_nothing_and_one_large_block_is_a_permutation_of_all():
    def draw(block: int | None) -> list[int]:
        return pixel_order(4, 5, block, np.random.default_rng(0)).tolist()

    assert draw(1) == list(range(20))
    assert draw(9) == draw(None)


@pytest.mark.parametrize(("fraction", "n_wrong"), [(0.1, 6), (0.5, 30), (0.01, 1), (1.0, 60)])
def test_label_noise_changes_exactly_that_many_training_labels(
    make_dataset: Make, fraction: float, n_wrong: int
):
    dataset = make_dataset(60)

    noisy = prepare(dataset, spec(label_noise=fraction))

    assert int((noisy.train_labels != dataset.train_labels).sum()) == n_wrong
    assert noisy.test_labels is dataset.test_labels
    assert set(noisy.train_labels.tolist()) <= {0, 1, 2}


def test_label_noise_draws_every_other_class_alike(make_dataset: Make):
    dataset = make_dataset(20_000, n_classes=5, shape=(1, 1, 1))

    noisy = prepare(dataset, spec(label_noise=1.0))

    steps = (noisy.train_labels - dataset.train_labels) % 5
    counts = torch.bincount(steps, minlength=5)
    assert counts[0] == 0
    assert ((counts[1:] - 5000).abs() < 4 * (20_000 * 0.25 * 0.75) ** 0.5).all()


def test_resizing_averages_rounds_and_reaches_both_parts(make_dataset: Make):
    image = torch.tensor([[0, 0, 255, 255]] * 4, dtype=torch.uint8)
    dataset = make_dataset(shape=(1, 4, 4))
    dataset = replace(dataset, train_images=image.expand(60, 1, 4, 4))

    smaller = prepare(dataset, spec(image_size=(2, 2)))

    # By hand: each new pixel weighs the four columns 3:3:1:0 (or mirrored) over 7.
    assert smaller.train_images[0, 0].tolist() == [[36, 219], [36, 219]]
    assert smaller.test_images.shape == (6, 1, 2, 2)
    assert smaller.input_shape == (1, 2, 2)


def test_an_image_of_one_value_keeps_it_at_any_size(make_dataset: Make):
    dataset = make_dataset()
    flat = replace(dataset, train_images=torch.full((60, 1, 6, 8), 201, dtype=torch.uint8))

    larger = prepare(flat, spec(image_size=(17, 5)))

    assert larger.train_images.unique().tolist() == [201]


def test_operations_combine_in_a_fixed_order(make_dataset: Make):
    dataset = make_dataset()
    steps = [{"subset": 30}, {"image_size": (3, 4)}, {"permutation": "fixed"}, {"label_noise": 0.2}]

    one_by_one = dataset
    for step in steps:
        one_by_one = prepare(one_by_one, spec(**step))
    at_once = prepare(dataset, spec(**{k: v for step in steps for k, v in step.items()}))

    assert same(one_by_one, at_once)


def test_draws_do_not_move_between_versions(make_dataset: Make):
    """A failure means that stored runs were trained on other data: raise training's revision."""
    dataset = replace(make_dataset(), digest="1" * 64)
    wrong_at = [4, 7, 35, 36, 50, 58]
    first_places = {"fixed": [13, 30, 44, 27, 22, 29], "blocks-3": [2, 1, 17, 19, 12, 11]}
    places = torch.arange(48, dtype=torch.uint8).reshape(1, 1, 6, 8)
    dataset = replace(dataset, test_images=places.expand(6, 1, 6, 8))

    noisy = prepare(dataset, spec(label_noise=0.1)).train_labels
    wrong = (noisy != dataset.train_labels).nonzero().flatten().tolist()

    assert wrong == wrong_at
    for permutation, first in first_places.items():
        moved = prepare(dataset, spec(permutation=permutation)).test_images
        assert moved[0].flatten()[:6].tolist() == first


def unchecked(**fields: Any) -> DataSpec:
    """As if the study file's own checks had let it pass."""
    return spec().model_copy(update=fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"subset": 61}, r"dataset.subset: must be 3 \(one a class\) to 60 .*got 61"),
        ({"subset": 2}, r"dataset.subset: must be 3 .*got 2"),
        ({"validation": 58}, r"dataset.validation: must be 0 to 57, .*got 58"),
        ({"subset": 30, "validation": 28}, r"dataset.validation: must be 0 to 27, .*of 30 to"),
        ({"image_size": (0, 4)}, r"dataset.image_size: height and width must be >= 1, got \[0, 4"),
        ({"permutation": "blocks-0"}, r"unknown 'blocks-0' \(allowed: blocks-N with N >= 1, fixed"),
        ({"permutation": "rows"}, r"dataset.permutation: unknown 'rows'"),
        ({"label_noise": 1.5}, r"dataset.label_noise: must be a fraction 0 to 1.*got 1.5"),
    ],
)
def test_a_misfit_spec_is_refused_before_anything_trains(
    make_dataset: Make, fields: dict[str, Any], message: str
):
    dataset = make_dataset(60)

    assert len(check_spec(unchecked(**fields), dataset)) == 1
    with pytest.raises(DataError, match=message):
        prepare(dataset, unchecked(**fields))


def test_label_noise_needs_two_classes(make_dataset: Make):
    [problem] = check_spec(spec(label_noise=0.1), make_dataset(n_classes=1))

    assert problem.endswith("got 0.1 with 1 classes")


def test_all_problems_are_reported_at_once(make_dataset: Make):
    bad = unchecked(subset=99, image_size=(-1, 2), permutation="blocks-x", label_noise=-1.0)

    problems = check_spec(bad, make_dataset())

    assert [problem.partition(":")[0] for problem in problems] == [
        "dataset.subset",
        "dataset.image_size",
        "dataset.permutation",
        "dataset.label_noise",
    ]
    with pytest.raises(DataError, match=r"made: 4 problem\(s\)"):
        prepare(make_dataset(), bad)


def test_a_fitting_spec_has_no_problems(make_dataset: Make):
    fits = spec(subset=30, validation=27, image_size=(1, 1), permutation="blocks-2", label_noise=1)

    assert check_spec(fits, make_dataset()) == []


@pytest.mark.parametrize(
    "word", ["none", "blocks-", "blocks--1", "blocks-²", "blocks-0", "block-2"]
)
def test_block_size_reads_only_well_formed_words(word: str):
    assert block_size(word) is None
    assert block_size("blocks-12") == 12
