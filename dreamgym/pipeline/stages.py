"""Pipeline stages. Each reads earlier stages' outputs from the experiment folder and returns its metrics."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dreamgym.data.episodes import episode_lengths, list_episodes
from dreamgym.data.sequences import check_lengths
from dreamgym.envs.loading import load_world_model
from dreamgym.evaluation.ages import pay_by_age
from dreamgym.evaluation.baselines import baselines
from dreamgym.evaluation.evaluate import evaluate
from dreamgym.evaluation.ranking import rank_correlation
from dreamgym.evaluation.scores import save_evaluations
from dreamgym.evolution.curves import scored_means
from dreamgym.evolution.train import train_controller
from dreamgym.pipeline import training
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.gathering import Gathering
from dreamgym.pipeline.selection import Entrant, entrants, select
from dreamgym.pipeline.settings import PipelineSettings
from dreamgym.pipeline.stage import Stage, stage_names
from dreamgym.pipeline.training import StartSettings
from dreamgym.play.settings import EnvSettings
from dreamgym.policies.controller import LinearController
from dreamgym.running.jobs import Executor
from dreamgym.running.seeding import evaluation_seeds, selection_seeds
from dreamgym.storage.mirror import Mirror
from dreamgym.tasks import Task, get_task
from dreamgym.video.record import VideoSettings, record


@dataclass(frozen=True)
class Pipeline:
    """The stages of one experiment."""

    experiment: Experiment  # the folder
    settings: PipelineSettings  # all settings
    executor: Executor  # does what is many jobs
    mirror: Mirror | None = None  # with the remote that the executor's workers read and write; None if they do not

    @property
    def gathering(self) -> Gathering:
        """Collection and encoding."""
        return Gathering(self.experiment, self.settings, self.executor, self.mirror)

    @property
    def task(self) -> Task:
        """What is dreamt of."""
        return get_task(self.settings.task)

    def stages(self) -> list[Stage]:
        """All stages in order."""
        return [self.stage(name) for name in stage_names(self.settings.rounds)]

    def stage(self, name: str) -> Stage:
        """The stage of a name."""
        number, _, kind = name.rpartition("-")
        round_, at = int(number or 0), self.experiment
        members = range(self.settings.controller.members)
        chosen = [at.world_model, at.controller]
        ensemble = [at.memory(round_, member) for member in members]
        parts: dict[str, tuple[list[Path], list[Path], Callable[[], dict[str, Any]]]] = {
            "collect": (
                [at.round_latest(round_ - 1), at.round_world_model(round_ - 1)] if round_ else [],
                [at.rollouts(round_)],
                partial(self.gathering.collect, round_),
            ),
            "vision": ([at.rollouts(0)], [at.vision], self.train_vision),
            "latents": ([at.rollouts(round_), at.vision], [at.latents(round_)], partial(self.gathering.encode, round_)),
            "memory": (
                [at.vision, *(at.latents(n) for n in range(round_ + 1))]
                + [at.memory(round_ - 1, member) for member in members if round_],
                [*ensemble, at.round_world_model(round_)],
                partial(self.train_memory, round_),
            ),
            "controller": (
                [at.round_world_model(round_), *(path for n in range(round_) for path in at.round_controllers(n))]
                + (ensemble if len(ensemble) > 1 else []),
                [*at.round_controllers(round_)],
                partial(self.train_controller, round_),
            ),
            "choose": (
                [path for n in range(self.settings.rounds + 1) for path in (at.round_world_model(n), at.round_best(n))],
                chosen,
                self.choose,
            ),
            "evaluate": (chosen, [at.scores(self.settings.evaluation_episodes)], self.evaluate),
            "video": (chosen, [at.video("mp4"), at.video("gif")], self.record),
        }
        resumes = {
            "vision": [at.vision_training],
            "memory": [at.memory_training(round_, member) for member in members],
            "controller": [at.search(round_)],
            "choose": [at.selection],
        }
        repeats, shared = kind in ("collect", "latents"), self.gathering.shared(kind, round_)
        return Stage(name, *parts[kind], resumes=resumes.get(kind, parts[kind][1]), shared=shared, repeats=repeats)

    def train_vision(self) -> dict[str, Any]:
        """Trains V on the first round's episodes."""
        episodes = list_episodes(self.experiment.rollouts(0))
        check_lengths(episode_lengths(episodes), self.settings.start_steps)  # M needs them longer than V does
        training.fit_vision(
            self.task,
            episodes,
            self.experiment.vision_training,
            self.settings.vision,
            held_out=self.settings.held_out,
            seed=self.settings.seed,
        )
        return {}

    def train_memory(self, round_: int) -> dict[str, Any]:
        """Trains the ensemble of Ms on all latents so far, saves the round's world model and measures its fidelity."""
        at, how = self.experiment, self.settings
        latents = [at.latents(n) for n in range(round_ + 1)]
        splits = training.read_splits(latents, at.vision, how.held_out, how.seed)
        split = training.join(splits)
        older, recent = training.join(splits[: -how.start_rounds]), training.join(splits[-how.start_rounds :])
        for member in range(how.controller.members):
            training.fit_memory(
                self.task,
                split,
                at.memory_training(round_, member),
                how.memory if round_ == 0 else how.memory_again,
                seed=self.settings.round_seed(round_) + member,
                start_from=None if round_ == 0 else at.memory(round_ - 1, member),
            )
        world_model = training.assemble(
            self.task,
            training.Parts(at.vision, at.memory(round_, 0), recent.train, older.train),
            StartSettings(how.starts, how.start_steps, how.rewarded_starts),
            temperature=how.controller.temperature,
            frame_skip=how.frame_skip,
            seed=self.settings.round_seed(round_),
            details={"round": round_},
        )
        folder = world_model.save(at.round_world_model(round_))
        return training.measure(world_model, split.held_out, folder)

    def train_controller(self, round_: int) -> dict[str, Any]:
        """Evolves C and scores the search's mean in the real game now and then.

        A search's last mean may exploit what M does not know and score far worse than the best controller so far. It
        still collects the next round's episodes, but the next search starts from the best controller.
        """
        at = self.experiment
        trained = train_controller(
            self.settings.env(at.round_world_model(round_)),
            at.search(round_),
            self.settings.search(round_),
            seed=self.settings.round_seed(round_),
            selection_seed=self.settings.seed,
            initial=None if round_ == 0 else self._initial(round_ - 1),
            members=[at.memory(round_, member) for member in range(self.settings.controller.members)],
            workers=self.executor,
        )
        return {
            "real_score": trained.score,
            "latest_real_score": trained.latest_score,
            "standard_error": trained.standard_error,
            "dream_return": trained.fitness,
            **self._yardsticks(round_),
        }

    def _yardsticks(self, round_: int) -> dict[str, dict[str, Any]]:
        """What dreams pay the latest controller by age, and whether they rank controllers as the game does, by τ.

        The controllers are all that were scored so far. Those of earlier rounds were scored with the M of their round,
        and dream in this one.
        """
        at = self.experiment
        world_model = load_world_model(at.round_world_model(round_))
        latest = LinearController.load(at.round_latest(round_))
        temperatures = sorted({0.1, 0.5, 1.0, self.settings.controller.temperature})
        means, scores = map(list, zip(*(scored_means(at.search(n)) for n in range(round_ + 1)), strict=True))
        scored, real = np.concatenate(means), np.concatenate(scores)

        def ranked(t: float) -> float | None:
            return rank_correlation(world_model, scored, real, head=latest.head, temperature=t)

        return {
            "dream_pay": {f"{t:g}": pay_by_age(world_model, latest, temperature=t) for t in temperatures},
            "rank_correlation": {f"{t:g}": ranked(t) for t in temperatures},
        }

    def choose(self) -> dict[str, Any]:
        """Selects a controller and its head by real episodes, and the world model that it was trained in."""
        at, how = self.experiment, self.settings
        rounds = sorted(range(how.rounds + 1), key=self._real_score, reverse=True)[: how.finalists]
        contest = entrants(self.task, [(n, LinearController.load(at.round_best(n))) for n in rounds])
        first = how.controller.select_tracks
        seeds = selection_seeds(how.seed, first + how.final_tracks)

        def play(entrant: Entrant, episodes: Sequence[int]) -> Sequence[float]:
            env = self.settings.env(at.round_world_model(entrant.round))
            return evaluate(entrant.controller, env, seeds=episodes, workers=self.executor, label=entrant.label).returns

        best, scores = select(contest, play, (seeds[:first], seeds[first:]), how.finalists, at.selection)
        shutil.copytree(at.round_world_model(best.round), at.world_model, dirs_exist_ok=True)
        best.controller.save(at.controller)
        return {"round": best.round, "head": best.controller.head, "scores": scores}

    def evaluate(self) -> dict[str, Any]:
        """Scores the selected controller on fresh episodes of the stock game and in its dream, beside the baselines."""
        how, controller = self.settings, str(self.experiment.controller)
        seeds = evaluation_seeds(how.seed, how.evaluation_episodes)
        real = EnvSettings(task=how.task, world_model=str(self.experiment.world_model))
        label = "trained in the dream" if how.controller.env == "dream" else "trained in the real game"
        rows = [
            evaluate(controller, env, seeds=seeds, workers=self.executor, label=label)
            for env in (real, replace(real, env="dream"))
        ]
        rows += baselines(controller, real, seeds=seeds, seed=how.seed, workers=self.executor)
        save_evaluations(self.experiment.scores(how.evaluation_episodes), rows)
        return {"real": rows[0].mean, "dream": rows[1].mean}

    def record(self) -> dict[str, Any]:
        """Films the first evaluated episode: real frames, reconstructions and dream side by side."""
        seed = evaluation_seeds(self.settings.seed, 1)[0]
        for suffix, scale in (("mp4", 4), ("gif", 2)):
            settings = VideoSettings(steps=self.settings.video_steps, scale=scale)
            env, path = self.settings.env(self.experiment.world_model), self.experiment.video(suffix)
            record(str(self.experiment.controller), path, env, settings, seed=seed)
        return {}

    def _initial(self, last: int) -> Path:
        """The controller to continue from after the round ``last``."""
        best = self._best_round(last)
        latest = self.experiment.metrics(f"{last}-controller")["latest_real_score"]
        scored = self.experiment.metrics(f"{best}-controller")
        if scored["real_score"] - latest > self.settings.fork * scored["standard_error"]:
            return self.experiment.round_best(best)
        return self.experiment.round_latest(last)

    def _best_round(self, last: int) -> int:
        return max(range(last + 1), key=self._real_score)

    def _real_score(self, round_: int) -> float:
        return float(self.experiment.metrics(f"{round_}-controller")["real_score"])
