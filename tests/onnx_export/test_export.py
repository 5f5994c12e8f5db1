"""ONNX graphs, run by onnxruntime, against NumPy."""

import dataclasses
import json
import sys

import gymnasium as gym
import numpy as np
import pytest

import dreamgym
from dreamgym.actions import ActionCodec, ActionHead
from dreamgym.dream.single_stepper import SingleStepper
from dreamgym.errors import MissingPackageError, PolicyError
from dreamgym.models.dynamics import Noise, lstm_step, sample
from dreamgym.onnx_export.export import export_onnx
from dreamgym.policies.controller import LinearController
from dreamgym.tasks import register_task
from tests.conftest import random_world_model
from tests.tiny_game import TINY_TASK

pytest.importorskip("onnx", reason="needs onnx, of the extra dreamgym[onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime, of the extra dreamgym[onnx]")


class Graphs:
    """Exported files, opened."""

    def __init__(self, folder):
        self.sessions = {
            path.stem: onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            for path in folder.glob("*.onnx")
        }

    def __call__(self, name, **inputs):
        session = self.sessions[name]
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, inputs), strict=True))


@pytest.fixture(scope="module")
def car():
    return dreamgym.pretrained("car-racing")


@pytest.fixture(scope="module")
def car_folder(car, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    export_onnx(car.world_model, folder, car.controller)
    return folder


@pytest.fixture(scope="module")
def car_graphs(car_folder):
    return Graphs(car_folder)


def draw(rng, n, latent_size):
    return Noise(rng.random((n, latent_size), np.float32), rng.standard_normal((n, latent_size), np.float32))


def begin(folder, n):
    with np.load(folder / "starts.npz") as starts:
        return tuple(starts[name][:n] for name in "zhc")


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_every_one_of_200_steps_is_that_of_numpy(car, car_folder, car_graphs, temperature):
    """From the state of NumPy's dream: M itself lets two dreams part that differ in the last digit."""
    memory, rng, n, tau = car.world_model.memory, np.random.default_rng(0), 3, np.array([temperature], np.float32)
    z, h, c = begin(car_folder, n)
    for _ in range(200):
        observation, noise = np.concatenate([z, h], axis=-1), draw(rng, n, z.shape[-1])
        action = car.controller.codes(observation)
        np.testing.assert_allclose(car_graphs("controller", observation=observation)["action"], action, atol=1e-4)
        found = car_graphs("step", z=z, action=action, h=h, c=c, temperature=tau, **noise._asdict())
        h, c = lstm_step(np, memory, z, action, (h, c))
        z, target, done_logit = sample(np, memory, h, noise, tau)
        reward = car.world_model.task.price * target + car.world_model.step_cost
        expected = {"next_z": z, "next_h": h, "next_c": c, "target": target, "done_logit": done_logit, "reward": reward}
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, atol=1e-4, err_msg=name)
        weights = mixture_weights(memory, h, z.shape[-1], temperature)
        np.testing.assert_allclose(found["weights"], weights, atol=1e-4)
        entropy = -(weights * np.log(np.maximum(weights, 1e-30))).sum(axis=1).mean(axis=-1)
        np.testing.assert_allclose(found["entropy"], entropy, atol=1e-4)


