"""What a checkpoint must match to be resumed, how many batches an epoch has, and which errors come out."""

from dataclasses import replace

import numpy as np
import pytest

from dreamgym.errors import TrainingError
from dreamgym.models.fit import Batches, _fingerprint, _stream
from dreamgym.models.memory import LossWeights, Memory
from dreamgym.models.settings import MemorySettings, MemorySizes
from dreamgym.models.training import train_memory
from tests.models.test_training import make_sequences

SETTINGS = MemorySettings(epochs=1, batch_size=4)


def numbered(per_epoch, given):
    return Batches(lambda epoch: iter([(epoch, i) for i in range(given)]), per_epoch, "")


def test_an_epoch_has_exactly_its_batches():
    assert list(_stream(numbered(2, given=4), range(1, 3), [])) == [(1, 0), (1, 1), (2, 0), (2, 1)]
    with pytest.raises(TrainingError, match="epoch 0 has 4 batches, expected 5"):
        list(_stream(numbered(5, given=4), [0], []))


def test_sizes_seeds_and_data_are_in_the_fingerprint():
    def fingerprint(data="a", held=0.0, steps=3, settings=SETTINGS, **changes):
        batches = Batches(lambda epoch: iter(()), steps, data)
        return _fingerprint(Memory(2, 2, 3, 2, **changes), batches, {"mu": np.full(5, held)}, settings)

    others = [fingerprint("b"), fingerprint(held=1.0), fingerprint(steps=4)]
    others += [fingerprint(settings=replace(SETTINGS, patience=5)), fingerprint(seed=1)]
    others += [fingerprint(target_scale=2.0), fingerprint(loss_weights=LossWeights(done=2.0))]
    assert fingerprint() == fingerprint()
    assert len({fingerprint(), *others}) == 8


def fit_memory(folder):
    sizes = MemorySizes(hidden_size=2, n_mixtures=2)
    return train_memory(make_sequences(8), make_sequences(5), folder, SETTINGS, sizes=sizes, verbose=0)


def test_an_error_of_tensorflow_names_the_folder_in_one_line(tmp_path):
    (tmp_path / "tensorboard").write_text("a file where TensorBoard needs a folder")
    with pytest.raises(TrainingError, match=r"writable.*run it again") as caught:
        fit_memory(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_of_the_operating_system_passes_through(tmp_path):
    (tmp_path / "log.csv").mkdir()
    with pytest.raises(IsADirectoryError, match=r"log\.csv"):
        fit_memory(tmp_path)
