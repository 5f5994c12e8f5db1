"""M has the paper's size, its loss is a mixture's likelihood, and it learns."""

import json
import math

import keras
import numpy as np
import pytest

from dreamgym.models.dynamics import LOG_SIGMA_BOUNDS
from dreamgym.models.memory import LossWeights, Memory, load_arrays, to_arrays

UNIT_GAUSSIAN = 0.5 * math.log(2 * math.pi)


def small(**changes):
    sizes = {"latent_size": 2, "action_size": 2, "hidden_size": 4, "n_mixtures": 3} | changes
    return Memory(**sizes)


def batch_of(n=4, steps=5, seed=0):
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    return {
        "z": draw(n, steps + 1, 2),
        "action": draw(n, steps, 2),
        "target": draw(n, steps),
        "done": (rng.random((n, steps)) < 0.3).astype(np.float32),
        "weight": np.ones((n, steps), np.float32),
    }


def nll_by_hand(heads, z, n_mixtures):
    """-log sum_k softmax(logits)_k N(z; mean_k, sigma_k), mean over dimensions; a loop over everything."""
    n, steps, size = z.shape
    result = np.zeros((n, steps))
    for i, t, d in np.ndindex(n, steps, size):
        logits, means, log_sigmas = heads[i, t, :-2].astype(np.float64).reshape(3, n_mixtures, size)[:, :, d]
        weights = np.exp(logits) / np.exp(logits).sum()
        sigmas = np.exp(np.clip(log_sigmas, *LOG_SIGMA_BOUNDS))
        density = np.exp(-0.5 * ((z[i, t, d] - means) / sigmas) ** 2) / (sigmas * np.sqrt(2 * np.pi))
        result[i, t] -= np.log((weights * density).sum()) / size
    return result


def test_m_has_the_papers_number_of_parameters_and_two_heads_more():
    memory = Memory(latent_size=32, action_size=3, hidden_size=256, n_mixtures=5)
    assert memory.count_params() == 422_368 + 514
    assert sum(array.size for array in to_arrays(memory)) == 422_368 + 514


def test_the_nll_is_that_of_a_mixture_written_by_hand():
    rng = np.random.default_rng(0)
    heads = rng.standard_normal((2, 3, 3 * 3 * 2 + 2)).astype(np.float32)
    heads[0, 0, 12] = -50  # a log sigma far below its bound
    z = rng.standard_normal((2, 3, 2)).astype(np.float32)
    np.testing.assert_allclose(small().nll(heads, z), nll_by_hand(heads, z, 3), rtol=1e-5)


def test_the_loss_is_balanced_as_it_says():
    batch = batch_of()
    memory = small(target_scale=2.0, loss_weights=LossWeights(reward=3.0, done=0.5, done_positive=10.0))
    heads = np.random.default_rng(1).standard_normal((4, 5, 20)).astype(np.float32)
    loss = float(memory.compute_loss(x=batch, y_pred={"heads": heads, "z": batch["z"]}))
    nll = nll_by_hand(heads, batch["z"][:, 1:], 3).mean()
    reward = (((heads[..., -2] - batch["target"]) / 2) ** 2).mean()
    p = 1 / (1 + np.exp(-heads[..., -1].astype(np.float64)))
    done = -(10 * batch["done"] * np.log(p) + (1 - batch["done"]) * np.log(1 - p)).mean()
    assert loss == pytest.approx(nll + 3 * reward + 0.5 * done, rel=1e-5)
    logged = {metric.name: float(metric.result()) for metric in memory.metrics}
    expected = {"loss": loss, "nll": nll, "reward_loss": reward, "done_loss": done}
    assert logged == pytest.approx(expected, rel=1e-5)


def test_steps_of_weight_nothing_are_ignored():
    batch = batch_of()
    heads = np.random.default_rng(1).standard_normal((4, 5, 20)).astype(np.float32)
    batch["weight"][:, 3:] = 0
    batch["weight"][2] = 0

    def loss():
        memory = small()
        value = float(memory.compute_loss(x=batch, y_pred={"heads": heads, "z": batch["z"]}))
        return value, float(memory.trackers["nll"].result())

    before = loss()
    kept = [0, 1, 3]
    assert before[1] == pytest.approx(nll_by_hand(heads, batch["z"][:, 1:], 3)[kept, :3].mean(), rel=1e-5)
    for name in ("target", "done"):
        batch[name][2], batch[name][:, 3:] = 9, 9
    batch["z"][2, 1:], batch["z"][:, 4:] = 9, 9
    heads[2], heads[:, 3:] = 9, 9
    assert loss() == pytest.approx(before, rel=1e-6)


