"""Fitting V and M: Keras's ``fit`` with callbacks that survive ``kill -9``."""

import itertools
import json
import math
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from dreamgym import memory as memory_module
from dreamgym import vision as vision_module
from dreamgym.checkpoint import Checkpoint
from dreamgym.dynamics import MemoryArrays
from dreamgym.errors import TrainingError
from dreamgym.files import write_whole
from dreamgym.hyperparameters import MemorySettings, VisionSettings

Batches = Callable[[int], Iterator[Any]]


def train_vision(
    batches: Batches,
    steps_per_epoch: int,
    held_out: np.ndarray,
    folder: Path,
    settings: VisionSettings,
    *,
    latent_size: int = 32,
    seed: int = 0,
    start_from: Mapping[str, np.ndarray] | None = None,
    verbose: int = 2,
) -> dict[str, np.ndarray]:
    """Trains V and gives its arrays, the best by the loss on held-out frames.

    Args:
        batches: ``batches(epoch)`` gives the epoch's batches of frames, uint8 ``(n, 64, 64, 3)``; the same ones
            whenever it is asked, or a run that was killed does not end as it would have.
        steps_per_epoch: Batches an epoch; more than that are not taken.
        held_out: Frames of episodes that are in no batch, uint8 ``(n, 64, 64, 3)``.
        folder: For checkpoints, the log as CSV and TensorBoard's events. A run that was killed goes on from here.
        settings: How.
        latent_size: Z.
        seed: Of weights, noise and everything else drawn.
        start_from: A trained V's arrays to go on from; their Z counts then.
        verbose: Keras's: 1 bars, 2 lines, 0 nothing.

    Raises:
        TrainingError: There are too few frames, the loss became NaN, or the checkpoint is broken.
    """
    if steps_per_epoch < 1 or len(held_out) == 0:
        raise TrainingError("V has no frames to train on or to hold out; collect more episodes")
    if start_from is None:
        vision = vision_module.Vision(latent_size, settings.kl_tolerance, seed)
    else:
        vision = vision_module.from_arrays(start_from, seed, settings.kl_tolerance)
    vision.compile(optimizer=keras.optimizers.Adam(settings.learning_rate))
    frame = tf.TensorSpec((None, 64, 64, 3), tf.uint8)
    fingerprint = _fingerprint(vision, settings, steps_per_epoch, held_out)
    _fit(vision, batches, frame, steps_per_epoch, held_out, folder, settings, fingerprint, verbose)
    return vision_module.to_arrays(vision)


def train_memory(
    sequences: Mapping[str, np.ndarray],
    held_out: Mapping[str, np.ndarray],
    folder: Path,
    settings: MemorySettings,
    *,
    hidden_size: int = 256,
    n_mixtures: int = 5,
    seed: int = 0,
    start_from: MemoryArrays | None = None,
    verbose: int = 2,
) -> MemoryArrays:
    """Trains M and gives its arrays, the best by the loss on held-out sequences.

    Args:
        sequences: What :class:`dreamgym.memory.Memory` is trained on: ``mu``, ``logvar`` ``(n, T + 1, Z)``,
            ``action`` ``(n, T, A)``, ``target``, ``done``, ``weight`` ``(n, T)``, float32.
        held_out: The same, of episodes that are in no training sequence.
        folder: For checkpoints, the log as CSV and TensorBoard's events. A run that was killed goes on from here.
        settings: How.
        hidden_size: H.
        n_mixtures: K.
        seed: Of weights, noise and the order of sequences.
        start_from: A trained M's arrays to go on from.
        verbose: Keras's.

    Raises:
        TrainingError: There are no sequences, they hold NaN, the loss became NaN, ``start_from`` is of another
            size, or the checkpoint is broken.
    """
    _check_sequences(sequences, "to train on")
    _check_sequences(held_out, "held out")
    n, _, latent_size = sequences["mu"].shape
    batch_size = min(settings.batch_size, n)
    steps_per_epoch = n // batch_size
    target_scale = float(np.std(sequences["target"][sequences["weight"] > 0])) or 1.0
    model = memory_module.Memory(
        latent_size, sequences["action"].shape[-1], hidden_size, n_mixtures, target_scale, seed=seed
    )
    if start_from is not None:
        _go_on_from(model, start_from)
    schedule = keras.optimizers.schedules.PolynomialDecay(
        settings.learning_rate, max(1, settings.epochs * steps_per_epoch), settings.final_learning_rate
    )
    # XLA makes the LSTM's loop half as fast again on a CPU; V's convolutions it makes many times slower.
    model.compile(optimizer=keras.optimizers.Adam(schedule, clipvalue=settings.gradient_clip), jit_compile=True)

    def batches(epoch: int) -> Iterator[dict[str, np.ndarray]]:
        order = np.random.default_rng([seed, 5, epoch]).permutation(n)
        for i in range(steps_per_epoch):
            chosen = order[i * batch_size : (i + 1) * batch_size]
            yield {name: values[chosen] for name, values in sequences.items()}

    # A batch's size is fixed here, or XLA would compile anew for every new one.
    signature = {name: tf.TensorSpec((batch_size, *values.shape[1:]), tf.float32) for name, values in sequences.items()}
    held = _pad_to_multiple(held_out, batch_size)
    data = [*sequences.values(), *held_out.values()]
    fingerprint = _fingerprint(model, settings, steps_per_epoch, *data)
    _fit(model, batches, signature, steps_per_epoch, held, folder, settings, fingerprint, verbose)
    return memory_module.to_arrays(model)


