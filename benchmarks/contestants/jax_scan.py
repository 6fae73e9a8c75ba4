"""JAX: a whole epoch in one jitted scan, the seeds of a variant under one vmap, in one process.

The compiled code spreads over both cores by itself; two processes of it are slower than one. The
convolutions are products of image rows with banded matrices, since the library's own convolution is
slow to differentiate on a CPU: five rows of the input, side by side, times a matrix that holds the
kernel once for every column of the output. The columns of a product come in two halves, even and
odd, so that pooling is a maximum, or a mean, of halves.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import groupby

import jax
import jax.numpy as jnp
import mlflow
import numpy as np
from jax import Array
from task import (
    BATCH,
    EVALUATION_BATCH,
    EXPERIMENT,
    LEARNING_RATE,
    TEST,
    VARIANTS,
    Asked,
    Run,
    asked,
)

KERNEL = 5
KERNELS = ((6, 1), (16, 6))  # maps out, maps in
DENSE = ((256, 120), (120, 84), (84, 10))
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
Weights = list[tuple[Array, Array]]
Moments = tuple[Weights, Weights, Array]
State = tuple[Weights, Weights, Weights, Array]


def begun(seed: int) -> Weights:
    """Weights and biases, uniform within one over the root of the inputs, as PyTorch draws them."""
    shapes = [(maps, into, KERNEL, KERNEL) for maps, into in KERNELS] + list(DENSE)
    n_inputs = [into * KERNEL**2 for _, into in KERNELS] + [into for into, _ in DENSE]
    n_outputs = [maps for maps, _ in KERNELS] + [out for _, out in DENSE]
    rng = np.random.default_rng(seed)
    return [
        tuple(
            jnp.asarray(rng.uniform(-(n**-0.5), n**-0.5, drawn).astype(np.float32))
            for drawn in (shape, (out,))
        )
        for shape, n, out in zip(shapes, n_inputs, n_outputs, strict=True)
    ]


def banded(kernel: Array, width: int) -> Array:
    """The matrix that five rows of `width` columns are multiplied with.

    Shape:
        kernel (O, I, 5, 5); matrix (5 * width * I, 2 * half * O), half = (width - 4) / 2.
    """
    half = (width - KERNEL + 1) // 2
    parity, half_column, column, tap = np.ogrid[:2, :half, :width, :KERNEL]
    place = (column - 2 * half_column - parity == tap).astype(np.float32)
    band = jnp.einsum("oirv,phcv->rcipho", kernel, place)
    return band.reshape(KERNEL * width * kernel.shape[1], 2 * half * kernel.shape[0])


def block(rows: Array, weights: tuple[Array, Array], variant: str) -> Array:
    """Convolution, activation and pooling.

    Shape:
        rows (N, H, W * I); result (N, (H - 4) / 2, (W - 4) / 2 * O).
    """
    kernel, bias = weights
    n_maps, n_into = kernel.shape[:2]
    n, height, width = rows.shape[0], rows.shape[1], rows.shape[2] // n_into
    made = height - KERNEL + 1
    beside = jnp.concatenate([rows[:, row : row + made] for row in range(KERNEL)], axis=2)
    product = beside @ banded(kernel, width) + jnp.tile(bias, width - KERNEL + 1)
    halves = product.reshape(n, made // 2, 2, 2, (width - KERNEL + 1) // 2 * n_maps)
    activation, pooling = VARIANTS[variant]
    act = jax.nn.sigmoid if activation == "sigmoid" else jax.nn.relu
    if pooling == "avg":
        return act(halves).mean(axis=(2, 3))
    columns = jnp.maximum(halves[:, :, :, 0], halves[:, :, :, 1])
    return act(jnp.maximum(columns[:, :, 0], columns[:, :, 1]))  # both activations are monotone


def logits_of(weights: Weights, images: Array, variant: str) -> Array:
    """Logits (N, 10) of images (N, 28, 28) uint8."""
    act = jax.nn.sigmoid if VARIANTS[variant][0] == "sigmoid" else jax.nn.relu
    units = images.astype(jnp.float32) / 255
    for pair in weights[:2]:
        units = block(units, pair, variant)
    units = units.reshape(len(units), -1)
    for matrix, bias in weights[2:4]:
        units = act(units @ matrix + bias)
    return units @ weights[4][0] + weights[4][1]


@partial(jax.jit, static_argnums=(6,), donate_argnums=(0, 1))
@partial(jax.vmap, in_axes=(0, 0, None, None, 0, 0, None))
def train_epoch(
    weights: Weights,
    moments: Moments,
    images: Array,
    labels: Array,
    order: Array,
    counts: Array,
    variant: str,
) -> tuple[Weights, Moments, Array]:
    """One pass of every seed; `order` holds indices, `counts` 0.0 where a batch is padded.

    Shape:
        order, counts (seeds, steps, batch); weights and moments have a first axis of seeds.
    """

    def loss_of(weights: Weights, batch: Array, counted: Array) -> Array:
        log_p = jax.nn.log_softmax(logits_of(weights, images[batch], variant))
        own = jnp.take_along_axis(log_p, labels[batch][:, None], axis=1)[:, 0]
        return -(own * counted).sum() / counted.sum()

    def step(state: State, drawn: tuple[Array, Array]) -> tuple[State, Array]:
        weights, first, second, number = state
        loss, gradient = jax.value_and_grad(loss_of)(weights, *drawn)
        number = number + 1
        first = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, first, gradient)
        second = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, second, gradient)
        rate = LEARNING_RATE / (1 - BETA_1**number)
        spread = jnp.sqrt(1 - BETA_2**number)
        weights = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) / spread + EPSILON), weights, first, second
        )
        return (weights, first, second, number), loss

    state, losses = jax.lax.scan(step, (weights, *moments), (order, counts))
    return state[0], state[1:], losses[-1]


@partial(jax.jit, static_argnums=(3,))
@partial(jax.vmap, in_axes=(0, None, None, None))
def n_right(weights: Weights, images: Array, labels: Array, variant: str) -> Array:
    """How many images the network gets right, some at a time."""

    def right(part: tuple[Array, Array]) -> Array:
        return (logits_of(weights, part[0], variant).argmax(1) == part[1]).sum()

    return jax.lax.map(right, (images, labels)).sum()


def drawn_orders(rngs: list[np.random.Generator], n_images: int) -> tuple[Array, Array]:
    """A permutation for each seed in batches, the last one padded, and what of it counts."""
    n_steps = -(-n_images // BATCH)
    order = np.zeros((len(rngs), n_steps * BATCH), np.int32)
    counts = np.zeros(order.shape, np.float32)
    for row, rng in enumerate(rngs):
        order[row, :n_images], counts[row, :n_images] = rng.permutation(n_images), 1
    shape = (len(rngs), n_steps, BATCH)
    return jnp.asarray(order.reshape(shape)), jnp.asarray(counts.reshape(shape))


def train(asked: Asked, runs: list[Run]) -> list[list[dict[str, float]]]:
    """Train the seeds of one variant; the numbers of each of them by epoch.

    Prints the seconds of training, without those of the compiler.
    """
    images, labels = map(jnp.asarray, asked.arrays("train"))
    test = [jnp.asarray(part) for part in asked.arrays("test")]
    in_parts = [part.reshape(-1, EVALUATION_BATCH, *part.shape[1:]) for part in test]
    variant = runs[0].variant
    found: list[list[dict[str, float]]] = [[] for _ in runs]
    weights = jax.tree.map(lambda *each: jnp.stack(each), *[begun(run.seed) for run in runs])
    zeros = [jax.tree.map(jnp.zeros_like, weights) for _ in range(2)]
    moments = (*zeros, jnp.zeros(len(runs)))
    rngs = [np.random.default_rng([run.seed, 1]) for run in runs]
    drawn = drawn_orders(rngs, len(images))
    arguments = (weights, moments, images, labels, *drawn)
    epoch_of = train_epoch.lower(*arguments, variant).compile()
    seconds = 0.0
    for number in range(asked.epochs):
        began = time.perf_counter()
        drawn = drawn_orders(rngs, len(images)) if number else drawn
        weights, moments, losses = epoch_of(weights, moments, images, labels, *drawn)
        jax.block_until_ready(losses)
        seconds += time.perf_counter() - began
        shares = n_right(weights, *in_parts, variant) / len(test[1])
        for numbers, loss, share in zip(found, losses, shares, strict=True):
            numbers.append({"train/loss": loss.item(), TEST: share.item()})
    print(f"{variant}: {seconds:.2f} s of training")
    return found


def log(run: Run, numbers: list[dict[str, float]]) -> None:
    """Log one run, and print how it ended."""
    with mlflow.start_run(run_name=run.name):
        mlflow.log_params(run.params)
        for epoch, metrics in enumerate(numbers, start=1):
            mlflow.log_metrics(metrics, step=epoch)
    print(f"{run.name}: {TEST} {numbers[-1][TEST]:.4f}")


if __name__ == "__main__":
    ASKED = asked()
    mlflow.set_experiment(EXPERIMENT)
    for _, group in groupby(ASKED.runs, key=lambda run: run.variant):
        runs = list(group)
        for run, numbers in zip(runs, train(ASKED, runs), strict=True):
            log(run, numbers)
