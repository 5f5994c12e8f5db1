"""A population dreams what single dreams dream, however it is cut up."""

import re
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import dreamgym.dream.imagination as imagination
from dreamgym import Dreams, LinearController, dropout_masks, imagine, linear_policy
from dreamgym.dream.noise import NOISE_BLOCK
from dreamgym.errors import PolicyError, SettingsError, WorldModelError


@pytest.fixture(scope="module")
def policy(car_world_model):
    return linear_policy(car_world_model.task.head(car_world_model.codec))


@pytest.fixture(scope="module")
def parameters(car_world_model):
    size = 2 * (car_world_model.latent_size + car_world_model.hidden_size + 1)
    return np.random.default_rng(5).standard_normal((3, size)).astype(np.float32)


def dream_alone(folder, controller, seed, steps, **options):
    env = gym.make("WorldModelDream-v0", world_model=str(folder), max_episode_steps=steps)
    observation, _ = env.reset(seed=seed, options=options)
    total, length, over = 0.0, 0, False
    while not over:
        observation, reward, terminated, truncated, _ = env.step(controller(observation))
        total, length, over = total + reward, length + 1, terminated or truncated
    return total, length


def controllers(world_model, parameters):
    return [LinearController(row, world_model.task.name, world_model.codec, "steer_steadily") for row in parameters]


def test_imagine_is_what_single_dreams_pay(car_world_model, policy, parameters, tmp_path):
    folder = car_world_model.save(tmp_path)
    steps = NOISE_BLOCK + 10
    found = imagine(car_world_model, policy, parameters, Dreams(n=4, horizon=steps, seed=11))
    assert found.returns.shape == found.lengths.shape == (3, 4)
    for c, controller in enumerate(controllers(car_world_model, parameters)):
        for d in range(4):
            total, length = dream_alone(folder, controller, 11 + d, steps)
            assert found.lengths[c, d] == length
            assert found.returns[c, d] == pytest.approx(total, abs=1e-3)


def test_policies_that_observe_the_cell_state_see_it_in_every_dream(cell_world_model, tmp_path):
    folder, task = cell_world_model.save(tmp_path), cell_world_model.task
    zeros = LinearController.zeros(cell_world_model)
    assert zeros.observation_size == len(zeros.parameters) == 4 + 8 + 8, "one output without a bias"
    parameters = np.random.default_rng(3).standard_normal((2, 20)).astype(np.float32) * 3
    found = imagine(cell_world_model, linear_policy(zeros.action_head), parameters, Dreams(n=3, horizon=15, seed=2))
    blind = parameters * (np.arange(20) < 12)
    changed = imagine(cell_world_model, linear_policy(zeros.action_head), blind, Dreams(n=3, horizon=15, seed=2))
    assert (found.returns != changed.returns).any(), "the cell state must count"
    for c, row in enumerate(parameters):
        controller = LinearController(row, task.name, cell_world_model.codec, "thirds")
        for d in range(3):
            total, length = dream_alone(folder, controller, 2 + d, 15)
            assert (found.lengths[c, d], found.returns[c, d]) == (length, pytest.approx(total, abs=1e-3))


def test_starts_and_temperatures_are_those_of_reset_options(car_world_model, policy, parameters, tmp_path):
    folder = car_world_model.save(tmp_path)
    temperature = np.array([0.1, 0.5, 2.0], np.float32)
    dreams = Dreams(n=3, starts=[5, 0, 2], horizon=20, temperature=temperature)
    found = imagine(car_world_model, policy, parameters, dreams)
    controller = controllers(car_world_model, parameters)[1]
    for d, (start, own) in enumerate(zip((5, 0, 2), temperature, strict=True)):
        total, _ = dream_alone(folder, controller, d, 20, start=start, temperature=float(own))
        assert found.returns[1, d] == pytest.approx(total, abs=1e-4)


def test_dreams_end_where_the_logit_says_and_pay_for_that_step(car_world_model, policy, parameters):
    bias = car_world_model.memory.head_bias.copy()
    bias[-2:] = 1.0, 5.0
    kernel = car_world_model.memory.head_kernel.copy()
    kernel[:, -2:] = 0
    ending = car_world_model.replace(memory=car_world_model.memory._replace(head_bias=bias, head_kernel=kernel))
    found = imagine(ending, policy, parameters, Dreams(n=2, horizon=200))
    task = ending.task
    assert (found.lengths == 1).all()
    np.testing.assert_allclose(found.returns, task.price + task.step_cost, rtol=1e-5)


def test_candidates_share_dreams_or_do_not(car_world_model, policy, parameters):
    same = np.repeat(parameters[:1], 3, axis=0)
    shared = imagine(car_world_model, policy, same, Dreams(n=2, horizon=15)).returns
    np.testing.assert_allclose(shared, np.broadcast_to(shared[0], (3, 2)), rtol=1e-5)
    own = imagine(car_world_model, policy, same, Dreams(n=2, horizon=15, shared=False))
    assert len(np.unique(own.returns)) == 6
    fourth = imagine(car_world_model, policy, same[:1], Dreams(n=1, horizon=15, seed=3))
    assert own.returns[1, 1] == pytest.approx(float(fourth.returns[0, 0]), abs=1e-4)