def test_figures_are_means_over_steps_whatever_batch_they_came_in():
    heads = np.random.default_rng(1).standard_normal((4, 5, 20)).astype(np.float32)
    batch = batch_of()
    batch["weight"][1:3] = 0
    whole, parts = small(), small()
    whole.compute_loss(x=batch, y_pred={"heads": heads, "z": batch["z"]})
    for part in (slice(0, 3), slice(3, 4)):
        x = {name: values[part] for name, values in batch.items()}
        parts.compute_loss(x=x, y_pred={"heads": heads[part], "z": x["z"]})
    for name, tracker in whole.trackers.items():
        assert float(parts.trackers[name].result()) == pytest.approx(float(tracker.result()), rel=1e-5), name


def test_a_step_reads_its_own_latent_and_action_and_nothing_later():
    batch, memory = batch_of(), small()
    heads = np.asarray(memory(batch)["heads"])
    for name, first_changed in (("z", 3), ("action", 3)):
        other = {**batch, name: batch[name].copy()}
        other[name][:, 3] += 1
        changed = (np.abs(np.asarray(memory(other)["heads"]) - heads).max(axis=(0, 2)) > 1e-6).tolist()
        assert changed == [t >= first_changed for t in range(5)], name
    other = {**batch, "z": batch["z"].copy()}
    other["z"][:, -1] += 1
    np.testing.assert_allclose(memory(other)["heads"], heads, atol=1e-6, err_msg="the last z is only forecast")


def test_m_reads_what_it_is_given_and_forecasts_the_latents():
    batch, memory = batch_of(), small()
    read = batch["z"][:, :-1].copy()
    clean = memory(batch)
    np.testing.assert_array_equal(memory({**batch, "read": read})["heads"], clean["heads"])
    other = memory({**batch, "read": read + 1})
    assert (np.abs(np.asarray(other["heads"]) - np.asarray(clean["heads"])).max(axis=(0, 2)) > 1e-3).all()
    np.testing.assert_array_equal(other["z"], batch["z"])


def test_m_learns_a_sequence_that_its_actions_decide():
    action = np.random.default_rng(0).choice([-1, 1], (640, 4, 2)).astype(np.float32)
    z = np.concatenate([np.zeros((640, 1, 2), np.float32), 1.5 * action], axis=1)
    done = (action[..., 1] > 0).astype(np.float32)
    batch = {"z": z, "action": action, "target": action[..., 0], "done": done}
    batch["weight"] = np.ones((640, 4), np.float32)
    memory = small(hidden_size=8)
    memory.compile(optimizer=keras.optimizers.Adam(0.03))
    history = memory.fit(batch, batch_size=64, epochs=8, verbose=0).history
    assert history["nll"][0] > 1.3
    assert history["nll"][-1] < 0.7 * UNIT_GAUSSIAN, "no Gaussian with sigma 1 or more can do that"
    misled = memory.evaluate({**batch, "action": -action}, batch_size=64, verbose=0, return_dict=True)["nll"]
    best_without_actions = UNIT_GAUSSIAN + math.log(1.5) + 0.5  # of a Gaussian with the standard deviation of z
    assert misled > best_without_actions, "z follows from the actions, so wrong ones must cost M more than none"
    assert history["reward_loss"][-1] < 0.1
    assert history["done_loss"][-1] < 0.3


def test_arrays_come_back():
    memory, other = small(seed=0), small(seed=1)
    arrays = to_arrays(memory)
    assert all(array.dtype == np.float32 for array in arrays)
    assert not np.array_equal(arrays.kernel, to_arrays(other).kernel)
    load_arrays(other, arrays)
    for back, array in zip(to_arrays(other), arrays, strict=True):
        np.testing.assert_array_equal(back, array)
    kept = arrays.kernel.copy()
    memory.lstm.cell.kernel.assign(kept + 1)
    np.testing.assert_array_equal(arrays.kernel, kept, err_msg="arrays are copies")
    with pytest.raises(ValueError, match="shape"):
        load_arrays(small(hidden_size=5), arrays)


def test_everything_drawn_follows_from_the_seed():
    for first, second in zip(small(seed=3).variables, small(seed=3).variables, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy(), err_msg=first.path)


def test_the_config_rebuilds_m():
    memory = small(target_scale=2.0, loss_weights=LossWeights(1.0, 2.0, 3.0), seed=4)
    config = json.loads(json.dumps(memory.get_config()))
    for rebuilt in (
        Memory.from_config(config),
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(memory)),
    ):
        assert rebuilt.get_config() == memory.get_config()
        assert rebuilt.loss_weights == LossWeights(1.0, 2.0, 3.0)
        for array, expected in zip(to_arrays(rebuilt), to_arrays(memory), strict=True):
            np.testing.assert_array_equal(array, expected, err_msg="the same seed")
