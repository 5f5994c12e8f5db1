"""Whether a world model survives the disk, and every damage to it is told by name."""

import json
import shutil
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from dreamgym.actions import ActionCodec
from dreamgym.errors import TaskError, WorldModelError
from dreamgym.running.files import read_npz
from dreamgym.tasks import Task
from dreamgym.world_model import Starts, WorldModel
from dreamgym.world_model_folder import check_temperature
from tests.conftest import random_world_model


@pytest.fixture(scope="module")
def saved(tmp_path_factory, tiny_world_model):
    return tiny_world_model.replace(temperature=0.5, details={"rounds": 3}).save(tmp_path_factory.mktemp("saved"))


@pytest.fixture
def folder(saved, tmp_path):
    """A copy to break."""
    return shutil.copytree(saved, tmp_path / "copy")


def change_npz(path, **changes):
    arrays = {**read_npz(path), **changes}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


def change_json(path, **changes):
    description = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in description.items() if value != "removed"}))


def assert_refused(folder, file, match, error=WorldModelError):
    with pytest.raises(error, match=match) as caught:
        WorldModel.load(folder)
    assert str(folder / file if file else folder) in str(caught.value)


@pytest.mark.parametrize("name", ["tiny_world_model", "car_world_model"])
def test_a_world_model_survives_the_disk(request, name, tmp_path):
    world_model = request.getfixturevalue(name).replace(temperature=0.7, details={"made": {"of": [1, 2]}})
    back = WorldModel.load(world_model.save(tmp_path / "new" / "folder"))
    assert back.task is world_model.task
    assert back.codec == world_model.codec
    assert (back.temperature, back.details) == (0.7, {"made": {"of": [1, 2]}})
    for own, other in zip(world_model.memory, back.memory, strict=True):
        np.testing.assert_array_equal(own, other)
    for key, own in world_model.vision.items():
        np.testing.assert_array_equal(own, back.vision[key])
    for key, own in world_model.starts.arrays().items():
        np.testing.assert_array_equal(own, getattr(back.starts, key))
        assert getattr(back.starts, key).dtype == np.float32


def test_sizes_and_spaces(tiny_world_model):
    w = tiny_world_model
    assert (w.latent_size, w.hidden_size, w.n_mixtures, len(w.starts)) == (4, 8, 2, 6)
    assert w.action_space == gym.spaces.Discrete(3)
    assert w.action_space is not w.action_space, "a space holds a generator"
    np.testing.assert_array_equal(w.observation_space.high, [10] * 4 + [1] * 8)
    np.testing.assert_array_equal(w.observation_space.low, -w.observation_space.high)
    assert w.observation_space.dtype == np.float32


def test_few_frames_and_many_are_encoded_and_decoded_alike(tiny_world_model):
    frames = np.random.default_rng(0).integers(0, 256, (11, 64, 64, 3)).astype(np.uint8)
    mu, logvar = tiny_world_model.encode(frames)  # through Keras
    pictures = tiny_world_model.decode(mu)
    assert mu.shape == logvar.shape == (11, 4)
    assert pictures.shape == (11, 64, 64, 3)
    for i in range(0, 11, 5):  # through NumPy
        few_mu, few_logvar = tiny_world_model.encode(frames[i : i + 5])
        np.testing.assert_allclose(few_mu, mu[i : i + 5], atol=1e-4)
        np.testing.assert_allclose(few_logvar, logvar[i : i + 5], atol=1e-4)
        few = tiny_world_model.decode(mu[i : i + 5])
        assert few.dtype == pictures.dtype == np.uint8
        assert np.abs(few.astype(int) - pictures[i : i + 5]).max() <= 1
    one_mu, one_logvar = tiny_world_model.encode(frames[3])
    assert one_mu.shape == one_logvar.shape == (4,)
    np.testing.assert_allclose(one_mu, mu[3], atol=1e-4)
    assert tiny_world_model.decode(one_mu).shape == (64, 64, 3)


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((64, 64, 3), np.float32),
        np.zeros((96, 96, 3), np.uint8),
        np.zeros((64, 64), np.uint8),
        np.zeros((2, 2, 64, 64, 3), np.uint8),
    ],
)
def test_frames_of_another_kind_are_refused(tiny_world_model, frames):
    with pytest.raises(WorldModelError, match="expected uint8"):
        tiny_world_model.encode(frames)


