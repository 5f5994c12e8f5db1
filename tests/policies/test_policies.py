"""Whether policies replay from their seed, controllers survive the disk, and names lead to the right one."""

import pickle
import subprocess
import sys
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from dreamgym import pretrained
from dreamgym.actions import ActionCodec, default_head
from dreamgym.errors import PolicyError
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.policies.controller import LinearController, linear_policy, split_parameters
from dreamgym.policies.exploration import NoisyPolicy, SmoothedRandomPolicy
from dreamgym.policies.load import load_policy
from dreamgym.policies.policy import CallablePolicy, ConstantPolicy, RandomPolicy
from dreamgym.running.files import read_npz
from dreamgym.tasks import Exploration
from tests.conftest import CAR_ACTIONS
from tests.tiny_game import TINY_TASK

CAR = ActionCodec(CAR_ACTIONS)
TINY = ActionCodec(gym.spaces.Discrete(3))


def controller(task=CAR_RACING, codec=CAR, observation_size=6, head="steer_calmly", seed=0):
    n_outputs = task.head(codec, head).n_outputs
    parameters = np.random.default_rng(seed).standard_normal(n_outputs * (observation_size + 1))
    return LinearController(parameters.astype(np.float32), task.name, codec, head)


def tiny_controller():
    return controller(TINY_TASK, TINY, head="default")


POLICIES = {
    "random car": lambda: RandomPolicy(CAR),
    "random tiny": lambda: RandomPolicy(TINY),
    "smoothed car": lambda: SmoothedRandomPolicy(CAR, CAR_RACING.exploration),
    "smoothed car, whole Box": lambda: SmoothedRandomPolicy(CAR),
    "smoothed tiny": lambda: SmoothedRandomPolicy(TINY),
    "noisy car": lambda: NoisyPolicy(controller(), CAR, CAR_RACING.exploration, 0.5),
    "noisy tiny": lambda: NoisyPolicy(tiny_controller(), TINY, None, 0.5),
}


def play(policy, seed, steps=40):
    policy.reset(seed)
    observations = np.random.default_rng(0).standard_normal((steps, 6)).astype(np.float32)
    return np.array([policy(row if policy.needs_latents else None) for row in observations])


@pytest.mark.parametrize("name", POLICIES)
def test_an_episode_replays_from_its_seed(name):
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    policy, space = POLICIES[name](), CAR_ACTIONS if "car" in name else TINY.space
    first = play(policy, seed=0)
    np.testing.assert_array_equal(play(policy, seed=0), first)
    np.testing.assert_array_equal(play(POLICIES[name](), seed=0), first, err_msg="another policy of the kind")
    assert (play(policy, seed=1) != first).any()
    for action in play(policy, seed=2):
        assert space.contains(int(action) if "tiny" in name else action)
    untouched = np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert untouched, "the global generator was used"


def test_two_policies_on_one_codec_do_not_disturb_each_other():
    expected = play(RandomPolicy(CAR), 0)
    first, second = RandomPolicy(CAR), RandomPolicy(CAR)
    first.reset(0)
    second.reset(5)
    mixed = [(first(None), second(None))[0] for _ in range(40)]
    np.testing.assert_array_equal(mixed, expected)


def test_smoothed_actions_persist_around_the_tasks_mean():
    actions = play(SmoothedRandomPolicy(CAR, CAR_RACING.exploration), 0, steps=4000)
    steer = actions[:, 0]
    assert np.corrcoef(steer[:-1], steer[1:])[0, 1] == pytest.approx(0.9, abs=0.05)
    assert abs(steer.mean()) < 0.1
    assert steer.std() == pytest.approx(0.5, abs=0.1)
    assert actions[:, 1].mean() > 2 * actions[:, 2].mean(), "more gas than brake"
    white = play(RandomPolicy(CAR), 0, steps=4000)[:, 0]
    assert abs(np.corrcoef(white[:-1], white[1:])[0, 1]) < 0.1


def test_smoothed_choices_are_held_for_at_most_ten_steps_and_all_come_up():
    actions = play(SmoothedRandomPolicy(TINY), 0, steps=2000)
    changes = (np.diff(actions) != 0).mean()
    assert 0.05 < changes < 0.3, "about (2/3) / 5.5 a step"
    assert set(actions) == {0, 1, 2}


def test_noise_is_scaled():
    still = NoisyPolicy(ConstantPolicy(CAR, [0, 0.5, 0.3]), CAR, CAR_RACING.exploration, 0.0)
    assert (play(still, 0) == np.float32([0, 0.5, 0.3])).all()
    spreads = [play(replace(still, scale=scale), 0, 2000)[:, 0].std() for scale in (0.2, 0.4)]
    assert spreads[1] == pytest.approx(2 * spreads[0], rel=0.05)
    assert spreads[0] == pytest.approx(0.2 * 0.5, rel=0.2)
    held = NoisyPolicy(ConstantPolicy(TINY, 1), TINY, None, 0.3)
    assert (play(held, 0, 3000) == 1).mean() == pytest.approx(0.7 + 0.3 / 3, abs=0.04)
    assert held.name == "constant"
    assert not held.needs_latents


