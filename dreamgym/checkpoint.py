"""A Keras callback that makes ``fit`` resumable, keeps the best and stops early, in one file without pickle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from dreamgym.errors import TrainingError
from dreamgym.files import read_npz, write_npz

FORMAT_VERSION = 1


class Checkpoint(keras.callbacks.Callback):
    """Saves all of a fit's state after every epoch: weights, optimizer, noise, the best so far and the patience left.

    Keras's own callbacks each forget something when a run is killed: the backup goes when ``fit`` ends, the best
    so far and the patience are counted from nothing after a restart.

    Args:
        path: The ``.npz`` to write, whole or not at all.
        patience: Epochs without a better ``val_loss`` before training stops.
        fingerprint: What the run was made with; a checkpoint with another one is started over.
    """

    def __init__(self, path: Path, patience: int, fingerprint: str):
        super().__init__()
        self.path, self.patience, self.fingerprint = path, patience, fingerprint
        self.best_loss, self.epochs_since_best, self.next_epoch = np.inf, 0, 0
        self.best: list[np.ndarray] = []
        self.nan_loss = False

    @property
    def stopped(self) -> bool:
        """Whether patience ran out; an epoch that is the best never stops a run."""
        return self.epochs_since_best >= max(1, self.patience)

    def restore(self) -> int:
        """Puts a saved state back into the model, if there is one, and gives the epoch to go on with.

        Raises:
            TrainingError: The file is broken, or a later dreamgym's.
        """
        # Before its first step an optimizer has no moments to put anything into.
        self.model.optimizer.build(self.model.trainable_variables)
        if not self.path.is_file():
            return 0
        try:
            arrays = read_npz(self.path)
            if int(arrays["format_version"]) > FORMAT_VERSION:
                raise ValueError(f"format {arrays['format_version']}, this dreamgym reads up to {FORMAT_VERSION}")
            if str(arrays["fingerprint"]) != self.fingerprint:
                return 0
            variables = self._variables()
            values = _like(variables, arrays, "variable")
            best = _like(self.model.weights, arrays, "best")
            self.best_loss = float(arrays["best_loss"])
            self.epochs_since_best, self.next_epoch = int(arrays["epochs_since_best"]), int(arrays["next_epoch"])
        except (ValueError, TypeError, KeyError) as error:
            raise TrainingError(f"{self.path} cannot be gone on from ({error}); delete it to start over") from error
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.best = best
        return self.next_epoch

    def load_best(self) -> None:
        """Gives the model the best weights seen."""
        if self.best:
            self.model.set_weights(self.best)

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stops where the loss is no number any more."""
        self.nan_loss |= not np.isfinite((logs or {}).get("loss", 0.0))
        self.model.stop_training |= self.nan_loss

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves, unless the epoch broke."""
        loss = (logs or {}).get("val_loss", np.nan)
        self.nan_loss |= not np.isfinite(loss)
        if self.nan_loss:
            self.model.stop_training = True
            return
        self.epochs_since_best += 1
        if loss < self.best_loss:
            self.best_loss, self.epochs_since_best = float(loss), 0
            self.best = self.model.get_weights()
        self.next_epoch = epoch + 1
        self.model.stop_training |= self.stopped
        self._save()

    def _variables(self) -> list[Any]:
        """Weights, the noise's state, and the optimizer's."""
        return [*self.model.variables, *self.model.optimizer.variables]

    def _save(self) -> None:
        arrays = {
            "format_version": np.array(FORMAT_VERSION),
            "fingerprint": np.array(self.fingerprint),
            "best_loss": np.array(self.best_loss),
            "epochs_since_best": np.array(self.epochs_since_best),
            "next_epoch": np.array(self.next_epoch),
        }
        arrays |= {f"variable_{i}": variable.numpy() for i, variable in enumerate(self._variables())}
        arrays |= {f"best_{i}": value for i, value in enumerate(self.best)}
        write_npz(self.path, arrays)


def _like(variables: list[Any], arrays: Mapping[str, np.ndarray], prefix: str) -> list[np.ndarray]:
    """The saved values of variables, each of its variable's shape."""
    values = [arrays[f"{prefix}_{i}"] for i in range(len(variables))]
    for variable, value in zip(variables, values, strict=True):
        if value.shape != tuple(variable.shape):
            raise ValueError(f"{variable.path} has shape {value.shape}, expected {tuple(variable.shape)}")
    return values
