"""The real game in the window: it shows every frame, V and M follow it, and its episode can be saved."""

from collections.abc import Iterator

import numpy as np

from dreamgym.data.episodes import Episode
from dreamgym.envs.follower import BatchFollower
from dreamgym.errors import DataError
from dreamgym.frame_skip import FrameSkip
from dreamgym.play.episodes import posterior_noise
from dreamgym.play.resolve import Player
from dreamgym.window.readings import Readings, read_memory


class RealSide:
    """One episode of the real game at a time.

    A policy drives here as it does in :func:`dreamgym.play.episodes.play_episodes` with the same seed.

    Attributes:
        seed: The episode's.
        frame: V's frame of the last step, uint8 ``(64, 64, 3)``.
        over: Whether the episode has ended.
        decided: Whether the last step of the game was the last one of a decision.
        rewards: The reward of each step of the game.
    """

    seed: int
    frame: np.ndarray
    rewards: list[float]

    def __init__(self, player: Player):
        self.player, self.env = player, _make_env(player)
        self._follower = None if player.world_model is None else BatchFollower(player.world_model)

    def begin(self, seed: int) -> None:
        """Starts an episode."""
        self.seed, self.rewards, self.over, self.decided = seed, [], False, True
        self._terminated = False
        self._codes: list[np.ndarray] = []
        self._decision_rewards: list[float] = []
        self._targets: list[float] = []
        observation, _ = self.env.reset(seed=seed)
        self.frame = self.player.task.frame(observation)
        self._frames = [self.frame]
        self._reconstruction: np.ndarray | None = None
        if self._follower is not None:
            # Two rows, as in the episode loop: V's and M's products are then computed in the same way.
            rngs = [posterior_noise(seed) for _ in range(2)]
            self._follower.reset(np.stack([self.frame] * 2), rngs)

    def play(self, code: np.ndarray) -> Iterator[None]:
        """Plays a decision. It yields after every step of the game; V and M have read the decision at the last one."""
        action, rewards, target = self.player.codec.decode(code), [], 0.0
        self.decided = False
        for step in range(self.player.frame_skip):
            observation, reward, terminated, truncated, info = self.env.step(action)
            rewards.append(float(reward))
            self.rewards.append(float(reward))
            target += info["target"]
            self.frame = self.player.task.frame(observation)
            self._terminated, self.over = bool(terminated), bool(terminated or truncated)
            self.decided = self.over or step + 1 == self.player.frame_skip
            if self.decided:
                self._keep(code, sum(rewards), target)
            yield
            if self.over:
                return

    def _keep(self, code: np.ndarray, reward: float, target: float) -> None:
        self._codes.append(code)
        self._decision_rewards.append(reward)
        self._targets.append(target)
        self._frames.append(self.frame)
        self._reconstruction = None
        if self._follower is not None:
            self._follower.step(np.stack([self.frame] * 2), np.stack([code] * 2))

    @property
    def state(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """M's state of the game: ``z``, ``h`` and ``c``, copies of shapes ``(Z,)``, ``(H,)`` and ``(H,)``."""
        assert self._follower is not None
        return self._follower.z[0].copy(), self._follower.h[0].copy(), self._follower.c[0].copy()

    @property
    def observation(self) -> np.ndarray | None:
        """``[z, h]``, or ``[z, h, c]``; None without a world model."""
        return None if self.player.world_model is None else self.player.world_model.observation(*self.state)

    def picture(self) -> np.ndarray:
        """The game's own picture, uint8 ``(height, width, 3)``; V's frame where the game draws none."""
        return self.frame if self.env.render_mode is None else np.asarray(self.env.render())

    def reconstruction(self) -> np.ndarray:
        """V's reconstruction of the last decision's frame, uint8 ``(64, 64, 3)``."""
        assert self.player.world_model is not None
        if self._reconstruction is None:
            mu, _ = self.player.world_model.encode(self._frames[-1])
            self._reconstruction = self.player.world_model.decode(mu)
        return self._reconstruction

    def readings(self, temperature: float) -> Readings:
        """What is known of the episode; M is asked at a temperature."""
        model = self.player.world_model
        read = {} if model is None or not self._codes else read_memory(model, self.state[1], temperature)
        return Readings("reality", float(sum(self.rewards)), len(self.rewards), self.over, **read)

    def episode(self, policy: str) -> Episode:
        """The episode up to the last decision, as it is collected. ``policy`` names who drove.

        Raises:
            DataError: No decision was taken yet.
        """
        if not self._codes:
            raise DataError("nothing was driven in reality yet; drive there first")
        n, ended = len(self._codes), self._terminated
        return Episode(
            frames=np.stack(self._frames),
            actions=np.stack(self._codes).astype(np.float32),
            rewards=np.array(self._decision_rewards, np.float32),
            targets=np.array(self._targets, np.float32),
            terminated=np.array([False] * (n - 1) + [ended]),
            truncated=not ended,
            seed=self.seed,
            env_id=self.player.task.played_env_id(self.player.env.renderer or "fast"),
            policy=policy,
            task=self.player.task.name,
        )

    def close(self) -> None:
        """Closes the game."""
        self.env.close()


def _make_env(player: Player) -> FrameSkip:
    """The game one step at a time, with pictures where it has any."""
    renderer = player.env.renderer or "fast"
    env = player.task.make_env(renderer, frame_skip=1, max_steps=player.max_steps)
    if "rgb_array" not in env.metadata.get("render_modes", ()):  # a game may draw nothing but its observation
        return env
    env.close()
    return player.task.make_env(renderer, "rgb_array", frame_skip=1, max_steps=player.max_steps)
