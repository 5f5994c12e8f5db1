"""Whether tasks are found, see the right pixels and count what they say they count."""

import json
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, strategies as st

from dreamgym.actions import ActionCodec, ActionHead
from dreamgym.errors import TaskError
from dreamgym.games.car_racing.task import CAR_RACING
from dreamgym.running.provenance import differences
from dreamgym.tasks import Task, get_task, register_task
from tests.tiny_game import TINY_TASK, TinyGame


def test_tasks_are_found_by_name_and_by_import_path():
    assert get_task("car_racing") is CAR_RACING
    assert get_task("tests.tiny_game:TINY_TASK") is TINY_TASK is get_task("tiny_game")


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(TaskError, match=r"'car_raceing' is not registered; did you mean 'car_racing'\?"):
        get_task("car_raceing")
    with pytest.raises(TaskError, match=r"registered: \[.*'car_racing'.*package.module:TASK"):
        get_task("xxxxxx")


@pytest.mark.parametrize(
    "path", ["no_such_module:TASK", "tests.tiny_game:NO_TASK", ":TASK", "tests.tiny_game:", ".relative:TASK"]
)
def test_a_path_to_nothing_is_refused(path):
    with pytest.raises(TaskError, match="cannot import the task"):
        get_task(path)


def test_a_path_to_something_else_is_refused():
    with pytest.raises(TaskError, match=r"is a int, expected a dreamgym\.Task"):
        get_task("tests.tiny_game:WIDTH")


def test_a_name_is_taken_once():
    assert register_task(replace(TINY_TASK)) is TINY_TASK, "the same task again is no other task"
    with pytest.raises(TaskError, match=r"different task named 'tiny_game' .*\(horizon: 20 became 21\)"):
        register_task(replace(TINY_TASK, horizon=21))
    assert get_task("tiny_game").horizon == 20


@pytest.mark.parametrize("changes", [{"name": "a:b"}, {"name": ""}, {"horizon": 0}, {"latent_size": 0}])
def test_impossible_tasks_are_refused(changes):
    with pytest.raises(TaskError, match=r"expected 1 or more|cannot be named"):
        replace(TINY_TASK, **changes)


def test_the_real_game_is_truncated_at_the_horizon(tiny_task):
    env = tiny_task.make_env("stock", render_mode="rgb_array")
    env.reset(seed=0)
    steps = 1
    while not any(env.step(1)[2:4]):
        steps += 1
    assert steps == tiny_task.horizon
    assert env.render().shape == (32, 36, 3)
    env.close()


def test_the_renderer_chooses_the_env(tiny_task):
    task = replace(tiny_task, name="two_ids", env_id="CartPole-v1", fast_env_id=tiny_task.env_id)
    assert task.make_env("fast").spec.id == tiny_task.env_id
    with pytest.raises(TaskError):
        task.make_env("stock")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"env_id": "NoSuchGame-v0"}, "cannot make the env 'NoSuchGame-v0'.* must import the package"),
        ({"env_id": "no_such_module:Game-v0"}, "cannot make the env"),
        ({"env_kwargs": {"levle": 3}}, "cannot make the env .*levle"),
        ({"frame_key": "scren"}, "has no key 'scren'"),
        ({"frame_key": "place"}, "expected a uint8 image.*; use a wrapper"),
        ({"frame_key": None}, r"is a Dict; set frame_key to one of \['screen', 'place'\]"),
        ({"env_id": "CartPole-v1"}, "has no key 'screen'"),
        ({"env_id": "CartPole-v1", "frame_key": None}, r"expected a uint8 image of shape \(h, w, 3\), got Box"),
    ],
)
def test_a_task_that_does_not_fit_its_game_says_why(changes, match):
    with pytest.raises(TaskError, match=rf"task 'other': .*{match}"):
        replace(TINY_TASK, name="other", **changes).make_env()


def test_the_indicator_bar_is_cut_off_and_the_rest_averaged():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (96, 96, 3)).astype(np.uint8)
    frame = CAR_RACING.frame(image)
    assert frame.shape == (64, 64, 3)
    assert frame.dtype == np.uint8
    other = image.copy()
    other[84:] = 255 - other[84:]
    np.testing.assert_array_equal(CAR_RACING.frame(other), frame)
    other[83] = 255 - other[83]
    assert (CAR_RACING.frame(other) != frame).any()
    assert abs(frame.mean() - image[:84].mean()) < 1, "all of the picture counts"
    assert frame.std() < 0.8 * image.std(), "averaged, not picked"


