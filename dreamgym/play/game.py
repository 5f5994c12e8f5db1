"""One episode in progress, and what is kept of it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from dreamgym.data.episodes import Episode, encode_episode, encode_png
from dreamgym.envs.dream import DreamEnv
from dreamgym.play.resolve import Player

Keep = Literal["score", "episode", "file", "film"]
"""What is kept of an episode: its score; all of it as arrays; all of it as the content of a file, which takes a tenth
of the memory; or all of it with the pictures that ``render`` returns."""


@dataclass(frozen=True)
class Played:
    """The outcome of one episode of T steps."""

    seed: int  # the episode's
    rewards: np.ndarray  # the env's own, ``(T,)`` float64
    terminated: bool  # whether the game, not a step limit, ended it
    episode: Episode | None = None  # the whole episode, if it was kept. A dream has none.
    content: bytes | None = None  # the whole episode as the content of a file, if that was kept
    pictures: np.ndarray | None = None  # what ``render`` gave, ``(T + 1, height, width, 3)`` uint8, if it was filmed

    @property
    def score(self) -> float:
        """The sum of the rewards."""
        return float(sum(self.rewards.tolist()))

    @property
    def length(self) -> int:
        """T."""
        return len(self.rewards)


class Game:
    """One episode in progress: its env, its policy, and what is kept of it."""

    frame: np.ndarray  # what V sees of the real game
    observed: np.ndarray | None  # the observation that the env itself gives the policy: a dream's

    def __init__(self, env: gym.Env, player: Player, seed: int, keep: Keep):
        self.env, self.codec, self.seed = env, player.codec, seed
        self.policy = copy.copy(player.policy)
        self.filmed = keep == "film"
        self.rewards: list[float] = []
        self.pictures: list[Any] = []
        self.terminated = self.over = False

    def reset(self, options: Mapping[str, Any] | None) -> None:
        """Begins the episode."""
        observation, _ = self.env.reset(seed=self.seed, options=None if options is None else dict(options))
        self.policy.reset(self.seed)
        self.see(observation)

    def choose(self, observation: np.ndarray | None) -> np.ndarray:
        """The policy's coded action."""
        return self.codec.encode(self.policy(observation))

    def step(self, code: np.ndarray, last: bool) -> None:
        """Plays a coded action. ``last`` ends the episode with this step."""
        observation, reward, terminated, truncated, _ = self.env.step(self.codec.decode(code))
        self.rewards.append(float(reward))
        self.terminated, self.over = bool(terminated), bool(terminated or truncated or last)
        self.see(observation)

    def see(self, observation: Any) -> None:
        """Keeps what is needed of an observation."""
        self.observed = observation
        if self.filmed:
            self.pictures.append(self.env.render())

    def finish(self) -> Played:
        """Closes the env and returns what was kept."""
        self.env.close()
        pictures = np.stack(self.pictures) if self.filmed else None
        return Played(self.seed, np.array(self.rewards), self.terminated, pictures=pictures)


class RealGame(Game):
    """An episode of the real game."""

    def __init__(self, env: gym.Env, player: Player, seed: int, keep: Keep):
        super().__init__(env, player, seed, keep)
        self.task = player.task
        self.recorded, self.as_file = keep != "score", keep == "file"
        self.looks = self.recorded or self.policy.needs_latents
        self.frames: list[Any] = []
        self.codes: list[np.ndarray] = []
        self.targets: list[float] = []

    def step(self, code: np.ndarray, last: bool) -> None:
        """See :class:`Game`."""
        super().step(code, last)
        if self.recorded:
            self.codes.append(code)
            self.targets.append(float(self.task.target(self.env, self.rewards[-1], self.terminated)))

    def see(self, observation: Any) -> None:
        """See :class:`Game`."""
        super().see(observation)
        self.observed = None
        if self.looks:
            self.frame = self.task.frame(observation)
        if self.recorded:
            # A frame is packed at once: to get the memory of a whole episode takes longer than to fill it.
            self.frames.append(encode_png(self.frame) if self.as_file else self.frame)

    def finish(self) -> Played:
        """See :class:`Game`."""
        played = super().finish()
        if not self.recorded:
            return played
        terminated = np.zeros(len(self.rewards), bool)
        terminated[-1] = self.terminated
        episode = Episode(
            frames=np.empty(0, np.uint8) if self.as_file else np.stack(self.frames),
            actions=np.stack(self.codes).astype(np.float32),
            rewards=np.array(self.rewards, np.float32),
            targets=np.array(self.targets, np.float32),
            terminated=terminated,
            truncated=not self.terminated,
            seed=self.seed,
            env_id=self.env.spec.id if self.env.spec else self.task.env_id,
            policy=self.policy.name,
            task=self.task.name,
        )
        content = encode_episode(episode, pngs=self.frames) if self.as_file else None
        return Played(
            self.seed, played.rewards, self.terminated, None if content else episode, content, played.pictures
        )


def make_game(player: Player, seed: int, keep: Keep) -> Game:
    """An episode that has not begun, in the env that the player's settings name."""
    render_mode = "rgb_array" if keep == "film" else None
    if player.env.env == "dream":
        dream = DreamEnv(player.env.world_model, player.env.temperature, player.max_steps, render_mode)
        return Game(dream, player, seed, keep)
    blind = keep == "score" and not player.policy.needs_latents
    env = player.task.make_env(player.env.renderer or "fast", render_mode, blind)
    return RealGame(env, player, seed, keep)