def test_chunks_change_nothing_but_memory(car_world_model, policy, parameters, monkeypatch):
    whole = imagine(car_world_model, policy, parameters, Dreams(n=5, horizon=15, shared=False))
    for limit in (7, 2):
        monkeypatch.setattr(imagination, "MAX_ROWS", limit)
        parts = imagine(car_world_model, policy, parameters, Dreams(n=5, horizon=15, shared=False))
        np.testing.assert_allclose(parts.returns, whole.returns, atol=1e-4)


def test_dream_d_runs_on_member_d_modulo_their_number(car_world_model, policy, parameters):
    other = car_world_model.memory._replace(head_bias=car_world_model.memory.head_bias + 0.5)
    members = [car_world_model.memory, other]
    mixed = imagine(car_world_model, policy, parameters, Dreams(n=5, horizon=15, members=members)).returns
    for d in range(5):
        alone = imagine(car_world_model.replace(memory=members[d % 2]), policy, parameters, Dreams(n=5, horizon=15))
        np.testing.assert_allclose(mixed[:, d], alone.returns[:, d], atol=1e-4)


def test_masks_of_ones_are_none_and_dropout_is_something(car_world_model, policy, parameters):
    plain = imagine(car_world_model, policy, parameters, Dreams(n=4, horizon=15)).returns
    ones = np.ones((4, car_world_model.hidden_size))
    masked = imagine(car_world_model, policy, parameters, Dreams(n=4, horizon=15, recurrent_masks=ones)).returns
    np.testing.assert_allclose(masked, plain, atol=1e-5)
    masks = dropout_masks(4, car_world_model.hidden_size, 0.5, seed=0)
    assert set(np.unique(masks)) == {0.0, 2.0}
    dropped = imagine(car_world_model, policy, parameters, Dreams(n=4, horizon=15, recurrent_masks=masks)).returns
    assert not np.allclose(dropped, plain, atol=1e-2)


def test_a_discrete_game_is_imagined_too(tiny_world_model):
    policy = linear_policy(tiny_world_model.task.head(tiny_world_model.codec))
    parameters = np.zeros((2, 3 * (tiny_world_model.latent_size + tiny_world_model.hidden_size + 1)))
    parameters[0, -3] = parameters[1, -1] = 1.0
    found = imagine(tiny_world_model, policy, parameters, Dreams(n=6))
    assert found.lengths.max() <= tiny_world_model.task.horizon
    assert not np.allclose(found.returns[0], found.returns[1])


def test_the_same_call_gives_the_same_bits(car_world_model, policy, parameters):
    first, again, other = (
        imagine(car_world_model, policy, parameters, Dreams(n=4, horizon=70, seed=seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.returns, again.returns)
    assert not np.array_equal(first.returns, other.returns)


RESET_PEAK = Path("/proc/self/clear_refs")


def peak_memory(work):
    """The most memory, in kB, that the process held during ``work()``."""
    RESET_PEAK.write_text("5")
    work()
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])


@pytest.mark.skipif(not RESET_PEAK.exists(), reason="needs Linux's /proc")
def test_the_horizon_does_not_decide_the_peak_of_memory(car_world_model, policy, parameters):
    many = np.repeat(parameters, 25, axis=0)

    def work(horizon):
        imagine(car_world_model, policy, many, Dreams(n=4, horizon=horizon, shared=False))

    work(2 * NOISE_BLOCK)
    short, long = peak_memory(lambda: work(2 * NOISE_BLOCK)), peak_memory(lambda: work(32 * NOISE_BLOCK))
    all_noise = 300 * 32 * NOISE_BLOCK * 32 * 2 * 4 / 1024
    assert long - short < all_noise / 4


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0}, SettingsError, "n is 0"),
        ({"horizon": 0}, SettingsError, "horizon is 0"),
        ({"temperature": -1.0}, WorldModelError, "temperature"),
        ({"temperature": np.ones(3)}, SettingsError, "temperature"),
        ({"starts": [0, 99]}, SettingsError, "starts"),
        ({"starts": [0.5, 1.0]}, SettingsError, "starts"),
        ({"recurrent_masks": np.ones((2, 3))}, SettingsError, "recurrent_masks"),
    ],
)
def test_wrong_dreams_are_named(car_world_model, policy, parameters, arguments, error, message):
    with pytest.raises(error, match=message):
        imagine(car_world_model, policy, parameters, Dreams(**{"n": 2} | arguments))


@pytest.mark.parametrize("wrong", [np.ones(4), np.ones((2, 9)), np.ones((0, 98))])
def test_parameters_that_the_policy_cannot_take_are_named(car_world_model, policy, wrong):
    with pytest.raises(PolicyError, match="parameters"):
        imagine(car_world_model, policy, wrong)


def test_a_policy_must_give_coded_actions(car_world_model, parameters):
    with pytest.raises(PolicyError, match="coded actions"):
        imagine(car_world_model, lambda xp, parameters, observations: observations, parameters)


def test_members_must_fit_and_dropout_be_a_rate(car_world_model, tiny_world_model, policy, parameters):
    with pytest.raises(WorldModelError, match="member 1"):
        imagine(car_world_model, policy, parameters, Dreams(members=[car_world_model.memory, tiny_world_model.memory]))
    with pytest.raises(SettingsError, match="dropout"):
        dropout_masks(2, 4, 1.0, 0)
