"""Playing a real game, with V and M watching where the policy looks through them; no TensorFlow."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dreamgym import convolution
from dreamgym.actions import ActionCodec
from dreamgym.blas import one_thread
from dreamgym.data.episodes import Episode, encode_episode, encode_png
from dreamgym.dynamics import lstm_step, sample_posterior
from dreamgym.errors import PolicyError
from dreamgym.policies import LinearController, NoisyPolicy, Policy, load_policy
from dreamgym.resolve import resolve_task
from dreamgym.tasks import Renderer, Task, get_task
from dreamgym.world_model import WorldModel, find_folder

Keep = Literal["score", "episode", "file"]


class BatchFollower:
    """V and M along n real games in step: what each of their players observes.

    Attributes:
        z: ``(n, Z)`` float32, drawn from V's posterior.
        h: ``(n, H)`` float32; it has seen everything before ``z``.
        c: ``(n, H)`` float32.
    """

    z: np.ndarray
    h: np.ndarray
    c: np.ndarray

    def __init__(self, world_model: WorldModel):
        self.world_model = world_model

    def reset(self, frames: np.ndarray, rngs: Sequence[np.random.Generator]) -> np.ndarray:
        """Begins n games.

        Args:
            frames: The first ones, ``(n, 64, 64, 3)`` uint8.
            rngs: What draws each game's z.

        Returns:
            Observations ``(n, Z + H)`` float32, a new array.
        """
        self.rngs = list(rngs)
        self.h = np.zeros((len(frames), self.world_model.hidden_size), np.float32)
        self.c = np.zeros_like(self.h)
        return self._look(frames)

    def step(self, frames: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Follows a step of every game.

        Args:
            frames: What the actions led to, ``(n, 64, 64, 3)`` uint8.
            codes: The coded actions, ``(n, A)``.

        Returns:
            Observations ``(n, Z + H)`` float32, a new array.
        """
        codes = np.asarray(codes, np.float32)
        with one_thread():
            self.h, self.c = lstm_step(np, self.world_model.memory, self.z, codes, self.h, self.c)
        return self._look(frames)

    def keep(self, games: Sequence[int]) -> None:
        """Forgets all games but these, given by their places."""
        self.z, self.h, self.c = self.z[games], self.h[games], self.c[games]
        self.rngs = [self.rngs[i] for i in games]

    def _look(self, frames: np.ndarray) -> np.ndarray:
        mu, logvar = convolution.encode(self.world_model.vision, frames)
        normal = np.stack([rng.standard_normal(mu.shape[1], np.float32) for rng in self.rngs])
        self.z = sample_posterior(np, mu, logvar, normal)
        return np.concatenate([self.z, self.h], axis=1)