@given(height=st.integers(1, 300), width=st.integers(1, 300), place=st.floats(0, 0.999), by_row=st.booleans())
def test_every_row_and_column_of_the_game_has_an_influence(height, width, place, by_row):
    image = np.full((height, width, 3), 128, np.uint8)
    changed = image.copy()
    if by_row:
        changed[int(place * height)] = 255
    else:
        changed[:, int(place * width)] = 255
    frame = TINY_TASK.frame({"screen": image})
    assert frame.shape == (64, 64, 3)
    assert (frame == 128).all()
    assert (TINY_TASK.frame({"screen": changed}) != frame).any()


def test_a_frame_of_the_right_size_is_copied_as_it_is():
    task = Task(name="plain", env_id="x")
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    frame = task.frame(image)
    np.testing.assert_array_equal(frame, image)
    assert not np.shares_memory(frame, image)


def test_a_small_picture_keeps_its_pixels_and_its_key(tiny_task):
    screen = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    frame = tiny_task.frame({"screen": screen, "place": 3})
    np.testing.assert_array_equal(frame, screen.repeat(2, axis=0).repeat(2, axis=1))


def test_blind_players_leave_the_drawing_to_the_fast_env():
    with pytest.raises(TaskError, match="blind_kwargs"):
        replace(CAR_RACING, fast_env_id=None)
    for renderer, drawn in (("fast", False), ("stock", True)):
        env = CAR_RACING.make_env(renderer, blind=True)
        assert env.reset(seed=0)[0].any() == drawn
        env.close()


def test_a_task_without_heads_has_the_default_one():
    assert TINY_TASK.head(ActionCodec(gym.spaces.Discrete(3)), "default").n_outputs == 3
    with pytest.raises(TaskError, match="only 'default'"):
        TINY_TASK.head(ActionCodec(gym.spaces.Discrete(3)), "tiller")


class WithoutRenderMode(TinyGame):
    def __init__(self):
        super().__init__()


def test_a_game_whose_constructor_has_no_render_mode_is_made():
    if "dreamgym_tests/WithoutRenderMode-v0" not in gym.registry:
        gym.register("dreamgym_tests/WithoutRenderMode-v0", entry_point=WithoutRenderMode)
    task = replace(TINY_TASK, name="without_render_mode", env_id="dreamgym_tests/WithoutRenderMode-v0")
    env = task.make_env("stock")
    assert task.frame(env.reset(seed=0)[0]).shape == (64, 64, 3)
    env.close()


def paid(env, reward, terminated):
    return reward


def test_a_definition_is_plain_data_that_tells_functions_apart():
    task = replace(TINY_TASK, target=paid)
    again = json.loads(json.dumps(task.definition))
    assert differences(again, task.definition) == []
    assert again["target"].startswith("paid ")
    assert "name" not in again
    assert len(differences(TINY_TASK.definition, task.definition)) == 1
    assert task.definition_with(None)["name"] == "tiny_game"
    heads = CAR_RACING.definition_with("steer_pedal")["action_heads"]
    assert list(heads) == ["steer_pedal"], "a head that nobody uses may change"


def test_the_same_definition_can_be_run_again_as_in_a_notebook():
    cell = "def paid(env, reward, terminated): return reward\nTASK = Task(name='notebook', env_id='x', target=paid)"
    tasks = []
    for _ in range(2):
        names = {"Task": Task}
        exec(cell, names)
        tasks.append(register_task(names["TASK"]))
    assert get_task("notebook") is tasks[1]
    assert tasks[0] is not tasks[1]


def test_whatever_a_users_module_raises_is_one_error(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "raises_name.py").write_text("nowhere")
    (tmp_path / "raises_syntax.py").write_text("def")
    for name, said in (("raises_name", "NameError: name 'nowhere'"), ("raises_syntax", "SyntaxError")):
        with pytest.raises(TaskError, match=rf"cannot import the task '{name}:TASK': {said}"):
            get_task(f"{name}:TASK")
    with pytest.raises(TaskError, match="run this in the folder that holds not_here, or put that folder on PYTHONPATH"):
        get_task("not_here:TASK")
    with pytest.raises(TaskError, match="put it into a module, or take workers=0"):
        get_task("__main__:TASK")


@pytest.mark.parametrize("calmer", [("none",), ("wide",)])
def test_calmer_heads_must_fit(calmer):
    heads = {"fast": ActionHead(2, np.tanh), "wide": ActionHead(3, np.tanh)}
    with pytest.raises(TaskError, match=r"calmer_heads of 'fast'.*as many outputs"):
        replace(TINY_TASK, action_heads=heads, calmer_heads={"fast": calmer})


def test_calmer_heads_change_no_data():
    heads = {"fast": ActionHead(2, np.tanh), "slow": ActionHead(2, np.tanh)}
    plain = replace(TINY_TASK, action_heads=heads)
    assert replace(plain, calmer_heads={"fast": ("slow",)}).definition == plain.definition