def mixture_weights(memory, h, latent_size, temperature):
    heads = h @ memory.head_kernel + memory.head_bias
    logits = heads[:, : (heads.shape[-1] - 2) // 3].reshape(len(h), -1, latent_size) / temperature
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def test_a_dream_of_the_graphs_alone_is_that_of_numpy(car, car_folder, car_graphs):
    rng, tau = np.random.default_rng(1), np.array([1], np.float32)
    z, h, c = begin(car_folder, 1)
    stepper = SingleStepper(car.world_model.memory, car.world_model.n_mixtures)
    stepper.begin(z[0], h[0], c[0], 1.0)
    for _ in range(50):
        noise = draw(rng, 1, z.shape[-1])
        stepper.step(car.controller.codes(stepper.observation()), Noise(noise.uniform[0], noise.normal[0]))
        action = car_graphs("controller", observation=np.concatenate([z, h], axis=-1))["action"]
        found = car_graphs("step", z=z, action=action, h=h, c=c, temperature=tau, **noise._asdict())
        z, h, c = found["next_z"], found["next_h"], found["next_c"]
        np.testing.assert_allclose(np.concatenate([z, h], axis=-1)[0], stepper.observation(), atol=1e-3)


def test_v_is_that_of_numpy(car, car_folder, car_graphs):
    z, _, _ = begin(car_folder, 4)
    frames = car.world_model.decode(z)
    assert np.abs(car_graphs("decoder", z=z)["frames"].astype(int) - frames).max() <= 1
    found = car_graphs("encoder", frames=frames)
    for name, value in zip(("mu", "logvar"), car.world_model.encode(frames), strict=True):
        np.testing.assert_allclose(found[name], value, atol=1e-4)


def test_half_precision_halves_the_files_and_changes_a_step_little(car, car_folder, car_graphs, tmp_path):
    export_onnx(car.world_model, tmp_path, half=True)
    assert not (tmp_path / "controller.onnx").exists()
    for name in ("encoder", "decoder", "step"):
        small, large = ((folder / f"{name}.onnx").stat().st_size for folder in (tmp_path, car_folder))
        assert small < 0.51 * large
    z, h, c = begin(car_folder, 2)
    inputs = {"z": z, "action": np.zeros((2, 3), np.float32), "h": h, "c": c, "temperature": np.ones(1, np.float32)}
    inputs |= {"uniform": np.full_like(z, 0.5), "normal": np.zeros_like(z)}
    found, expected = Graphs(tmp_path)("step", **inputs), car_graphs("step", **inputs)
    np.testing.assert_allclose(found["next_h"], expected["next_h"], atol=5e-3)
    assert np.abs(found["next_h"] - expected["next_h"]).max() > 0


def test_what_a_program_must_know_lies_beside_the_graphs(car, car_folder):
    description = json.loads((car_folder / "dream.json").read_text())
    assert description["action_space"] == car.world_model.codec.to_json()
    assert (description["latent_size"], description["hidden_size"], description["n_mixtures"]) == (32, 256, 5)
    assert description["price"] == car.world_model.task.price
    assert description["max_steps"] == 1000


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Discrete(3, seed=0),
        gym.spaces.Box(np.array([-2, 0], np.int32), np.array([3, 1], np.int32), dtype=np.int32, seed=0),
    ],
    ids=str,
)
def test_a_controller_gives_the_codes_of_its_task(space, tmp_path):
    model = random_world_model(TINY_TASK, space, TINY_TASK.hidden_size)
    zeros = LinearController.zeros(model)
    rng = np.random.default_rng(0)
    controller = LinearController(rng.normal(size=len(zeros.parameters)), zeros.task, ActionCodec(space))
    export_onnx(model, tmp_path, controller)
    observations = rng.normal(size=(40, model.observation_size)).astype(np.float32)
    expected = np.stack([model.codec.encode(controller(observation)) for observation in observations])
    found = Graphs(tmp_path)("controller", observation=observations)["action"]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert len(np.unique(found, axis=0)) > 1


def test_a_head_that_cannot_be_exported_leaves_no_files(tmp_path):
    sums = ActionHead(3, lambda xp, outputs: xp.cumsum(outputs, axis=-1))
    task = register_task(dataclasses.replace(TINY_TASK, name="summing", action_heads={"sums": sums}))
    model = random_world_model(task, gym.spaces.Discrete(3, seed=0), task.hidden_size)
    with pytest.raises(PolicyError, match=r"there is no operation for xp\.cumsum"):
        export_onnx(model, tmp_path / "onnx", LinearController.zeros(model))
    assert not (tmp_path / "onnx").exists()


def test_without_onnx_the_extra_is_named(car, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'dreamgym\[onnx\]'"):
        export_onnx(car.world_model, tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()
