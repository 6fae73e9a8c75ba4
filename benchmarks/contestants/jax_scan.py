"""JAX: a whole epoch in one jitted scan, one compilation a variant, two processes of one thread.

The convolutions are products of image rows with banded matrices, since the library's own
convolution is slow to differentiate on a CPU: five rows of the input, side by side, times a matrix
that holds the kernel once for every column of the output. The columns of a product come in two
halves, even and odd, so that pooling is a maximum, or a mean, of halves.
"""

from __future__ import annotations

import os
from functools import partial
from multiprocessing import get_context

# Before jax is loaded: both cores are taken by the two processes.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import jax
import jax.numpy as jnp
import numpy as np
from filelock import FileLock
from jax import Array
from task import (
    BATCH,
    EVALUATION_BATCH,
    EXPERIMENT,
    LEARNING_RATE,
    PROCESSES,
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
def train_epoch(
    weights: Weights,
    moments: tuple[Weights, Weights, Array],
    images: Array,
    labels: Array,
    order: Array,
    counts: Array,
    variant: str,
) -> tuple[Weights, tuple[Weights, Weights, Array], Array]:
    """One pass; `order` (steps, batch) holds indices, `counts` is 0.0 where a batch is padded."""

    def loss_of(weights: Weights, batch: Array, counted: Array) -> Array:
        log_p = jax.nn.log_softmax(logits_of(weights, images[batch], variant))
        own = jnp.take_along_axis(log_p, labels[batch][:, None], axis=1)[:, 0]
        return -(own * counted).sum() / counted.sum()

    def step(state: tuple, drawn: tuple[Array, Array]) -> tuple[tuple, Array]:
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
def n_right(weights: Weights, images: Array, labels: Array, variant: str) -> Array:
    """How many images the network gets right, some at a time."""

    def right(part: tuple[Array, Array]) -> Array:
        return (logits_of(weights, part[0], variant).argmax(1) == part[1]).sum()

    return jax.lax.map(right, (images, labels)).sum()


def drawn_order(rng: np.random.Generator, n_images: int) -> tuple[Array, Array]:
    """A permutation in batches, the last one padded, and what of it counts."""
    n_steps = -(-n_images // BATCH)
    order, counts = np.zeros((2, n_steps * BATCH))
    order[:n_images], counts[:n_images] = rng.permutation(n_images), 1
    shape = (n_steps, BATCH)
    return jnp.asarray(order.reshape(shape), jnp.int32), jnp.asarray(
        counts.reshape(shape), jnp.float32
    )


def perform(asked: Asked, runs: list[Run]) -> list[float]:
    """In a process: train, evaluate and log some runs; their test accuracies."""
    import mlflow  # noqa: PLC0415 (the process that starts the others needs none)

    with FileLock("store.lock"):
        mlflow.set_experiment(EXPERIMENT)
    images, labels = map(jnp.asarray, asked.arrays("train"))
    test = [jnp.asarray(part) for part in asked.arrays("test")]
    in_parts = [part.reshape(-1, EVALUATION_BATCH, *part.shape[1:]) for part in test]
    reached = []
    for run in runs:
        rng, weights = np.random.default_rng([run.seed, 1]), begun(run.seed)
        moments = (
            jax.tree.map(jnp.zeros_like, weights),
            jax.tree.map(jnp.zeros_like, weights),
            jnp.zeros((), jnp.float32),
        )
        with mlflow.start_run(run_name=run.name):
            mlflow.log_params(run.params)
            for epoch in range(asked.epochs):
                order, counts = drawn_order(rng, len(images))
                weights, moments, loss = train_epoch(
                    weights, moments, images, labels, order, counts, run.variant
                )
                accuracy = n_right(weights, *in_parts, run.variant).item() / len(test[1])
                numbers = {"train/loss": loss.item(), TEST: accuracy}
                mlflow.log_metrics(numbers, step=epoch + 1)
        reached.append(accuracy)
    return reached


if __name__ == "__main__":
    ASKED = asked()
    n_each = -(
        -len(ASKED.runs) // PROCESSES
    )  # a variant's seeds go to one process: one compilation
    shares = [ASKED.runs[start : start + n_each] for start in range(0, len(ASKED.runs), n_each)]
    with get_context("spawn").Pool(PROCESSES) as pool:
        for share, found in zip(
            shares, pool.starmap(perform, [(ASKED, share) for share in shares]), strict=True
        ):
            for run, accuracy in zip(share, found, strict=True):
                print(f"{run.name}: {TEST} {accuracy:.4f}")
