"""Training of V and M: prepares their data and optimizers, and returns the best weights as arrays.

All GPUs of the machine are used.

Data that cannot be trained on raises TrainingError. The other errors are those of :func:`dreamgym.models.fit.fit`.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.errors import TrainingError
from dreamgym.models import memory, vision
from dreamgym.models.dynamics import MemoryArrays, draw_posterior
from dreamgym.models.fit import Batches, fit
from dreamgym.models.replicas import on_all_devices
from dreamgym.models.settings import MemorySettings, MemorySizes, VisionSettings
from dreamgym.running.provenance import hash_arrays
from dreamgym.running.seeding import Stream, generator
from dreamgym.running.tensorflow import keras, standard_config, tf

# Sequences with less padding than a tenth are batched as they come. So are all on several devices, which need batches
# of one shape.
_MOSTLY_FULL = 0.9


@standard_config()
def train_vision(
    batches: Batches,
    held_out: np.ndarray,
    folder: Path,
    settings: VisionSettings,
    *,
    latent_size: int = 32,
    seed: int = 0,
    start_from: Mapping[str, np.ndarray] | None = None,
    verbose: int = 2,
) -> dict[str, np.ndarray]:
    """Trains V and returns its arrays after the epoch with the lowest loss on held-out frames.

    ``batches`` and ``held_out`` are frames of different episodes, uint8 ``(n, 64, 64, 3)``. ``batches`` also decides
    the size of a training batch. ``folder`` gets the checkpoint and logs; a killed run resumes from it. ``seed``
    decides the initial weights and the posterior's noise. ``start_from`` holds arrays of a trained V to continue from,
    and then ``latent_size`` is not used. ``verbose`` is Keras's: 0 is silent, 1 a progress bar, 2 a line per epoch.
    """
    if batches.per_epoch < 1 or len(held_out) == 0:
        raise TrainingError("V has no frames to train on or no held-out frames; collect more episodes")
    with on_all_devices(settings.batch_size):
        if start_from is None:
            model = vision.Vision(latent_size, settings.kl_tolerance, seed, contrast=settings.contrast)
        else:
            model = vision.from_arrays(start_from, seed, settings.kl_tolerance, settings.contrast)
        model.compile(optimizer=keras.optimizers.Adam(_learning_rate(settings, batches)))
        signature = tf.TensorSpec((None, 64, 64, 3), tf.uint8)
        fit(model, batches, held_out, folder, settings, signature=signature, verbose=verbose)
        return vision.to_arrays(model)


@standard_config()
def train_memory(
    sequences: Mapping[str, np.ndarray],
    held_out: Mapping[str, np.ndarray],
    folder: Path,
    settings: MemorySettings,
    *,
    sizes: MemorySizes | None = None,
    seed: int = 0,
    start_from: MemoryArrays | None = None,
    verbose: int = 2,
) -> MemoryArrays:
    """Trains M and returns its arrays after the epoch with the lowest loss on held-out sequences.

    ``sequences`` and ``held_out`` are of different episodes, as :func:`dreamgym.data.sequences.windows` cuts them.
    ``seed`` decides the initial weights, the posterior's noise and the order of sequences. ``start_from`` holds
    arrays of a trained M of the same sizes to continue from. The rest is as for :func:`train_vision`.
    """
    _check_sequences(sequences, "to train on")
    _check_sequences(held_out, "held out")
    sizes = sizes or MemorySizes()
    batch_size = min(settings.batch_size, len(sequences["mu"]))
    with on_all_devices(batch_size) as n_devices:
        model = memory.Memory(
            latent_size=sequences["mu"].shape[-1],
            action_size=sequences["action"].shape[-1],
            hidden_size=sizes.hidden_size,
            n_mixtures=sizes.n_mixtures,
            target_scale=float(np.std(sequences["target"][sequences["weight"] > 0])) or 1.0,
            seed=seed,
        )
        if start_from is not None:
            try:
                memory.load_arrays(model, start_from)
            except ValueError as error:
                raise TrainingError(
                    f"start_from has other sizes than the new M ({error}); use an M of this task"
                ) from error
        by_length = n_devices == 1 and sequences["weight"].mean() < _MOSTLY_FULL
        batches = sequence_batches(sequences, batch_size, seed, settings.input_noise, by_length=by_length)
        # XLA makes the LSTM loop 1.5 times as fast on a CPU. It makes V's convolutions many times slower. A compiled
        # step cannot speak with other devices.
        adam = keras.optimizers.Adam(_learning_rate(settings, batches), clipvalue=settings.gradient_clip)
        model.compile(optimizer=adam, jit_compile=n_devices == 1)
        # XLA compiles the model again for every new shape of a batch, of which there are at most four by length.
        signature = {
            name: tf.TensorSpec((None, None, *values.shape[2:]) if by_length else values.shape, tf.float32)
            for name, values in next(batches.of_epoch(0)).items()
        }
        judged = draw_latents(_pad(held_out, batch_size), generator(seed, Stream.HELD_OUT_LATENTS))
        fit(model, batches, judged, folder, settings, signature=signature, verbose=verbose)
        return memory.to_arrays(model)


def draw_latents(
    sequences: Mapping[str, np.ndarray], rng: np.random.Generator, input_noise: float = 0.0
) -> dict[str, np.ndarray]:
    """What :class:`dreamgym.models.memory.Memory` reads: sequences with ``z`` drawn from ``mu`` and ``logvar``.

    With input noise also ``read``, which is ``z`` with Gaussian noise. Its standard deviation is drawn anew for each
    sequence, as ``input_noise`` times the absolute value of a normal number, so that M knows clean sequences too.
    NumPy draws it all: inside the compiled step, it would take as long as a third of M's own arithmetic.
    """
    drawn = dict(sequences)
    mu, logvar = drawn.pop("mu"), drawn.pop("logvar")
    drawn["z"] = draw_posterior(mu, logvar, rng)
    if input_noise:
        scales = np.float32(input_noise) * np.abs(rng.standard_normal((len(mu), 1, 1), np.float32))
        drawn["read"] = drawn["z"][:, :-1] + scales * rng.standard_normal(mu[:, 1:].shape, np.float32)
    return drawn


def sequence_batches(
    sequences: Mapping[str, np.ndarray],
    batch_size: int,
    seed: int,
    input_noise: float = 0.0,
    *,
    by_length: bool = False,
) -> Batches:
    """Batches for M. Their order and noise follow from seed and epoch. An incomplete last batch is left out.

    ``by_length`` puts sequences of like length together where many are shorter than the longest, as episodes are that
    end by themselves. A batch of sequences up to a quarter as long has no padding beyond that and four times as many
    of them, and so on, so that all batches hold about as many steps.
    """
    n, longest = sequences["weight"].shape
    ends = np.where(sequences["weight"] > 0, np.arange(1, longest + 1), 1).max(axis=1)
    quarters = np.ceil(4 * ends / longest).astype(int) if by_length else np.full(n, 4)

    def chosen(epoch: int) -> list[tuple[int, np.ndarray]]:
        rng = generator(seed, Stream.MEMORY_BATCHES, epoch)
        order = rng.permutation(n)
        batches, left = [], order[:0]
        for quarter in range(1, 5):
            pool, size = np.concatenate([left, order[quarters[order] == quarter]]), 4 * batch_size // quarter
            whole = len(pool) // size
            batches += [(quarter, rows) for rows in pool[: whole * size].reshape(whole, size)]
            left = pool[whole * size :]  # these go with the longer ones
        if len({quarter for quarter, _ in batches}) > 1:
            rng.shuffle(batches)
        return batches

    def of_epoch(epoch: int) -> Iterator[dict[str, np.ndarray]]:
        rng = generator(seed, Stream.MEMORY_NOISE, epoch)
        for quarter, rows in chosen(epoch):
            steps = -(-longest * quarter // 4)
            cut = {name: values[rows, : steps + (values.shape[1] - longest)] for name, values in sequences.items()}
            yield draw_latents(cut, rng, input_noise)

    return Batches(of_epoch, len(chosen(0)), hash_arrays(sequences))


def _learning_rate(settings: VisionSettings | MemorySettings, batches: Batches) -> Any:
    """The learning rate, or its linear decay over all epochs."""
    if settings.final_learning_rate is None:
        return settings.learning_rate
    return keras.optimizers.schedules.PolynomialDecay(
        settings.learning_rate, settings.epochs * batches.per_epoch, settings.final_learning_rate
    )


def _check_sequences(sequences: Mapping[str, np.ndarray], purpose: str) -> None:
    if len(sequences["mu"]) == 0 or not (sequences["weight"] > 0).any():
        raise TrainingError(f"M has no sequences {purpose}; collect more or longer episodes")
    for name, values in sequences.items():
        broken = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if broken.any():
            raise TrainingError(
                f"{name!r} is NaN or infinite in {broken.sum()} of {len(values)} sequences {purpose}; "
                "encode the episodes again; if that does not help, collect them and train V again"
            )


def _pad(sequences: Mapping[str, np.ndarray], batch_size: int) -> dict[str, np.ndarray]:
    """Appends sequences of weight 0 until all batches are full, because XLA compiles every new batch size anew."""
    n = len(sequences["mu"])
    index = np.arange(math.ceil(n / batch_size) * batch_size)
    padded = {name: values[index % n] for name, values in sequences.items()}
    padded["weight"] = np.where(index[:, None] < n, padded["weight"], 0).astype(np.float32)
    return padded
