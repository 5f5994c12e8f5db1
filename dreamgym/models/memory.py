"""M in Keras, for training: the MDN-RNN of Ha & Schmidhuber (2018, appendix A.2), with heads for reward and done."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from dreamgym.models.dynamics import LOG_SIGMA_BOUNDS, MemoryArrays
from dreamgym.models.lstm import lstm
from dreamgym.models.replicas import sum_over_replicas
from dreamgym.running.seeding import Stream, generator
from dreamgym.running.tensorflow import keras

layers, ops = keras.layers, keras.ops


@dataclass(frozen=True)
class LossWeights:
    """Weights of M's loss terms beside the NLL."""

    reward: float = 1.0  # of the squared error of the target
    done: float = 1.0  # of the cross-entropy of ``terminated``
    done_positive: float = 10.0  # of the cross-entropy at steps that end the game, which are rare; the paper uses 10


@keras.saving.register_keras_serializable("dreamgym")
class Memory(keras.Model):
    """M: an LSTM over ``(z, a)`` that predicts the next ``z``, the reward target and ``terminated``.

    It is trained on a dict of float32 arrays: ``z`` ``(n, T + 1, Z)``, ``action`` ``(n, T, A)``, ``target``, ``done``
    and ``weight`` ``(n, T)``. Step t reads ``z_t`` and ``a_t``. It predicts ``z_{t+1}``, and the target and
    ``terminated`` of step t. ``weight`` is the step's weight in the loss, 0 for padding. Where there is also ``read``
    ``(n, T, Z)``, step t reads that instead of ``z_t``.

    Args:
        latent_size: Z.
        action_size: A, the length of a coded action.
        hidden_size: H, units of the LSTM.
        n_mixtures: K, Gaussians per latent dimension.
        target_scale: Standard deviation of the targets in the training data.
        loss_weights: The defaults if None.
        seed: Decides the initial weights.
    """

    def __init__(
        self,
        latent_size: int = 32,
        action_size: int = 3,
        hidden_size: int = 256,
        n_mixtures: int = 5,
        *,
        target_scale: float = 1.0,
        loss_weights: LossWeights | None = None,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.latent_size, self.action_size, self.hidden_size = latent_size, action_size, hidden_size
        self.n_mixtures, self.target_scale, self.seed = n_mixtures, target_scale, seed
        self.loss_weights = loss_weights or LossWeights()
        seeds = generator(seed, Stream.MEMORY_WEIGHTS).integers(2**31, size=3)
        self.lstm = layers.LSTM(
            hidden_size,
            return_sequences=True,
            seed=seed,
            kernel_initializer=keras.initializers.GlorotUniform(seed=int(seeds[0])),
            recurrent_initializer=keras.initializers.Orthogonal(seed=int(seeds[1])),
        )
        self.head = layers.Dense(
            3 * n_mixtures * latent_size + 2, kernel_initializer=keras.initializers.GlorotUniform(seed=int(seeds[2]))
        )
        self.trackers = {name: keras.metrics.Mean(name) for name in ("loss", "nll", "reward_loss", "done_loss")}
        self.build(None)

    def build(self, input_shape: Any) -> None:
        """Creates all weights. The constructor calls it, so that a new M can be saved and loaded into."""
        if not getattr(self, "built", False):
            self.head(self.lstm(ops.zeros((1, 1, self.latent_size + self.action_size))))
            self.built = True

    def call(self, batch: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Predicts every step: ``heads`` ``(n, T, 3KZ + 2)``, beside ``z`` as it was given."""
        read = batch.get("read", batch["z"][:, :-1])
        inputs = ops.concatenate([read, batch["action"]], axis=-1)
        cell = self.lstm.cell
        h = lstm(inputs, cell.kernel, cell.recurrent_kernel, cell.bias)
        return {"heads": self.head(h), "z": batch["z"]}

    def nll(self, heads: Any, z: Any) -> Any:
        """The negative log likelihood of the next latents ``z`` ``(n, T, Z)``: ``(n, T)``, nats per dimension."""
        parts = ops.reshape(heads[..., :-2], (*ops.shape(z)[:2], 3, self.n_mixtures, self.latent_size))
        log_weights = ops.log_softmax(parts[:, :, 0], axis=2)
        log_sigma = ops.clip(parts[:, :, 2], *LOG_SIGMA_BOUNDS)
        distance = (z[:, :, None] - parts[:, :, 1]) * ops.exp(-log_sigma)
        log_density = log_weights - 0.5 * ops.square(distance) - log_sigma - 0.5 * math.log(2 * math.pi)
        return -ops.mean(ops.logsumexp(log_density, axis=2), axis=-1)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The NLL plus the weighted squared error of ``target / target_scale`` and cross-entropy of ``terminated``."""
        heads, z = y_pred["heads"], y_pred["z"]
        its_weight = ops.sum(x["weight"])
        total_weight = ops.maximum(sum_over_replicas(its_weight), 1.0)
        weight = x["weight"] / total_weight  # so every term is a weighted mean over the steps of the whole batch
        nll = ops.sum(weight * self.nll(heads, z[:, 1:]))
        reward_loss = ops.sum(weight * ops.square((heads[..., -2] - x["target"]) / self.target_scale))
        logit, done = heads[..., -1], x["done"]
        entropy = ops.softplus(logit) - done * logit
        done_loss = ops.sum(weight * (entropy * (1.0 + (self.loss_weights.done_positive - 1.0) * done)))
        loss = nll + self.loss_weights.reward * reward_loss + self.loss_weights.done * done_loss
        for tracker, value in zip(self.trackers.values(), (loss, nll, reward_loss, done_loss), strict=True):
            mean = value * total_weight / ops.maximum(its_weight, 1.0)  # over this device's steps
            tracker.update_state(mean, sample_weight=its_weight)
        return loss

    @property
    def metrics(self) -> list[Any]:
        """The loss and its three terms, without their weights in the loss."""
        return list(self.trackers.values())

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain JSON data."""
        names = ("latent_size", "action_size", "hidden_size", "n_mixtures", "target_scale", "seed")
        return {name: getattr(self, name) for name in names} | {"loss_weights": asdict(self.loss_weights)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Memory":
        """An M with new weights, from :meth:`get_config`."""
        return cls(**{**config, "loss_weights": LossWeights(**config["loss_weights"])})


def _weights(memory: Memory) -> MemoryArrays:
    cell, head = memory.lstm.cell, memory.head
    return MemoryArrays(cell.kernel, cell.recurrent_kernel, cell.bias, head.kernel, head.bias)


def to_arrays(memory: Memory) -> MemoryArrays:
    """Copies M's weights to float32 NumPy arrays."""
    return MemoryArrays(*(weight.numpy() for weight in _weights(memory)))


def load_arrays(memory: Memory, arrays: MemoryArrays) -> None:
    """Copies arrays into M's weights. Raises ValueError if an array has another shape than its weight."""
    for weight, array in zip(_weights(memory), arrays, strict=True):
        weight.assign(array)
