"""What M knows of the ends of held-out episodes."""

from types import SimpleNamespace

import numpy as np
import pytest

from dreamgym.evaluation.ends import foreseen_ends


def episode(world_model, steps, ended=True, seed=0):
    rng = np.random.default_rng(seed)
    terminated = np.zeros(steps, bool)
    terminated[-1] = ended
    return SimpleNamespace(
        mu=rng.standard_normal((steps + 1, world_model.latent_size)).astype(np.float32),
        logvar=np.full((steps + 1, world_model.latent_size), -20, np.float32),
        actions=np.eye(3, dtype=np.float32)[rng.integers(3, size=steps)],
        targets=np.zeros(steps, np.float32),
        terminated=terminated,
    )


def saying(world_model, bias):
    """An M that gives the same logit always."""
    memory = world_model.memory
    kernel, biases = memory.head_kernel.copy(), memory.head_bias.copy()
    kernel[:, -1], biases[-1] = 0, bias
    return world_model.replace(memory=memory._replace(head_kernel=kernel, head_bias=biases))


def test_an_m_that_never_ends_catches_nothing(tiny_world_model):
    found = foreseen_ends(saying(tiny_world_model, -1), [episode(tiny_world_model, n) for n in (5, 9)])
    assert found == {"episodes": 2, "caught": 0.0, "false_alarms": 0.0, "first_alarm": 1.0}


def test_an_m_that_ends_at_once_has_only_alarms(tiny_world_model):
    found = foreseen_ends(saying(tiny_world_model, 1), [episode(tiny_world_model, n) for n in (4, 10)])
    assert found == {
        "episodes": 2,
        "caught": 1.0,
        "false_alarms": 1000.0,
        "first_alarm": pytest.approx((1 / 4 + 1 / 10) / 2),
    }


def test_episodes_that_were_cut_off_have_no_end(tiny_world_model):
    cut = episode(tiny_world_model, 6, ended=False)
    assert foreseen_ends(tiny_world_model, [cut]) is None
    assert foreseen_ends(saying(tiny_world_model, 1), [cut, episode(tiny_world_model, 6)])["episodes"] == 1


def test_m_reads_the_real_latents_and_actions(tiny_world_model):
    """The logit follows M's state: where it is large at the end alone, only the end is caught."""
    played = episode(tiny_world_model, 8)
    played.mu[:] = 0
    played.actions[:] = np.eye(3)[0]
    played.mu[7], played.actions[7] = 5, np.eye(3)[2]  # what the last step reads
    memory = tiny_world_model.memory
    state, before = (_state(tiny_world_model, played, n) for n in (8, 7))
    direction = state - before
    kernel, biases = memory.head_kernel.copy(), memory.head_bias.copy()
    kernel[:, -1], biases[-1] = direction, -(state + before) @ direction / 2
    model = tiny_world_model.replace(memory=memory._replace(head_kernel=kernel, head_bias=biases))
    assert foreseen_ends(model, [played])["caught"] == 1
    assert foreseen_ends(model, [played])["first_alarm"] == 1


def _state(world_model, played, steps):
    from dreamgym.models.dynamics import warm_up

    return warm_up(np, world_model.memory, played.mu[None, :steps], played.actions[None, :steps])[0][0]