class LatentFollower:
    """V and M along one real game: what its player observes."""

    def __init__(self, world_model: WorldModel):
        self._batch = BatchFollower(world_model)

    @property
    def z(self) -> np.ndarray:
        """``(Z,)`` float32."""
        return self._batch.z[0]

    @property
    def h(self) -> np.ndarray:
        """``(H,)`` float32; it has seen everything before ``z``."""
        return self._batch.h[0]

    @property
    def c(self) -> np.ndarray:
        """``(H,)`` float32."""
        return self._batch.c[0]

    def reset(self, frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Begins a game; gives the first observation, ``(Z + H,)`` float32, a new array."""
        return self._batch.reset(frame[None], [rng])[0]

    def step(self, frame: np.ndarray, action_code: np.ndarray) -> np.ndarray:
        """Follows a step: the frame that a coded action led to; gives the next observation, a new array."""
        return self._batch.step(frame[None], action_code[None])[0]


@dataclass(frozen=True)
class Played:
    """What came of one episode.

    Attributes:
        seed: The episode's.
        score: The sum of the game's own rewards.
        length: Its steps.
        terminated: Whether the game ended it.
        episode: All of it, if that was to be kept.
        content: All of it as the content of an episode's file, if that was to be kept.
    """

    seed: int
    score: float
    length: int
    terminated: bool
    episode: Episode | None = None
    content: bytes | None = None


class _Game:
    """One episode under way."""

    def __init__(self, task: Task, policy: Policy, seed: int, renderer: Renderer, keep: Keep):
        self.task, self.policy, self.seed, self.keep, self.record = task, policy, seed, keep, keep != "score"
        self.env = task.make_env(renderer, blind=not (self.record or policy.needs_latents))
        self.codec = ActionCodec(self.env.action_space)
        self.rewards: list[float] = []
        self.frames: list[Any] = []
        self.codes: list[np.ndarray] = []
        self.targets: list[float] = []
        self.terminated = self.over = False

    def reset(self, options: Mapping[str, Any] | None) -> None:
        observation, _ = self.env.reset(seed=self.seed, options=None if options is None else dict(options))
        self.policy.reset(self.seed)
        self._see(observation)

    def step(self, code: np.ndarray, last: bool) -> None:
        observation, reward, terminated, truncated, _ = self.env.step(self.codec.decode(code))
        self.rewards.append(float(reward))
        self.terminated, self.over = bool(terminated), bool(terminated or truncated or last)
        if self.record:
            self.codes.append(code)
            self.targets.append(float(self.task.target(self.env, float(reward), self.terminated)))
        self._see(observation)

    def _see(self, observation: Any) -> None:
        if self.record or self.policy.needs_latents:
            self.frame = self.task.frame(observation)
        if self.record:
            # A frame is packed while it is at hand: the memory of a whole episode's takes longer to get than to fill.
            self.frames.append(encode_png(self.frame) if self.keep == "file" else self.frame)

    def finish(self) -> Played:
        self.env.close()
        played = Played(self.seed, sum(self.rewards), len(self.rewards), self.terminated)
        if self.keep == "file":
            return replace(played, content=encode_episode(self._episode(np.empty(0, np.uint8)), pngs=self.frames))
        return replace(played, episode=self._episode(np.stack(self.frames))) if self.record else played

    def _episode(self, frames: np.ndarray) -> Episode:
        terminated = np.zeros(len(self.rewards), bool)
        terminated[-1] = self.terminated
        return Episode(
            frames=frames,
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


def play_episodes(
    task: Task,
    policy: Policy,
    seeds: Sequence[int],
    *,
    world_model: WorldModel | None = None,
    renderer: Renderer = "fast",
    max_steps: int | None = None,
    start_options: Mapping[str, Any] | None = None,
    keep: Keep = "score",
) -> list[Played]:
    """Plays one episode of the real game a seed, in this process.

    A seed decides its episode alone: the env's reset, the policy's draws and the noise of z. A linear
    controller, noisy or not, plays all episodes in step, so that V and M see them as a batch; its results
    depend on which ones run together by float rounding only. Any other policy plays them one by one.

    Args:
        task: The game.
        policy: Who plays.
        seeds: One an episode.
        world_model: What the policy looks through, if it looks.
        renderer: ``fast`` or ``stock``.
        max_steps: Where to truncate before the task's horizon.
        start_options: Options for the env's reset.
        keep: The scores alone; or each ``episode`` with its frames, actions, rewards and targets; or the same as the
            content of its ``file``, which takes a tenth of the memory.

    Raises:
        PolicyError: The policy looks, and there is no world model or one of another size.
    """
    check_eyes(policy, world_model)
    inner = policy.policy if isinstance(policy, NoisyPolicy) else policy
    groups = [seeds] if isinstance(inner, LinearController) else [[seed] for seed in seeds]
    played: list[Played] = []
    for group in groups:
        games = [_Game(task, copy.copy(policy), seed, renderer, keep) for seed in group]
        for game in games:
            game.reset(start_options)
        _play_together(games, world_model if policy.needs_latents else None, max_steps or task.horizon)
        played += [game.finish() for game in games]
    return played


def _play_together(games: list[_Game], world_model: WorldModel | None, max_steps: int) -> None:
    follower, observations = None, None
    if world_model is not None and games:
        follower = BatchFollower(world_model)
        rngs = [np.random.default_rng([game.seed, 4]) for game in games]
        observations = follower.reset(np.stack([game.frame for game in games]), rngs)
    step = 0
    while games:
        step += 1
        codes = _choose(games, observations)
        for game, code in zip(games, codes, strict=True):
            game.step(code, last=step == max_steps)
        left = [i for i, game in enumerate(games) if not game.over]
        games = [games[i] for i in left]
        if follower is not None and games:
            if len(left) < len(codes):
                follower.keep(left)
            frames = np.stack([game.frame for game in games])
            observations = follower.step(frames, np.stack([codes[i] for i in left]))


def _choose(games: list[_Game], observations: np.ndarray | None) -> Sequence[np.ndarray]:
    policy = games[0].policy
    if isinstance(policy, LinearController):
        return [
            game.codec.encode(game.codec.decode(c)) for game, c in zip(games, policy.codes(observations), strict=True)
        ]
    rows = [None] * len(games) if observations is None else list(observations)
    return [game.codec.encode(game.policy(row)) for game, row in zip(games, rows, strict=True)]


def check_eyes(policy: Policy, world_model: WorldModel | None) -> None:
    """Checks that a policy has what it looks through.

    Raises:
        PolicyError: It looks, and there is no world model or one of another size.
    """
    if not policy.needs_latents:
        return
    if world_model is None:
        raise PolicyError(f"policy {policy.name!r} looks at [z, h]; name the world model that it looks through")
    size = world_model.latent_size + world_model.hidden_size
    inner = policy.policy if isinstance(policy, NoisyPolicy) else policy
    if isinstance(inner, LinearController) and inner.observation_size != size:
        raise PolicyError(f"the controller reads {inner.observation_size} numbers, the world model gives {size}")


@dataclass(frozen=True)
class PlayJob:
    """Episodes for :func:`play_job` to play, here or in a worker.

    Attributes:
        task: A registered name, or ``package.module:TASK``, which a new process can find as well.
        policy: As :func:`dreamgym.policies.load_policy` takes it, or a controller.
        seeds: One an episode.
        world_model: The folder of the one that the policy looks through.
        noise: The scale of smooth noise on the policy's actions; 0 for none.
        renderer: ``fast`` or ``stock``.
        max_steps: Where to truncate before the task's horizon.
        start_options: Options for the env's reset.
        keep: What of the episodes, as in :func:`play_episodes`.
    """

    task: str
    policy: str | LinearController
    seeds: tuple[int, ...]
    world_model: str | None = None
    noise: float = 0.0
    renderer: Renderer = "fast"
    max_steps: int | None = None
    start_options: Mapping[str, Any] | None = None
    keep: Keep = "score"

    def __getstate__(self) -> dict[str, Any]:
        """A controller travels as its numbers: where it arrives, its task may have to be imported first."""
        state = dict(vars(self))
        if isinstance(self.policy, LinearController):
            state["policy"] = (self.policy.parameters, self.policy.codec.to_json(), self.policy.head)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state["policy"], tuple):
            parameters, space, head = state["policy"]
            name = get_task(state["task"]).name
            state["policy"] = LinearController(parameters, name, ActionCodec.from_json(space), head)
        self.__dict__.update(state)


def play_deadline(steps: int, episodes: int = 1) -> float:
    """Seconds after which a worker that plays episodes of so many steps counts as hung: the start, then 0.2 a step."""
    return 120.0 + 0.2 * steps * episodes


def play_job(job: PlayJob) -> list[Played]:
    """Plays a job's episodes, see :func:`play_episodes`; a worker keeps the world model between jobs."""
    world_model = None if job.world_model is None else cached_world_model(job.world_model, job.task)
    task, codec = resolve_task(job.task, world_model)
    policy: Policy = load_policy(job.policy, task, codec) if isinstance(job.policy, str) else job.policy
    if job.noise:
        policy = NoisyPolicy(policy, codec, task.exploration, job.noise)
    return play_episodes(
        task,
        policy,
        job.seeds,
        world_model=world_model,
        renderer=job.renderer,
        max_steps=job.max_steps,
        start_options=job.start_options,
        keep=job.keep,
    )


def cached_world_model(folder: str | Path, task: str | None = None) -> WorldModel:
    """A world model, loaded once a process as long as its folder does not change.

    Args:
        folder: The world model's.
        task: The name of its task, imported first if it is ``package.module:TASK``.
    """
    if task is not None:
        get_task(task)
    path = find_folder(folder)
    stamps = tuple(file.stat().st_mtime_ns for file in sorted(path.iterdir()) if file.is_file())
    return _load_world_model(str(path), stamps)


@lru_cache(maxsize=2)
def _load_world_model(folder: str, stamps: tuple[int, ...]) -> WorldModel:
    return WorldModel.load(folder)
