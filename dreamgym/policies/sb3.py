"""Agents of Stable-Baselines3 and sb3-contrib as policies."""

import base64
import importlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import gymnasium as gym
import numpy as np

from dreamgym.actions import ActionCodec
from dreamgym.errors import PolicyError, describe
from dreamgym.policies.policy import SB3Model
from dreamgym.running.provenance import hash_arrays

STABLE_BASELINES3 = ("A2C", "DDPG", "DQN", "PPO", "SAC", "TD3")
SB3_CONTRIB = ("ARS", "CrossQ", "MaskablePPO", "QRDQN", "RecurrentPPO", "TQC", "TRPO")

# A .zip does not name its class. These settings tell it, if they are looked for in this order.
_MARKS = {
    "ARS": {"zero_policy"},
    "TRPO": {"cg_max_steps"},
    "TQC": {"top_quantiles_to_drop_per_net"},
    "QRDQN": {"n_quantiles"},
    "DQN": {"exploration_fraction"},
    "CrossQ": {"target_entropy", "policy_delay"},
    "SAC": {"target_entropy"},
    "TD3": {"target_policy_noise"},
    "PPO": {"clip_range"},
    "A2C": {"normalize_advantage"},
}
# What only training uses is not restored: buffers take gigabytes, seeds set the global generators, and schedules are
# pickled functions that another Python may not read.
_UNUSED = dict.fromkeys(
    (
        *("seed", "action_noise", "lr_schedule", "exploration_schedule", "clip_range_vf", "ep_info_buffer"),
        *("ep_success_buffer", "_last_obs", "_last_episode_starts", "_last_original_obs", "replay_buffer_class"),
        "rollout_buffer_class",
    )
) | {
    "learning_rate": 0.0,
    "clip_range": 0.2,
    "n_envs": 1,
    "n_steps": 1,
    "buffer_size": 1,
    "optimize_memory_usage": False,
    "replay_buffer_kwargs": {},
    "rollout_buffer_kwargs": {},
}


class SB3Policy:
    """An agent's most likely action; a recurrent agent keeps its state for the length of an episode.

    Pickled, it is what the agent's own ``save`` writes: no env and no buffers travel.

    Raises:
        PolicyError: The agent's actions are not the codec's, or it does not observe one array of numbers.
    """

    needs_latents = True

    def __init__(self, model: SB3Model, codec: ActionCodec):
        self.model, self.codec, self.name = model, codec, type(model).__name__.lower()
        observed = model.observation_space
        if not isinstance(observed, gym.spaces.Box) or len(observed.shape) != 1:
            raise PolicyError(f"agent {self.name!r} observes {observed}, expected a Box of one dimension for [z, h]")
        self.observation_size = observed.shape[0]
        if not _same_actions(model.action_space, codec.space):
            raise PolicyError(
                f"agent {self.name!r} acts in {_shown(model.action_space)}, the task in {_shown(codec.space)}; "
                "pass a function that turns the one's actions into the other's"
            )
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Begins an episode. Nothing is drawn: the most likely action is taken."""
        self._state: Any = None
        self._begins = np.ones(1, bool)

    def __call__(self, observation: np.ndarray | None) -> Any:
        """The agent's action for one observation ``(O,)``."""
        action, self._state = self.model.predict(
            observation, state=self._state, episode_start=self._begins, deterministic=True
        )
        self._begins = np.zeros(1, bool)
        return action

    def hash(self) -> str:
        """A hash of the network's numbers."""
        network: Any = getattr(self.model, "policy", self.model)
        return hash_arrays({name: tensor.cpu().numpy() for name, tensor in network.state_dict().items()})

    def __copy__(self) -> "SB3Policy":
        return SB3Policy(self.model, self.codec)

    def __reduce__(self) -> tuple[Any, ...]:
        if not hasattr(self.model, "set_env"):  # an algorithm's network alone
            return SB3Policy, (self.model, self.codec)
        content = io.BytesIO()
        self.model.save(content)
        return _from_bytes, (type(self.model), content.getvalue(), self.codec)


