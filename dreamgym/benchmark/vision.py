"""Speed of V and M: V beside its bare convolutions, and both in training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.benchmark.measure import Measure
from dreamgym.envs.dream import DreamEnv
from dreamgym.world_model import WorldModel

BATCH = 256
TRAINING_BATCH = 100
SEQUENCE = 60
_INPUT_SIZES = {"encoder": (64, 31, 14, 6), "decoder": (1, 5, 13, 30)}  # pixels per side, for each convolution


def vision_measures(world_model: WorldModel, folder: Path) -> list[Measure]:
    """Encoding, decoding and rendering, beside bare convolutions of the same shapes."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (BATCH, 64, 64, 3), np.uint8)
    z = rng.standard_normal((BATCH, world_model.latent_size), np.float32)
    env = DreamEnv(folder, render_mode="rgb_array")
    env.reset(seed=0)
    return [
        Measure.of_calls("V encode", "frames/s", BATCH, lambda: world_model.encode(frames)),
        Measure.of_calls(
            "V encode, convolutions alone", "frames/s", BATCH, _convolutions_alone(world_model, "encoder")
        ),
        Measure.of_calls("V decode", "frames/s", BATCH, lambda: world_model.decode(z)),
        Measure.of_calls(
            "V decode, convolutions alone", "frames/s", BATCH, _convolutions_alone(world_model, "decoder")
        ),
        Measure.of_calls("render a dream", "frames/s", 1, env.render),
    ]


def _convolutions_alone(world_model: WorldModel, part: str) -> Callable[[], Any]:
    """Runs the bare convolutions of V's encoder or decoder one after the other, each on an input of its own."""
    from dreamgym.running.tensorflow import tf

    def convolve(x: Any, kernel: Any) -> Any:
        if part == "encoder":
            return tf.nn.conv2d(x, kernel, 2, "VALID")
        size = 2 * (x.shape[1] - 1) + kernel.shape[0]
        return tf.nn.conv2d_transpose(x, kernel, (BATCH, size, size, kernel.shape[2]), 2, "VALID")

    @tf.function(autograph=False)
    def run(inputs: list[tuple[Any, Any]]) -> list[Any]:
        corners: list[Any] = []
        for x, kernel in inputs:
            with tf.control_dependencies(corners[-1:]):
                corners.append(convolve(tf.identity(x), kernel)[0, 0, 0, 0])
        return corners

    inputs = []
    for i, size in enumerate(_INPUT_SIZES[part]):
        kernel = world_model.vision[f"{part}_{i}_kernel"]
        channels = kernel.shape[2 if part == "encoder" else 3]
        inputs.append((tf.ones((BATCH, size, size, channels)), tf.constant(kernel)))
    return lambda: run(inputs)[-1].numpy()


def training_measures(world_model: WorldModel) -> list[Measure]:
    """Frames per second of V's training and steps per second of M's, with batches in memory."""
    from dreamgym.models.memory import Memory
    from dreamgym.models.training import draw_latents
    from dreamgym.models.vision import Vision
    from dreamgym.running.tensorflow import keras

    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (TRAINING_BATCH, 64, 64, 3), np.uint8)
    mu = rng.standard_normal((TRAINING_BATCH, SEQUENCE + 1, world_model.latent_size), np.float32)
    shape = (TRAINING_BATCH, SEQUENCE)
    sequences = {
        "mu": mu,
        "logvar": np.full_like(mu, -2),
        "action": rng.random((*shape, world_model.codec.size), np.float32),
        "target": np.zeros(shape, np.float32),
        "done": np.zeros(shape, np.float32),
        "weight": np.ones(shape, np.float32),
    }
    vision = Vision(world_model.latent_size)
    vision.compile(optimizer=keras.optimizers.Adam(1e-4))
    memory = Memory(world_model.latent_size, world_model.codec.size, world_model.hidden_size)
    memory.compile(optimizer=keras.optimizers.Adam(1e-3, clipvalue=1.0), jit_compile=True)
    steps = TRAINING_BATCH * SEQUENCE
    return [
        Measure.of_calls("V training", "frames/s", TRAINING_BATCH, lambda: vision.train_on_batch(frames)),
        Measure.of_calls("M training", "steps/s", steps, lambda: memory.train_on_batch(draw_latents(sequences, rng))),
    ]