def _fit(
    model: Any,
    batches: Batches,
    signature: Any,
    steps_per_epoch: int,
    held_out: Any,
    folder: Path,
    settings: VisionSettings | MemorySettings,
    fingerprint: str,
    verbose: int,
) -> None:
    """Fits a compiled model, resuming from ``folder``, and leaves it with its best weights."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = Checkpoint(folder / "checkpoint.npz", settings.patience, fingerprint)
    checkpoint.set_model(model)
    first_epoch = checkpoint.restore()
    if first_epoch < settings.epochs and not checkpoint.stopped:
        _drop_logs(folder, first_epoch)
        stream = _Stream(batches, steps_per_epoch, range(first_epoch, settings.epochs))
        log = keras.callbacks.CSVLogger(str(folder / "log.csv"), append=first_epoch > 0)
        board = keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False)
        try:
            model.fit(
                tf.data.Dataset.from_generator(stream, output_signature=signature).prefetch(2),
                shuffle=False,
                steps_per_epoch=steps_per_epoch,
                initial_epoch=first_epoch,
                epochs=settings.epochs,
                validation_data=(held_out, None),
                validation_batch_size=settings.batch_size,
                callbacks=[log, board, checkpoint],
                verbose=verbose,
            )
        except tf.errors.OpError:
            if stream.error is None:
                raise
            raise stream.error from None
        finally:
            log.on_train_end()  # which Keras leaves out, and the file open, when a fit is broken off
        if checkpoint.nan_loss:
            raise TrainingError(
                f"the loss became NaN in {folder}; the last whole epoch is kept there. "
                "Lower the learning rate, or look for broken episodes"
            )
    checkpoint.load_best()


class _Stream:
    """The batches of the epochs that are left, as ``tf.data`` wants them: a function that gives a generator.

    Attributes:
        error: What went wrong in it, which TensorFlow turns into an error of its own.
    """

    def __init__(self, batches: Batches, steps_per_epoch: int, epochs: Iterable[int]):
        self.batches, self.steps_per_epoch, self.epochs = batches, steps_per_epoch, epochs
        self.error: Exception | None = None

    def __call__(self) -> Iterator[Any]:
        try:
            for epoch in self.epochs:
                yield from self._epoch(epoch)
        except Exception as error:
            self.error = error
            raise

    def _epoch(self, epoch: int) -> Iterator[Any]:
        """Exactly ``steps_per_epoch`` batches: any other number would shift the epochs after it."""
        given = 0
        for batch in itertools.islice(self.batches(epoch), self.steps_per_epoch):
            yield batch
            given += 1
        if given < self.steps_per_epoch:
            raise TrainingError(f"epoch {epoch} gave {given} batches, expected {self.steps_per_epoch}; are files gone?")


def _drop_logs(folder: Path, first_epoch: int) -> None:
    """Leaves of an earlier run's logs what belongs to the epochs that this one goes on from."""
    log = folder / "log.csv"
    if first_epoch == 0:
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    elif log.is_file():
        write_whole(log, b"".join(log.read_bytes().splitlines(keepends=True)[: 1 + first_epoch]))


def _fingerprint(model: Any, settings: Any, steps_per_epoch: int, *data: np.ndarray) -> str:
    """What a checkpoint must have been made with to be gone on from: settings, sizes, first weights and data."""
    checksum = 0
    for array in (*model.get_weights(), *data):
        checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
    made_with = {**model.get_config(), **vars(settings), "steps_per_epoch": steps_per_epoch, "checksum": checksum}
    return json.dumps(made_with, sort_keys=True)


def _check_sequences(sequences: Mapping[str, np.ndarray], purpose: str) -> None:
    if len(sequences["mu"]) == 0 or not (sequences["weight"] > 0).any():
        raise TrainingError(f"M has no sequences {purpose}; collect more or longer episodes")
    for name, values in sequences.items():
        broken = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if broken.any():
            raise TrainingError(
                f"{name!r} is NaN or infinite in {broken.sum()} of {len(values)} sequences {purpose}; "
                "make the latents anew, with a V whose training went well"
            )


def _go_on_from(model: memory_module.Memory, arrays: MemoryArrays) -> None:
    try:
        memory_module.load_arrays(model, arrays)
    except ValueError as error:
        raise TrainingError(f"start_from is an M of other sizes than the one to train ({error})") from error


def _pad_to_multiple(sequences: Mapping[str, np.ndarray], batch_size: int) -> dict[str, np.ndarray]:
    """Repeats the first sequences with weight 0 until whole batches are full, so that no new shape is compiled."""
    n = len(sequences["mu"])
    total = math.ceil(n / batch_size) * batch_size
    index = np.arange(total) % n
    padded = {name: values[index] for name, values in sequences.items()}
    padded["weight"] = np.where(np.arange(total)[:, None] < n, padded["weight"], 0).astype(np.float32)
    return padded