@pytest.mark.parametrize("shape", [(5,), (2, 3), (), (1, 2, 4)])
def test_latents_of_another_size_are_refused(tiny_world_model, shape):
    with pytest.raises(WorldModelError, match=r"expected \(n, 4\)"):
        tiny_world_model.decode(np.zeros(shape))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WorldModelError, match=r"'.*nowhere' is neither a folder nor a pretrained name; pretrained: \["):
        WorldModel.load(tmp_path / "nowhere")


FILES = ["world_model.json", "vision.npz", "memory.npz", "starts.npz"]


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    assert_refused(folder, file, "is missing")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kind", ["empty", "half", "flipped", "foreign"])
def test_a_broken_file_is_named(folder, file, kind):
    path = folder / file
    content = path.read_bytes()
    middle = len(content) // 2
    turned = bytes(byte ^ 255 for byte in content[middle : middle + 99])
    path.write_bytes(
        {
            "empty": b"",
            "half": content[:middle],
            "flipped": content[:middle] + turned + content[middle + 99 :],
            "foreign": b"GIF89a",
        }[kind]
    )
    assert_refused(folder, file, "is broken or foreign|is not a description")


@pytest.mark.parametrize(
    ("file", "changes", "match"),
    [
        ("vision.npz", {"mu_bias": None}, "mu_bias"),
        ("memory.npz", {"kernel": None}, "kernel"),
        ("starts.npz", {"logvar": None}, "logvar"),
        ("memory.npz", {"format_version": None}, "format_version"),
        ("memory.npz", {"format_version": np.array(99)}, "its format is 99, this dreamgym reads up to 1"),
        ("vision.npz", {"mu_bias": np.array([{}] * 4, dtype=object)}, "pickle"),
        ("vision.npz", {"mu_bias": np.array(["a"] * 4)}, "broken or foreign"),
        ("vision.npz", {"mu_bias": np.float32([0, np.nan, 0, 0])}, "NaN or infinite numbers in 'mu_bias'"),
        ("memory.npz", {"bias": np.full(32, np.inf)}, "NaN or infinite numbers in 'bias'"),
        ("starts.npz", {"mu": np.full((6, 5, 4), np.nan)}, "NaN or infinite numbers in 'mu'"),
    ],
)
def test_arrays_that_cannot_be_are_named(folder, file, changes, match):
    change_npz(folder / file, **changes)
    assert_refused(folder, file, match)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"format": "another"}, "its format is 'another'"),
        ({"version": 99}, "its format is 99, this dreamgym reads up to 1"),
        ({"version": "new"}, "not a description"),
        ({"temperature": 0}, "temperature is 0, expected a finite number above 0"),
        ({"temperature": -1.5}, "temperature is -1.5"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": "warm"}, "temperature is 'warm'"),
        ({"temperature": 10**400}, "temperature is 1000"),
        ({"task": 5}, "task is 5"),
        ({"details": None}, "details is None"),
        ({"action_space": {}}, "action space"),
        ({"action_space": {"type": "Discrete"}}, "action space"),
        ({"temperature": "removed"}, "temperature"),
        ({"task": "removed"}, "task"),
    ],
)
def test_a_description_that_cannot_be_is_named(folder, changes, match):
    change_json(folder / "world_model.json", **changes)
    assert_refused(folder, "world_model.json", match)


def test_a_task_that_is_not_registered_is_named(folder):
    change_json(folder / "world_model.json", task="tiny_gmae")
    assert_refused(folder, "world_model.json", "did you mean 'tiny_game'", TaskError)


