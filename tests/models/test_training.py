"""Training resumes after it was killed, keeps the best weights, and explains why it stops."""

import csv
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreamgym.errors import DataError, TrainingError
from dreamgym.models import training
from dreamgym.models.fit import Batches
from dreamgym.models.settings import MemorySettings, MemorySizes, VisionSettings
from dreamgym.models.training import draw_latents, sequence_batches, train_memory, train_vision
from dreamgym.models.vision import Vision
from dreamgym.running.seeding import Stream, generator

VISION_STEPS, MEMORY_STEPS = 6, 10
VISION = VisionSettings(epochs=2, batch_size=3, learning_rate=1e-3)
MEMORY = MemorySettings(epochs=4, batch_size=4, learning_rate=1e-2)


def make_frames(n):
    """Dark frames with a bright bar somewhere, the same ones for the same n."""
    frames = np.zeros((n, 64, 64, 3), np.uint8)
    for frame, place in zip(frames, np.random.default_rng(n).integers(0, 56, n), strict=True):
        frame[:, place : place + 8] = 200
    return frames


def make_sequences(n, steps=6):
    """Latents that the actions move; the target is the first number of the action, the last step ends the game."""
    rng = np.random.default_rng(n)
    action = rng.standard_normal((n, steps, 2)).astype(np.float32)
    mu = np.concatenate([np.zeros((n, 1, 2), np.float32), np.cumsum(0.3 * action, axis=1)], axis=1)
    done = np.zeros((n, steps), np.float32)
    done[:, -1] = 1
    return {
        "mu": mu,
        "logvar": np.full_like(mu, -4),
        "action": action,
        "target": action[..., 0].copy(),
        "done": done,
        "weight": np.ones((n, steps), np.float32),
    }


def vision_batches(fingerprint="frames"):
    frames = make_frames(24)

    def of_epoch(epoch):
        for chosen in np.random.default_rng(epoch).integers(24, size=(VISION_STEPS + 2, 3)):
            yield frames[chosen]

    return Batches(of_epoch, VISION_STEPS, fingerprint)


def fit_vision(folder, batches=None, settings=VISION):
    batches = batches or vision_batches()
    return train_vision(batches, make_frames(7), folder, settings, latent_size=2, verbose=0)


def interrupted(batches, at, act):
    """The same batches, but ``act(batch)`` is called before the one at ``(epoch, number)``."""

    def of_epoch(epoch):
        for number, batch in enumerate(batches.of_epoch(epoch)):
            if (epoch, number) == at:
                act(batch)
            yield batch

    return replace(batches, of_epoch=of_epoch)


def interrupt_memory(at, act, patch=setattr):
    """Interrupts the batches that ``train_memory`` makes."""
    patch(training, "sequence_batches", lambda *args, **how: interrupted(sequence_batches(*args, **how), at, act))


def kill_myself(_):
    os.kill(os.getpid(), signal.SIGKILL)


def fit_memory(folder, settings=MEMORY, sequences=None, held_out=None, **changes):
    options = {"sizes": MemorySizes(3, 2), "verbose": 0} | changes
    sequences = make_sequences(4 * MEMORY_STEPS) if sequences is None else sequences
    return train_memory(sequences, make_sequences(5) if held_out is None else held_out, folder, settings, **options)


def kill_memory(folder):
    interrupt_memory((2, MEMORY_STEPS - 1), kill_myself)
    fit_memory(folder)


def train_and_be_killed(folder):
    """V and M, each in a process that kills itself late in an epoch. Forks, so that TensorFlow is imported once."""
    jobs = (
        lambda: fit_vision(folder / "vision", interrupted(vision_batches(), (1, VISION_STEPS - 1), kill_myself)),
        lambda: kill_memory(folder / "memory"),
    )
    for job in jobs:
        process = os.fork()
        if process == 0:
            job()
            os._exit(0)
        _, status = os.waitpid(process, 0)
        assert os.WIFSIGNALED(status), "it was not killed"
        assert os.WTERMSIG(status) == signal.SIGKILL


def state_of(folder):
    with np.load(folder / "checkpoint.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def rows_of(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    script = (
        "from pathlib import Path; from tests.models.test_training import train_and_be_killed; "
        f"train_and_be_killed(Path({str(folder)!r}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=200
    )
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def whole_memory(tmp_path_factory):
    """A folder in which M was trained without a break, and what came out."""
    folder = tmp_path_factory.mktemp("memory")
    return folder, fit_memory(folder)