def test_exploration_of_another_size_is_refused():
    with pytest.raises(PolicyError, match="expected 3 numbers"):
        SmoothedRandomPolicy(CAR, Exploration((0.0,), (1.0,))).reset(0)


def test_a_controller_is_one_linear_layer():
    c = controller(head="steer_gas_brake")
    observation = np.random.default_rng(1).standard_normal(6).astype(np.float32)
    weights, bias = c.parameters[:18].reshape(3, 6), c.parameters[18:]
    steer, gas, brake = np.tanh(weights @ observation + bias)
    np.testing.assert_allclose(c(observation), [steer, (gas + 1) / 2, max(brake, 0)], rtol=1e-5)
    assert c.observation_size == 6
    assert CAR_ACTIONS.contains(c(observation))
    assert c.codes(np.zeros((4, 5, 6))).shape == (4, 5, 3)


def test_a_controller_does_not_change_with_the_array_it_was_made_of():
    parameters = np.ones(14, np.float32)
    c = LinearController(parameters, "car_racing", CAR, "steer_calmly")
    before = c(np.ones(6, np.float32))
    parameters[:] = -1
    np.testing.assert_array_equal(c(np.ones(6, np.float32)), before)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        (np.zeros(13), "expected 2 x"),
        (np.zeros(2), "expected 2 x"),
        (np.zeros(0), "expected 2 x"),
        (np.zeros((2, 7)), "expected 2 x"),
        (np.full(14, np.nan), "NaN"),
        (np.full(14, np.inf), "infinite"),
    ],
)
def test_parameters_that_cannot_be_are_refused(parameters, match):
    with pytest.raises(PolicyError, match=match):
        LinearController(parameters, "car_racing", CAR, "steer_calmly")


@pytest.mark.parametrize("make", [controller, tiny_controller])
def test_a_controller_survives_the_disk(make, tmp_path):
    c = make()
    back = LinearController.load(c.save(tmp_path / "new" / "best.npz"))
    np.testing.assert_array_equal(back.parameters, c.parameters)
    assert (back.task, back.head, back.codec) == (c.task, c.head, c.codec)
    np.testing.assert_array_equal(play(back, 0), play(c, 0))


def damage(path, **changes):
    arrays = {**read_npz(path), **changes}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"format_version": np.array(99)}, "format is 99"),
        ({"format_version": np.array("one")}, "not a saved controller"),
        ({"parameters": None}, "not a saved controller.*parameters"),
        ({"parameters": np.zeros(3, np.float32)}, "expected 2 x"),
        ({"parameters": np.full(14, np.nan, np.float32)}, "NaN"),
        ({"parameters": np.array(["a", "b"])}, "not a saved controller"),
        ({"parameters": np.array([{}], dtype=object)}, "not a saved controller.*pickle"),
        ({"task": np.array("no_such_task")}, "'no_such_task' is not registered"),
        ({"head": np.array("tiller")}, "no action head 'tiller'"),
        ({"action_space": np.array("{")}, "not a saved controller"),
        ({"action_space": np.array("[]")}, "action space"),
    ],
)
def test_a_broken_controller_is_named(tmp_path, changes, match):
    path = controller().save(tmp_path / "best.npz")
    damage(path, **changes)
    with pytest.raises(PolicyError, match=match) as caught:
        LinearController.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no npz at all", "half"])
def test_a_foreign_file_is_named(tmp_path, content):
    path = controller().save(tmp_path / "best.npz")
    path.write_bytes(path.read_bytes()[:400] if content == "half" else content)
    with pytest.raises(PolicyError, match=r"best\.npz is not a saved controller"):
        LinearController.load(path)


def test_parameters_split_into_weights_and_bias():
    weights, bias = split_parameters(np, np.arange(2 * 14).reshape(2, 14), CAR_RACING.head(CAR))
    np.testing.assert_array_equal(weights[1], 14 + np.arange(12).reshape(2, 6))
    np.testing.assert_array_equal(bias[1], [26, 27])


@pytest.mark.parametrize(("task", "codec"), [(CAR_RACING, CAR), (TINY_TASK, TINY)])
def test_populations_act_alike_in_numpy_tensorflow_and_one_by_one(task, codec):
    import tensorflow.experimental.numpy as tnp

    head, rng = task.head(codec), np.random.default_rng(0)
    parameters = rng.standard_normal((4, head.n_outputs * 7)).astype(np.float32)
    observations = rng.standard_normal((4, 5, 6)).astype(np.float32)
    policy = linear_policy(head)
    codes = policy(np, parameters, observations)
    assert codes.shape == (4, 5, codec.size)
    np.testing.assert_allclose(policy(tnp, tnp.asarray(parameters), tnp.asarray(observations)), codes, atol=1e-5)
    name = "default" if task is TINY_TASK else "steer_steadily"
    for i in range(4):
        single = LinearController(parameters[i], task.name, codec, name)
        np.testing.assert_allclose(single.codes(observations[i]), codes[i], atol=1e-5)