def load_sb3(path: Path, codec: ActionCodec) -> SB3Policy:
    """Loads what an agent of :data:`STABLE_BASELINES3` or :data:`SB3_CONTRIB` saved, for a task's actions.

    Raises:
        PolicyError: The file is missing, broken or no agent, its library is not installed, or it does not fit.
    """
    if not path.is_file():
        raise PolicyError(f"{path} does not exist; expected a model that Stable-Baselines3 saved")
    try:
        with zipfile.ZipFile(path) as archive:
            saved = dict(json.loads(archive.read("data")))
    except Exception as error:  # a broken zip raises errors of many kinds
        raise PolicyError(f"{path} is not a model that Stable-Baselines3 saved ({_line(error)})") from error
    name = "agent"
    try:
        name = _algorithm(path, saved)
        package = importlib.import_module("sb3_contrib" if name in SB3_CONTRIB else "stable_baselines3")
        model = _load(getattr(package, name), path)
    except PolicyError:
        raise
    except Exception as error:  # the file holds pickled code
        for module, library in (("sb3_contrib", "sb3-contrib"), ("stable_baselines3", "Stable-Baselines3")):
            if isinstance(error, ImportError) and (error.name or "").startswith(module):
                message = f"{path} ({name}) needs {library}; pip install 'dreamgym[sb3]'"
                raise PolicyError(message) from error
        raise PolicyError(f"{path} ({name}) cannot be loaded ({_line(error)})") from error
    try:
        return SB3Policy(model, codec)
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from error


def _algorithm(path: Path, saved: Mapping[str, Any]) -> str:
    """The name of the class that saved these settings."""
    name = next((name for name, marks in _MARKS.items() if marks <= saved.keys()), None)
    policy_class = saved.get("policy_class")
    if name is None or not isinstance(policy_class, dict):
        known = ", ".join(sorted((*STABLE_BASELINES3, *SB3_CONTRIB)))
        of = policy_class.get("__module__") if isinstance(policy_class, dict) else policy_class
        raise PolicyError(f"{path} holds an agent of an unknown class (its network is of {of}); expected {known}")
    if name == "TD3" and saved.get("policy_delay") == 1 and saved.get("target_noise_clip") == 0:
        return "DDPG"  # which is TD3 with these settings
    if name == "PPO":  # three classes save the same settings
        bases = " ".join(base.__module__ for base in _unpickled(policy_class).__mro__)
        for word, variant in (("recurrent", "RecurrentPPO"), ("maskable", "MaskablePPO")):
            if f"sb3_contrib.common.{word}" in bases:
                return variant
    return name


def _unpickled(item: Mapping[str, Any]) -> Any:
    return cloudpickle.loads(base64.b64decode(item[":serialized:"]))


def _load(model_class: Any, file: Any) -> SB3Model:
    model: SB3Model = model_class.load(file, device="cpu", custom_objects=_UNUSED)
    return model


def _from_bytes(model_class: Any, content: bytes, codec: ActionCodec) -> SB3Policy:
    return SB3Policy(_load(model_class, io.BytesIO(content)), codec)


def _same_actions(space: gym.Space, games: gym.Space) -> bool:
    if isinstance(space, gym.spaces.Discrete) and isinstance(games, gym.spaces.Discrete):
        return bool(space.n == games.n and space.start == games.start == 0)  # agents count from 0 whatever start is
    if isinstance(space, gym.spaces.Box) and isinstance(games, gym.spaces.Box):
        same_shape = space.shape == games.shape
        return same_shape and np.allclose(space.low, games.low) and np.allclose(space.high, games.high)
    return False


def _shown(space: gym.Space) -> str:
    if isinstance(space, gym.spaces.Box):
        return f"Box({space.low.tolist()}, {space.high.tolist()})"
    return str(space)


def _line(error: Exception) -> str:
    return describe(error).splitlines()[0]
