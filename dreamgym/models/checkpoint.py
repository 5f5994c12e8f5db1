"""A Keras callback that saves the whole state of a training run, keeps the best weights and stops early."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.errors import TrainingError
from dreamgym.running.files import read_npz, write_npz
from dreamgym.running.provenance import FORMATS, check_format
from dreamgym.running.tensorflow import keras


class Checkpoint(keras.callbacks.Callback):
    """Saves the state of a run after every epoch, in one ``.npz`` file without pickle.

    The state is: the model's weights and random seeds, the optimizer, the best weights and the patience used up.
    Keras's callbacks do not cover a killed run: BackupAndRestore deletes its backup when ``fit`` ends, and
    EarlyStopping and ModelCheckpoint start again without a best loss and with full patience.
    Training stops after ``patience`` epochs without a lower ``val_loss``; 0 counts as 1. A file with another
    ``fingerprint``, which describes the run, is not restored.
    """

    def __init__(self, path: Path, patience: int, fingerprint: str):
        super().__init__()
        self.path, self.patience, self.fingerprint = path, patience, fingerprint
        self.best_loss, self.epochs_since_best, self.next_epoch = np.inf, 0, 0
        self.best: list[np.ndarray] = []
        self.nan_loss = False  # whether a loss became NaN or infinite

    @property
    def stopped(self) -> bool:
        """Whether the patience is used up."""
        return self.epochs_since_best >= max(1, self.patience)

    def restore(self) -> int:
        """Restores a saved state and returns the next epoch, or 0. A broken file raises TrainingError."""
        # The optimizer creates its variables in its first step, unless it is built before.
        self.model.optimizer.build(self.model.trainable_variables)
        if not self.path.is_file():
            return 0
        try:
            arrays = read_npz(self.path)
            check_format("checkpoint", arrays["format_version"])
            if str(arrays["fingerprint"]) != self.fingerprint:
                return 0
            values = _saved_values(self._variables(), arrays, "variable")
            best = _saved_values(self.model.weights, arrays, "best")
            self.best_loss = float(arrays["best_loss"])
            self.epochs_since_best, self.next_epoch = int(arrays["epochs_since_best"]), int(arrays["next_epoch"])
        except (ValueError, TypeError, KeyError) as error:
            raise TrainingError(f"{self.path} cannot be resumed ({error}); delete it to start over") from error
        for variable, value in zip(self._variables(), values, strict=True):
            variable.assign(value)
        self.best = best
        return self.next_epoch

    def load_best(self) -> None:
        """Sets the model's weights to the best ones. Does nothing before the first epoch."""
        if self.best:
            self.model.set_weights(self.best)

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stops training if the loss is NaN or infinite."""
        self.nan_loss |= not np.isfinite((logs or {}).get("loss", 0.0))
        self.model.stop_training |= self.nan_loss

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves the state. An epoch whose loss or ``val_loss`` is NaN or infinite is not saved and stops training."""
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
        """All variables of the model (weights and random seeds) and of the optimizer."""
        return [*self.model.variables, *self.model.optimizer.variables]

    def _save(self) -> None:
        arrays = {
            "format_version": np.array(FORMATS["checkpoint"]),
            "fingerprint": np.array(self.fingerprint),
            "best_loss": np.array(self.best_loss),
            "epochs_since_best": np.array(self.epochs_since_best),
            "next_epoch": np.array(self.next_epoch),
        }
        arrays |= {f"variable_{i}": variable.numpy() for i, variable in enumerate(self._variables())}
        arrays |= {f"best_{i}": value for i, value in enumerate(self.best)}
        write_npz(self.path, arrays)


def _saved_values(variables: list[Any], arrays: Mapping[str, np.ndarray], prefix: str) -> list[np.ndarray]:
    """The saved values ``<prefix>_<i>`` of variables. A missing one is a KeyError, another shape a ValueError."""
    values = [arrays[f"{prefix}_{i}"] for i in range(len(variables))]
    for variable, value in zip(variables, values, strict=True):
        if value.shape != tuple(variable.shape):
            raise ValueError(f"{variable.path} has shape {value.shape}, expected {tuple(variable.shape)}")
    return values