def test_a_whole_box_head_gives_the_middle_for_nothing():
    codes = linear_policy(default_head(CAR))(np, np.zeros((1, 21), np.float32), np.ones((1, 2, 6), np.float32))
    np.testing.assert_array_equal(codes, np.float32([[[0, 0.5, 0.5]] * 2]))


def test_names_lead_to_policies(tmp_path):
    assert isinstance(load_policy("random", CAR_RACING, CAR), RandomPolicy)
    smoothed = load_policy("smoothed", CAR_RACING, CAR)
    assert isinstance(smoothed, SmoothedRandomPolicy)
    assert smoothed.exploration == CAR_RACING.exploration
    np.testing.assert_array_equal(load_policy("constant:0,0.3,0", CAR_RACING, CAR)(None), np.float32([0, 0.3, 0]))
    assert load_policy("constant:2", TINY_TASK, TINY)(None) == 2
    path = controller().save(tmp_path / "best.npz")
    np.testing.assert_array_equal(play(load_policy(str(path), CAR_RACING, CAR), 0), play(controller(), 0))


class Counter:
    def __init__(self):
        self.seeds = []

    def reset(self, seed):
        self.seeds.append(seed)

    def __call__(self, observation):
        return len(self.seeds)


COUNTER = Counter()


def push_right(observation):
    return 2


def test_functions_are_policies():
    policy = load_policy(f"{__name__}:push_right", TINY_TASK, TINY)
    assert isinstance(policy, CallablePolicy)
    assert (policy.name, policy.needs_latents) == ("push_right", True)
    assert list(play(policy, 0, 3)) == [2, 2, 2]
    counter = load_policy(f"{__name__}:COUNTER", TINY_TASK, TINY)
    counter.reset(7)
    assert COUNTER.seeds == [7]


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("radnom", "'radnom' is unknown; expected 'random', 'smoothed'"),
        ("", "unknown"),
        ("constant:", "is no action of"),
        ("constant:a,b,c", "is no action of"),
        ("constant:0,0.3", "is no action of|shape"),
        ("constant:0,nan,0", "NaN"),
        ("missing/best.npz", r"missing/best.npz does not exist"),
        ("missing/ppo.zip", r"missing/ppo.zip does not exist"),
        ("no_such_module:act", "cannot import the policy 'no_such_module:act'"),
        ("tests.policies.test_policies:no_such_function", "cannot import the policy"),
        (":act", "cannot import the policy"),
        ("tests.policies.test_policies:TINY_TASK", "is a Task, expected a function"),
    ],
)
def test_a_name_that_leads_nowhere_says_why(spec, match):
    with pytest.raises(PolicyError, match=match):
        load_policy(spec, CAR_RACING, CAR)


@pytest.mark.parametrize("spec", ["constant:3", "constant:1.5", "constant:0,1", "constant:right"])
def test_a_constant_that_is_no_choice_says_why(spec):
    with pytest.raises(PolicyError, match="constant action"):
        load_policy(spec, TINY_TASK, TINY)


def test_a_controller_of_another_game_is_refused(tmp_path):
    path = controller().save(tmp_path / "best.npz")
    with pytest.raises(PolicyError, match="of task 'car_racing', it cannot play 'tiny_game'"):
        load_policy(str(path), TINY_TASK, TINY)
    with pytest.raises(PolicyError, match="cannot play"):
        load_policy(str(path), CAR_RACING, ActionCodec(gym.spaces.Box(-1, 1, (3,))))


def test_policies_need_no_tensorflow():
    code = "import sys, dreamgym.policies.load, dreamgym.world_model; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_controller_of_zeros_fits_its_world_model(tiny_world_model, car_world_model):
    tiny = LinearController.zeros(tiny_world_model)
    assert (tiny.observation_size, tiny.head) == (tiny_world_model.observation_size, "default")
    assert not tiny.parameters.any()
    assert LinearController.zeros(car_world_model).head == "steer_steadily"
    assert LinearController.zeros(car_world_model, "steer_gas_brake").parameters.size == 3 * 49


def test_a_controller_is_sent_to_other_processes_as_plain_data():
    c = controller()
    c(np.zeros(6))  # fills its caches, which hold functions
    sent = pickle.dumps(c)
    assert b"steer_pedal" not in sent
    back = pickle.loads(sent)
    np.testing.assert_array_equal(play(back, 0), play(c, 0))


def test_a_pretrained_name_or_an_exported_folder_is_its_controller(tiny_world_model, tmp_path):
    shipped = pretrained("car-racing")
    assert shipped.controller.observation_size == shipped.world_model.observation_size
    loaded = load_policy("car-racing", shipped.world_model.task, shipped.world_model.codec)
    np.testing.assert_array_equal(loaded.parameters, shipped.controller.parameters)
    folder = tiny_world_model.save(tmp_path / "exported")
    tiny_controller().save(folder / "controller.npz")
    exported = pretrained(folder)
    assert exported.folder == folder
    assert load_policy(str(folder), TINY_TASK, TINY).parameters.size == exported.controller.parameters.size
