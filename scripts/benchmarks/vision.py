"""How fast V and M are: frames through V in batches, beside its bare convolutions; samples in training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym import WorldModel
from dreamgym.convolution import DECODER_FILTERS, ENCODER_FILTERS
from dreamgym.envs.dream import DreamEnv
from scripts.benchmarks.measure import Measure

BATCH = 256
TRAINING_BATCH = 100
SEQUENCE = 60


def vision_measures(world_model: WorldModel, folder: Path) -> list[Measure]:
    """Encoding, decoding, rendering; and the convolutions of the same shapes with nothing around them."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (BATCH, 64, 64, 3), np.uint8)
    z = rng.standard_normal((BATCH, world_model.latent_size), np.float32)
    env = DreamEnv(folder, render_mode="rgb_array")
    env.reset(seed=0)

    def encode() -> float:
        world_model.encode(frames)
        return BATCH

    def decode() -> float:
        world_model.decode(z)
        return BATCH

    def render() -> float:
        env.render()
        return 1

    return [
        Measure("V encode", "frames/s", encode),
        Measure("V encode, convolutions alone", "frames/s", _encoder_alone(world_model)),
        Measure("V decode", "frames/s", decode),
        Measure("V decode, convolutions alone", "frames/s", _decoder_alone(world_model)),
        Measure("render a dream", "frames/s", render),
    ]


def _encoder_alone(world_model: WorldModel) -> Callable[[], float]:
    import tensorflow as tf

    layers, size, channels = [], 64, 3
    for i, n in enumerate(ENCODER_FILTERS):
        layers.append((tf.ones((BATCH, size, size, channels)), world_model.vision[f"encoder_{i}_kernel"]))
        size, channels = (size - 4) // 2 + 1, n
    return _in_turn(layers, lambda x, kernel: tf.nn.conv2d(x, kernel, 2, "VALID"))


def _decoder_alone(world_model: WorldModel) -> Callable[[], float]:
    import tensorflow as tf

    layers, size, channels = [], 1, 1024
    for i, n in enumerate(DECODER_FILTERS):
        kernel = world_model.vision[f"decoder_{i}_kernel"]
        layers.append((tf.ones((BATCH, size, size, channels)), kernel))
        size, channels = 2 * (size - 1) + kernel.shape[0], n

    def convolve(x: Any, kernel: Any) -> Any:
        after = 2 * (x.shape[1] - 1) + kernel.shape[0]
        return tf.nn.conv2d_transpose(x, kernel, (BATCH, after, after, kernel.shape[2]), 2, "VALID")

    return _in_turn(layers, convolve)


def _in_turn(layers: list[tuple[Any, Any]], convolve: Callable[[Any, Any], Any]) -> Callable[[], float]:
    """Runs the bare convolutions one after the other, each on an input of its own: what the machine allows."""
    import tensorflow as tf

    @tf.function(autograph=False)
    def run(inputs: list[tuple[Any, Any]]) -> list[Any]:
        corners: list[Any] = []
        for x, kernel in inputs:
            with tf.control_dependencies(corners[-1:]):
                corners.append(convolve(tf.identity(x), kernel)[0, 0, 0, 0])
        return corners

    inputs = [(x, tf.constant(kernel)) for x, kernel in layers]

    def work() -> float:
        run(inputs)[-1].numpy()
        return BATCH

    return work


def training_measures(world_model: WorldModel) -> list[Measure]:
    """Frames a second of V's training and steps a second of M's, batches already in memory."""
    import keras

    from dreamgym.memory import Memory
    from dreamgym.vision import Vision

    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (TRAINING_BATCH, 64, 64, 3), np.uint8)
    shape = (TRAINING_BATCH, SEQUENCE)
    sequences = {
        "mu": rng.standard_normal((TRAINING_BATCH, SEQUENCE + 1, world_model.latent_size), np.float32),
        "logvar": np.full((TRAINING_BATCH, SEQUENCE + 1, world_model.latent_size), -2, np.float32),
        "action": rng.random((*shape, world_model.codec.size), np.float32),
        "target": np.zeros(shape, np.float32),
        "done": np.zeros(shape, np.float32),
        "weight": np.ones(shape, np.float32),
    }
    vision, memory = (
        Vision(world_model.latent_size),
        Memory(world_model.latent_size, world_model.codec.size, world_model.hidden_size),
    )
    vision.compile(optimizer=keras.optimizers.Adam(1e-4))
    memory.compile(optimizer=keras.optimizers.Adam(1e-3, clipvalue=1.0), jit_compile=True)

    def train_vision() -> float:
        vision.train_on_batch(frames)
        return TRAINING_BATCH

    def train_memory() -> float:
        memory.train_on_batch(sequences)
        return TRAINING_BATCH * SEQUENCE

    return [Measure("V training", "frames/s", train_vision), Measure("M training", "steps/s", train_memory)]