def assert_same_run(folder, whole):
    """Weights, moments, step count, noise, best weights, best loss and patience: the same, bit for bit."""
    resumed_state, whole_state = state_of(folder), state_of(whole)
    assert list(resumed_state) == list(whole_state)
    for name, value in whole_state.items():
        np.testing.assert_array_equal(resumed_state[name], value, err_msg=name)
    assert rows_of(folder) == rows_of(whole), "every epoch is logged once, with the same figures"


def test_v_killed_in_an_epoch_ends_as_if_it_had_not_been(killed, tmp_path):
    folder = killed / "vision"
    assert int(state_of(folder)["next_epoch"]) == 1
    before = (folder / "checkpoint.npz").stat().st_mtime_ns
    resumed, whole = fit_vision(folder), fit_vision(tmp_path)
    assert (folder / "checkpoint.npz").stat().st_mtime_ns > before
    for name, value in whole.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)
    assert_same_run(folder, tmp_path)
    losses = [float(row["reconstruction"]) for row in rows_of(tmp_path)]
    assert losses[-1] < 0.8 * losses[0], "and it learns"
    assert {"kl", "val_kl", "reconstruction", "val_reconstruction", "loss", "val_loss"} <= set(rows_of(tmp_path)[0])


def test_the_learning_rate_of_v_falls_and_its_contrast_counts(tmp_path):
    changes = [{}, {"final_learning_rate": 0.0}, {"contrast": 5.0}]
    plain, falling, contrasted = (
        fit_vision(tmp_path / str(number), settings=replace(VISION, epochs=1, **change))["mu_kernel"]
        for number, change in enumerate(changes)
    )
    start = Vision(2, VISION.kl_tolerance, seed=0).mu.kernel.numpy()
    assert 0 < np.linalg.norm(falling - start) < 0.9 * np.linalg.norm(plain - start)
    assert (contrasted != plain).any()


def test_m_killed_in_an_epoch_ends_as_if_it_had_not_been(killed, whole_memory):
    folder, (whole_folder, whole) = killed / "memory", whole_memory
    assert int(state_of(folder)["next_epoch"]) == 2
    for resumed_array, array in zip(fit_memory(folder), whole, strict=True):
        np.testing.assert_array_equal(resumed_array, array)
    assert_same_run(folder, whole_folder)


def test_m_learns_and_logs_each_part(whole_memory):
    folder, _ = whole_memory
    rows = rows_of(folder)
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    for part in ("nll", "reward_loss", "done_loss", "val_nll", "val_reward_loss", "val_done_loss"):
        assert float(rows[-1][part]) < float(rows[0][part]), part
    assert list((folder / "tensorboard" / "train").glob("events*"))
    assert list((folder / "tensorboard" / "validation").glob("events*"))


def test_a_finished_run_is_not_trained_again(whole_memory):
    folder, whole = whole_memory
    before = (folder / "checkpoint.npz").stat().st_mtime_ns
    for again, array in zip(fit_memory(folder), whole, strict=True):
        np.testing.assert_array_equal(again, array)
    assert (folder / "checkpoint.npz").stat().st_mtime_ns == before


def test_other_settings_start_over_and_patience_ends_with_the_best(whole_memory, tmp_path):
    for name in ("checkpoint.npz", "log.csv"):
        (tmp_path / name).write_bytes((whole_memory[0] / name).read_bytes())
    held_out = make_sequences(5)
    for name in ("mu", "target"):
        held_out[name] = -held_out[name]  # what is learnt in training is wrong here
    settings = MemorySettings(epochs=30, batch_size=4, learning_rate=5e-2, patience=2)
    arrays = fit_memory(tmp_path, settings, held_out=held_out)
    rows = rows_of(tmp_path)
    assert [int(row["epoch"]) for row in rows] == list(range(len(rows)))
    losses = [float(row["val_loss"]) for row in rows]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 2 < 30
    state = state_of(tmp_path)
    assert float(state["best_loss"]) == losses[best]
    for i, array in enumerate(arrays):
        np.testing.assert_array_equal(array, state[f"best_{i}"])
    last_kernel = next(v for name, v in state.items() if name[0] == "v" and v.shape == arrays.kernel.shape)
    assert (last_kernel != arrays.kernel).any(), "the last weights are others"
    fit_memory(tmp_path, settings, held_out=held_out)
    assert len(rows_of(tmp_path)) == len(losses), "a run that stopped early is finished"


def test_a_loss_that_becomes_nan_stops_and_keeps_the_last_whole_epoch(tmp_path, monkeypatch):
    def spoil(batch):
        batch["z"] = np.full_like(batch["z"], np.nan)

    interrupt_memory((1, MEMORY_STEPS - 1), spoil, monkeypatch.setattr)
    with pytest.raises(TrainingError, match=r"NaN.*learning rate") as caught:
        fit_memory(tmp_path)
    assert str(tmp_path) in str(caught.value)
    state = state_of(tmp_path)
    assert int(state["next_epoch"]) == 1
    assert all(np.isfinite(value).all() for name, value in state.items() if name.startswith(("variable", "best_")))


