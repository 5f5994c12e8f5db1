"""Runs Keras's ``fit`` so that a killed run resumes, the best weights are kept, and errors name the folder."""

import itertools
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamgym.errors import TrainingError
from dreamgym.models.checkpoint import Checkpoint
from dreamgym.models.settings import MemorySettings, VisionSettings
from dreamgym.running.files import write_whole
from dreamgym.running.provenance import hash_arrays
from dreamgym.running.tensorflow import keras, tf


@dataclass(frozen=True)
class Batches:
    """Training data in batches."""

    of_epoch: Callable[[int], Iterator[Any]]  # always the same batches for an epoch, or a resumed run differs
    per_epoch: int  # further batches are ignored
    fingerprint: str  # a hash of the data; a checkpoint of other data is not resumed


def fit(
    model: Any,
    batches: Batches,
    held_out: Any,
    folder: Path,
    settings: VisionSettings | MemorySettings,
    *,
    signature: Any,
    verbose: int,
) -> None:
    """Fits a compiled model and sets the weights of the epoch with the lowest loss on ``held_out``.

    ``folder`` gets ``checkpoint.npz``, ``log.csv`` and ``tensorboard/``. A matching checkpoint in it is resumed.
    ``signature`` holds the ``tf.TensorSpec`` of a batch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fingerprint = _fingerprint(model, batches, held_out, settings)
    checkpoint = Checkpoint(folder / "checkpoint.npz", settings.patience, fingerprint)
    checkpoint.set_model(model)
    first_epoch = checkpoint.restore()
    if first_epoch < settings.epochs and not checkpoint.stopped:
        _truncate_logs(folder, first_epoch)
        errors: list[Exception] = []
        epochs = range(first_epoch, settings.epochs)
        stream = tf.data.Dataset.from_generator(lambda: _stream(batches, epochs, errors), output_signature=signature)
        log = keras.callbacks.CSVLogger(str(folder / "log.csv"), append=first_epoch > 0)
        board = keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False)
        try:
            model.fit(
                stream.prefetch(2),
                shuffle=False,
                steps_per_epoch=batches.per_epoch,
                initial_epoch=first_epoch,
                epochs=settings.epochs,
                validation_data=(held_out, None),
                validation_batch_size=settings.batch_size,
                callbacks=[log, board, checkpoint],
                verbose=verbose,
            )
        except tf.errors.OpError as error:
            if errors:
                raise errors[0] from None
            reason = (error.message or "no message").strip().splitlines()[0]
            raise TrainingError(
                f"TensorFlow failed while training in {folder} ({type(error).__name__}: {reason}); "
                "check that the folder is writable and that disk and memory suffice, then run it again"
            ) from error
        finally:
            log.on_train_end()  # Keras does not call it after an error, and the file would stay open.
        if checkpoint.nan_loss:
            raise TrainingError(
                f"the loss became NaN or infinite while training in {folder}; "
                "lower the learning rate, or look for broken episodes"
            )
    checkpoint.load_best()


def _stream(batches: Batches, epochs: Iterable[int], errors: list[Exception]) -> Iterator[Any]:
    """The batches of some epochs. Keeps an exception in ``errors``, since TensorFlow replaces it by one of its own."""
    try:
        for epoch in epochs:
            count = 0  # any other number than ``per_epoch`` would shift the batches of later epochs
            for batch in itertools.islice(batches.of_epoch(epoch), batches.per_epoch):
                yield batch
                count += 1
            if count < batches.per_epoch:
                expected = f"epoch {epoch} has {count} batches, expected {batches.per_epoch}"
                raise TrainingError(f"{expected}; collect more episodes, or restore the files deleted during training")
    except Exception as error:
        errors.append(error)
        raise


def _truncate_logs(folder: Path, first_epoch: int) -> None:
    """Removes log rows of epochs that are trained again, and all TensorBoard events if training starts over."""
    log = folder / "log.csv"
    if first_epoch == 0:
        shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    elif log.is_file():
        write_whole(log, b"".join(log.read_bytes().splitlines(keepends=True)[: 1 + first_epoch]))


def _fingerprint(model: Any, batches: Batches, held_out: Any, settings: VisionSettings | MemorySettings) -> str:
    """Everything that decides a run, as JSON: settings, sizes, initial weights and data."""
    run = {
        "model": model.get_config(),
        "settings": vars(settings),
        "batches_per_epoch": batches.per_epoch,
        "initial_weights": hash_arrays({str(i): array for i, array in enumerate(model.get_weights())}),
        "training_data": batches.fingerprint,
        "held_out_data": hash_arrays(held_out if isinstance(held_out, Mapping) else {"frames": held_out}),
    }
    return json.dumps(run, sort_keys=True)
