"""Whether the best so far and the patience left are counted on after a restart."""

import keras
import numpy as np
import pytest

from dreamgym.models.checkpoint import Checkpoint
from dreamgym.models.memory import Memory


def begin(path, patience=2, fingerprint="a", seed=0):
    model = Memory(latent_size=2, action_size=2, hidden_size=3, n_mixtures=2, seed=seed)
    model.compile(optimizer=keras.optimizers.Adam(0.1))
    checkpoint = Checkpoint(path, patience, fingerprint)
    checkpoint.set_model(model)
    model.stop_training = False
    return checkpoint, checkpoint.restore()


def end_epoch(checkpoint, epoch, loss):
    """An epoch that leaves its number in the bias of M's head."""
    checkpoint.model.head.bias.assign(np.full(14, epoch, np.float32))
    checkpoint.on_epoch_end(epoch, {"loss": 0.0, "val_loss": loss})


def test_the_best_and_the_patience_left_outlive_the_process(tmp_path):
    path = tmp_path / "checkpoint.npz"
    first, epoch = begin(path)
    assert epoch == 0
    end_epoch(first, 0, 3.0)
    end_epoch(first, 1, 1.0)
    end_epoch(first, 2, 2.0)
    assert not first.model.stop_training
    second, epoch = begin(path, seed=1)
    assert epoch == 3
    assert (second.model.head.bias.numpy() == 2).all(), "it goes on from the last weights"
    end_epoch(second, 3, 1.5)
    assert second.model.stop_training, "the second epoch that was no better than 1.0"
    third, epoch = begin(path, seed=1)
    assert (epoch, third.stopped, third.best_loss) == (4, True, 1.0)
    third.load_best()
    assert (third.model.head.bias.numpy() == 1).all()


def test_a_better_epoch_gives_patience_back(tmp_path):
    checkpoint, _ = begin(tmp_path / "checkpoint.npz")
    for epoch, loss in enumerate((3.0, 4.0, 2.0, 2.5)):
        end_epoch(checkpoint, epoch, loss)
        assert not checkpoint.stopped
    end_epoch(checkpoint, 4, 2.0)
    assert checkpoint.stopped, "as good as the best is no better"


@pytest.mark.parametrize("patience", [0, 1])
def test_no_patience_still_trains(tmp_path, patience):
    checkpoint, _ = begin(tmp_path / "checkpoint.npz", patience)
    assert not checkpoint.stopped
    end_epoch(checkpoint, 0, 2.0)
    end_epoch(checkpoint, 1, 1.0)
    assert not checkpoint.stopped
    end_epoch(checkpoint, 2, 1.0)
    assert checkpoint.stopped


def test_another_fingerprint_starts_over(tmp_path):
    path = tmp_path / "checkpoint.npz"
    checkpoint, _ = begin(path)
    end_epoch(checkpoint, 0, 1.0)
    other, epoch = begin(path, fingerprint="b")
    assert (epoch, other.best_loss) == (0, np.inf)
    assert (other.model.head.bias.numpy() == 0).all()


@pytest.mark.parametrize("logs", [{"loss": 1.0, "val_loss": np.nan}, {"loss": 1.0, "val_loss": np.inf}])
def test_an_epoch_whose_loss_is_no_number_is_not_saved(tmp_path, logs):
    checkpoint, _ = begin(tmp_path / "checkpoint.npz")
    end_epoch(checkpoint, 0, 1.0)
    checkpoint.on_epoch_end(1, logs)
    assert checkpoint.nan_loss
    assert checkpoint.model.stop_training
    assert begin(tmp_path / "checkpoint.npz")[1] == 1


def test_a_batch_whose_loss_is_no_number_stops_at_once(tmp_path):
    checkpoint, _ = begin(tmp_path / "checkpoint.npz")
    checkpoint.on_batch_end(0, {"loss": 1.0})
    assert not checkpoint.model.stop_training
    checkpoint.on_batch_end(1, {"loss": np.nan})
    assert checkpoint.model.stop_training