@pytest.mark.parametrize(
    ("file", "changes", "match"),
    [
        ("memory.npz", {"bias": np.zeros(31)}, r"memory.bias has shape \(31,\), expected \(32,\)"),
        ("memory.npz", {"recurrent_kernel": np.zeros((8, 33))}, "memory.recurrent_kernel has shape"),
        ("memory.npz", {"recurrent_kernel": np.array(3)}, "memory"),
        ("memory.npz", {"head_bias": np.zeros(27), "head_kernel": np.zeros((8, 27))}, "expected 3 x mixtures x 4"),
        ("memory.npz", {"head_bias": np.zeros(2), "head_kernel": np.zeros((8, 2))}, "expected 3 x mixtures x 4"),
        ("memory.npz", {"head_bias": np.zeros((2, 26))}, "memory.head_bias has shape"),
        ("vision.npz", {"mu_bias": np.zeros(5)}, r"vision.mu_bias has shape \(5,\), expected \(4,\)"),
        ("starts.npz", {"action": np.zeros((6, 5, 3))}, r"starts.action has shape .*, expected \(6, 4, 3\)"),
        ("starts.npz", {"mu": np.zeros((0, 5, 4))}, "starts.mu has shape"),
        ("starts.npz", {"mu": np.zeros((6, 4))}, "starts.mu has shape"),
        ("starts.npz", {"mu": np.zeros((6, 5, 3))}, "expected"),
    ],
)
def test_sizes_that_do_not_fit_are_named(folder, file, changes, match):
    change_npz(folder / file, **changes)
    assert_refused(folder, "", match)


def test_the_v_of_another_world_model_is_refused(folder, car_world_model, tmp_path):
    shutil.copy(car_world_model.save(tmp_path / "car") / "vision.npz", folder)
    assert_refused(folder, "", r"vision.mu_kernel has shape \(1024, 32\), expected \(1024, 4\).*same training")


def test_an_action_space_of_another_size_is_refused(folder):
    change_json(folder / "world_model.json", action_space=ActionCodec(gym.spaces.Discrete(4)).to_json())
    assert_refused(folder, "", "memory.kernel has shape")


def test_parts_are_checked_when_put_together(tiny_world_model):
    starts = tiny_world_model.starts
    with pytest.raises(WorldModelError, match=r"starts\.logvar"):
        tiny_world_model.replace(starts=Starts(starts.mu, starts.logvar[1:], starts.action))
    with pytest.raises(WorldModelError, match=r"vision\..* is missing"):
        tiny_world_model.replace(vision={})
    with pytest.raises(WorldModelError, match="temperature"):
        tiny_world_model.replace(temperature=0)


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf"), None, "1", 10**400])
def test_a_temperature_is_a_number_above_0(temperature):
    with pytest.raises(WorldModelError, match="expected a finite number above 0"):
        check_temperature(temperature)
    assert check_temperature(np.float32(0.5)) == 0.5


def test_a_save_that_fails_leaves_no_mixture(folder, tiny_world_model):
    before = {file: (folder / file).read_bytes() for file in FILES}
    with pytest.raises(WorldModelError, match="plain JSON"):
        tiny_world_model.replace(details={"x": object()}).save(folder)
    assert {file: (folder / file).read_bytes() for file in FILES} == before
    (folder / "memory.npz").unlink()
    (folder / "memory.npz").mkdir()
    other = random_world_model(tiny_world_model.task, gym.spaces.Discrete(3, seed=1), 8, seed=1)
    with pytest.raises(OSError, match=r"memory\.npz"):
        other.save(folder)
    assert_refused(folder, "world_model.json", "is missing")


def test_a_saved_temperature_may_come_from_numpy(tiny_world_model, tmp_path):
    folder = tiny_world_model.replace(temperature=np.float32(0.5)).save(tmp_path)
    assert WorldModel.load(folder).temperature == 0.5


def test_a_task_of_any_size_may_be_dreamt_of(tmp_path):
    task = Task(name="never_registered", env_id="x", latent_size=5, hidden_size=3, n_mixtures=1)
    world_model = random_world_model(task, gym.spaces.Box(-1, 1, (2,), seed=0), 3)
    assert (world_model.latent_size, world_model.n_mixtures) == (5, 1)
    assert_refused(world_model.save(tmp_path), "world_model.json", "not registered", TaskError)


def test_a_world_model_of_an_edited_task_is_refused_naming_the_field(tiny_world_model, tmp_path):
    folder = replace(tiny_world_model, task=replace(tiny_world_model.task, price=2.0)).save(tmp_path)
    with pytest.raises(
        WorldModelError, match=r"world_model\.json: task 'tiny_game' was another .*\(price: 2\.0 became 1\.0\)"
    ):
        WorldModel.load(folder)
    path = tmp_path / "world_model.json"
    description = json.loads(path.read_text())
    del description["definition"]
    path.write_text(json.dumps(description))
    assert WorldModel.load(folder).task.price == 1.0, "one that does not say is taken"