@pytest.mark.parametrize("name", ["mu", "logvar", "action", "target", "done", "weight"])
def test_sequences_with_nan_are_refused_before_training(tmp_path, name):
    sequences = make_sequences(8)
    sequences[name][3, 2:] = np.nan
    with pytest.raises(TrainingError, match=rf"'{name}'.* 1 of 8 sequences to train on"):
        fit_memory(tmp_path, sequences=sequences)
    with pytest.raises(TrainingError, match=rf"'{name}'.* 1 of 8 sequences held out"):
        fit_memory(tmp_path, held_out=sequences)
    assert not list(tmp_path.iterdir())


def test_no_data_is_refused(tmp_path):
    empty = {name: values[:0] for name, values in make_sequences(1).items()}
    with pytest.raises(TrainingError, match="no sequences to train on"):
        fit_memory(tmp_path, sequences=empty)
    with pytest.raises(TrainingError, match="no sequences held out"):
        fit_memory(tmp_path, held_out=empty)
    for steps, n_held_out in ((0, 3), (3, 0)):
        with pytest.raises(TrainingError, match="no frames"):
            train_vision(Batches(lambda epoch: iter(()), steps, ""), make_frames(n_held_out), tmp_path, VISION)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", "truncated", "foreign", "later"])
def test_a_broken_checkpoint_is_named(whole_memory, tmp_path, content):
    folder, _ = whole_memory
    path, good = tmp_path / "checkpoint.npz", (folder / "checkpoint.npz").read_bytes()
    if content == "foreign":
        np.savez(path, something=np.zeros(3))
    elif content == "later":
        np.savez(path, **{**state_of(folder), "format_version": np.array(99)})
    else:
        path.write_bytes(good[: len(good) // 2] if content == "truncated" else content)
    with pytest.raises(TrainingError, match="delete it to start over") as caught:
        fit_memory(tmp_path)
    assert str(path) in str(caught.value)


def test_m_goes_on_from_another_m_of_its_size(whole_memory, tmp_path):
    _, trained = whole_memory
    still = MemorySettings(epochs=1, batch_size=4, learning_rate=1e-30, final_learning_rate=0)
    for array, given in zip(fit_memory(tmp_path, still, start_from=trained), trained, strict=True):
        np.testing.assert_array_equal(array, given)
    with pytest.raises(TrainingError, match="start_from"):
        fit_memory(tmp_path, still, start_from=trained, sizes=MemorySizes(4, 2))


def test_an_error_in_the_data_comes_out_as_it_went_in(tmp_path):
    def batches(epoch):
        yield make_frames(3)
        raise DataError("episode-000007.tfrecord is broken")

    with pytest.raises(DataError, match="episode-000007"):
        fit_vision(tmp_path, Batches(batches, 2, ""))


def test_v_is_not_resumed_on_other_frames(tmp_path):
    settings = VisionSettings(epochs=1, batch_size=3)
    asked = []

    def batches(fingerprint):
        given = vision_batches(fingerprint)
        return replace(given, of_epoch=lambda epoch: asked.append((fingerprint, epoch)) or given.of_epoch(epoch))

    for fingerprint in ("frames", "frames", "other frames"):
        fit_vision(tmp_path, batches(fingerprint), settings)
    assert asked == [("frames", 0), ("other frames", 0)]
    assert len(rows_of(tmp_path)) == 1


def test_m_is_not_resumed_on_other_sequences(whole_memory, tmp_path):
    (tmp_path / "checkpoint.npz").write_bytes((whole_memory[0] / "checkpoint.npz").read_bytes())
    sequences = make_sequences(4 * MEMORY_STEPS)
    sequences["target"][7, 3] += 1e-3
    arrays = fit_memory(tmp_path, sequences=sequences)
    assert len(rows_of(tmp_path)) == MEMORY.epochs
    assert (arrays.kernel != whole_memory[1].kernel).any()


def test_batches_of_sequences_follow_from_seed_and_epoch():
    sequences = make_sequences(11)
    batches = sequence_batches(sequences, batch_size=4, seed=3)
    assert batches.per_epoch == 2
    for epoch in (0, 5):
        order = generator(3, Stream.MEMORY_BATCHES, epoch).permutation(11)
        for i, batch in enumerate(batches.of_epoch(epoch)):
            for name in set(sequences) - {"mu", "logvar"}:
                np.testing.assert_array_equal(batch[name], sequences[name][order[4 * i : 4 * i + 4]])
            error = batch["z"] - sequences["mu"][order[4 * i : 4 * i + 4]]
            assert 0 < np.abs(error).max() < 5 * np.exp(-4 / 2), "the posterior's standard deviation is exp(logvar / 2)"
        assert i == 1
    by_length = sequence_batches(sequences, batch_size=4, seed=3, by_length=True)
    for one, other in zip(by_length.of_epoch(1), batches.of_epoch(1), strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg="all are equally long")
    same, other = make_sequences(11), make_sequences(11)
    other["done"][0, 0] = 1
    assert sequence_batches(same, 4, 0).fingerprint == batches.fingerprint
    assert sequence_batches(other, 4, 0).fingerprint != batches.fingerprint


def test_sequences_of_like_length_go_together():
    lengths = np.array([8] * 5 + [2] * 21 + [4, 3] * 9)  # of 8 steps: quarters 4, 1 and 2
    n = len(lengths)
    weight = (np.arange(8) < lengths[:, None]).astype(np.float32)
    mu = np.repeat(np.arange(n), 9).reshape(n, 9, 1).astype(np.float32)
    sequences = {"mu": mu / 10, "logvar": np.full_like(mu, -40), "weight": weight}
    batches = sequence_batches(sequences, batch_size=2, seed=0, by_length=True)
    shapes, met = [], []
    for batch in batches.of_epoch(3):
        n_steps = batch["weight"].shape[1]
        assert batch["z"].shape == (len(batch["weight"]), n_steps + 1, 1)
        rows = np.round(batch["z"][:, 0, 0] * 10).astype(int)
        np.testing.assert_array_equal(batch["weight"], weight[rows, :n_steps])
        assert (lengths[rows] <= n_steps).all()
        shapes.append(batch["weight"].shape)
        met += rows.tolist()
    assert sorted(shapes) == [(2, 6)] + [(2, 8)] * 3 + [(4, 4)] * 5 + [(8, 2)] * 2, "what is left over goes up"
    assert sorted(met) == list(range(n))
    assert batches.per_epoch == len(shapes)
    assert shapes != sorted(shapes), "long and short ones take turns"


def test_latents_are_drawn_from_the_posterior_and_read_with_noise():
    shape = (400, 6, 2)
    sequences = {"mu": np.full(shape, 3, np.float32), "logvar": np.full(shape, np.log(4), np.float32)}
    first, second = (draw_latents(sequences, generator(0, Stream.MEMORY_NOISE, epoch)) for epoch in (0, 1))
    assert first.keys() == {"z"}
    assert (first["z"] != second["z"]).all()
    assert first["z"].mean() == pytest.approx(3, abs=0.1)
    assert first["z"].std() == pytest.approx(2, abs=0.1)
    noisy = draw_latents(sequences, generator(0, Stream.MEMORY_NOISE, 0), input_noise=0.5)
    np.testing.assert_array_equal(noisy["z"], first["z"])
    deviations = np.sqrt(np.square(noisy["read"] - noisy["z"][:, :-1]).mean(axis=(1, 2)))
    assert np.sqrt(np.square(deviations).mean()) == pytest.approx(0.5, rel=0.1)
    assert np.quantile(deviations, 0.1) < 0.1 < 0.6 < np.quantile(deviations, 0.9), "some are clean, some are noisy"


def test_input_noise_changes_what_m_learns_and_not_what_it_is_judged_by(tmp_path):
    logs = []
    for noise in (0.0, 2.0):
        fit_memory(tmp_path / str(noise), replace(MEMORY, input_noise=noise))
        logs.append(rows_of(tmp_path / str(noise)))
    clean, noisy = logs
    assert float(noisy[-1]["loss"]) > float(clean[-1]["loss"])
    assert float(noisy[-1]["loss"]) - float(noisy[-1]["val_loss"]) > float(clean[-1]["loss"]) - float(
        clean[-1]["val_loss"]
    )


def test_m_learns_from_sequences_of_many_lengths(tmp_path):
    sequences = make_sequences(40, steps=8)
    lengths = np.random.default_rng(0).integers(1, 9, 40)
    sequences["weight"][:] = np.arange(8) < lengths[:, None]
    settings = replace(MEMORY, epochs=6, batch_size=2, learning_rate=1e-2, patience=6)
    fit_memory(tmp_path, settings, sequences, make_sequences(5, steps=8))
    rows = rows_of(tmp_path)
    losses = [float(row["val_loss"]) for row in rows]
    assert losses[-1] < losses[0] - 0.3
