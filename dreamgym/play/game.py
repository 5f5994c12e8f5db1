"""One episode in progress, and what is kept of it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from dreamgym.data.episodes import Episode, encode_episode, encode_png
from dreamgym.envs.dream import DreamEnv
from dreamgym.errors import ActionError, PolicyError
from dreamgym.frame_skip import FrameSkip
from dreamgym.play.resolve import Player

Keep = Literal["score", "episode", "file", "film"]
"""What is kept of an episode: its score; all of it as arrays; all of it as the content of a file, which takes a tenth
of the memory; or all of it with the pictures that ``render`` returns."""


@dataclass(frozen=True)
class Played:
    """The outcome of one episode of T steps."""

    seed: int  # the episode's
    rewards: np.ndarray  # of each step of the game, or of the dream, ``(T,)`` float64
    length: int  # steps of the game that the episode lasted, or that the dream stands for
    terminated: bool  # whether the game, not a step limit, ended it
    episode: Episode | None = None  # the whole episode, if it was kept. A dream has none.
    content: bytes | None = None  # the whole episode as the content of a file, if that was kept
    stored: int = 0  # bytes of the file that the worker wrote elsewhere, in place of ``content``
    pictures: np.ndarray | None = None  # what ``render`` gave, ``(T + 1, height, width, 3)`` uint8, if it was filmed

    @property
    def score(self) -> float:
        """The sum of the rewards."""
        return float(sum(self.rewards.tolist()))

    fps: float = 50.0  # pictures, or frames of the episode, per second


class Game:
    """One episode in progress: its env, its policy, and what is kept of it."""

    frame: np.ndarray  # what V sees of the real game, where it is recorded or the policy observes
    observed: np.ndarray | None  # a dream's observation; None for the real game

    def __init__(self, player: Player, seed: int, keep: Keep):
        self.env, self.policy = _make_env(player, keep), copy.copy(player.policy)
        self.task, self.codec, self.seed = player.task, player.codec, seed
        self.real, self.filmed, self.as_file = player.env.env == "real", keep == "film", keep == "file"
        self.recorded = self.real and keep != "score"
        self.looks = self.real and (self.recorded or self.policy.needs_latents)
        self.rewards: list[float] = []
        self.decision_rewards: list[float] = []
        self.targets: list[float] = []
        self.codes: list[np.ndarray] = []
        self.frames: list[Any] = []  # PNGs for a file, else arrays
        self.pictures: list[Any] = []
        self.terminated = self.over = False
        self.skip, self.max_steps = player.frame_skip, player.max_steps
        if self.filmed and isinstance(self.env, FrameSkip):
            self.env.after_step = self._film

    def reset(self, options: Mapping[str, Any] | None) -> None:
        """Begins the episode."""
        observation, _ = self.env.reset(seed=self.seed, options=None if options is None else dict(options))
        self.policy.reset(self.seed)
        if self.filmed:
            self._film()
        self._see(observation)

    def choose(self, observation: np.ndarray | None) -> np.ndarray:
        """The policy's coded action."""
        try:
            action = self.policy(observation)
            if action is None:
                raise ActionError(f"it returned None, expected an action of {self.codec.space}")
            return self.codec.encode(action)
        except ActionError as error:
            raise PolicyError(f"policy {self.policy.name!r}: {error}") from error

    def step(self, code: np.ndarray) -> None:
        """Plays a coded action."""
        observation, reward, terminated, truncated, info = self.env.step(self.codec.decode(code))
        self.rewards += info["rewards"] if self.real else [float(reward)]
        self.decision_rewards.append(float(reward))
        self.terminated, self.over = bool(terminated), bool(terminated or truncated)
        if self.filmed and not self.real:
            self._film()
        self._see(observation)
        if self.recorded:
            self.codes.append(code)
            self.targets.append(info["target"])

    def finish(self) -> Played:
        """Closes the env and returns what was kept."""
        self.env.close()
        episode = self._episode() if self.recorded else None
        content = None
        if episode is not None and self.as_file:
            content, episode = encode_episode(episode, pngs=self.frames), None
        pictures = np.stack(self.pictures) if self.filmed else None
        length = len(self.rewards) if self.real else min(len(self.rewards) * self.skip, self.max_steps)
        fps = self.env.metadata["render_fps"] * (self.skip if self.real and self.filmed else 1)
        kept = {"episode": episode, "content": content, "pictures": pictures, "fps": fps}
        return Played(self.seed, np.array(self.rewards), length, self.terminated, **kept)

    def _film(self) -> None:
        self.pictures.append(self.env.render())

    def _see(self, observation: Any) -> None:
        self.observed = None if self.real else observation
        if self.looks:
            self.frame = self.task.frame(observation)
        if self.recorded:
            # A frame is packed at once: to get the memory of a whole episode takes longer than to fill it.
            self.frames.append(encode_png(self.frame) if self.as_file else self.frame)

    def _episode(self) -> Episode:
        terminated = np.zeros(len(self.codes), bool)
        terminated[-1] = self.terminated
        return Episode(
            frames=np.empty(0, np.uint8) if self.as_file else np.stack(self.frames),
            actions=np.stack(self.codes).astype(np.float32),
            rewards=np.array(self.decision_rewards, np.float32),
            targets=np.array(self.targets, np.float32),
            terminated=terminated,
            truncated=not self.terminated,
            seed=self.seed,
            env_id=self.env.spec.id if self.env.spec else self.task.env_id,
            policy=self.policy.name,
            task=self.task.name,
        )


def _make_env(player: Player, keep: Keep) -> gym.Env:
    render_mode = "rgb_array" if keep == "film" else None
    if player.env.env == "dream":
        assert player.world_model is not None
        steps = player.world_model.dream_steps(player.max_steps)
        return DreamEnv(player.env.world_model, player.env.temperature, steps, render_mode)
    return player.task.make_env(
        player.env.renderer or "fast",
        render_mode,
        blind=keep == "score" and not player.policy.needs_latents,
        frame_skip=player.frame_skip,
        max_steps=player.max_steps,
    )
