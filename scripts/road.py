"""What each piece of the whole road does, on one experiment's folder."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from agents import cma_es
from agents.curves import Report
from dreamgym import stages
from dreamgym.controls import controls
from dreamgym.data.episodes import list_episodes
from dreamgym.data.latents import LatentEpisode, encode_rollouts
from dreamgym.data.rollouts import collect
from dreamgym.evaluation import EnvName, evaluate, evaluation_seeds, selection_seeds
from dreamgym.experiment import Experiment
from dreamgym.files import write_whole
from dreamgym.policies import LinearController
from dreamgym.population import population_returns
from dreamgym.scores import evaluation_table, load_evaluations, save_evaluations
from dreamgym.stages import load_memory
from dreamgym.tasks import Renderer, Task, get_task
from dreamgym.video import record_comparison
from dreamgym.world_model import WorldModel
from scripts.settings import ControllerSettings, PipelineSettings


@dataclass(frozen=True)
class Road:
    """The pieces; each reads what the ones before left in the folder and gives the figures worth noting.

    Attributes:
        experiment: Where everything lies.
        settings: How everything is done.
        workers: Processes that play the real game.
    """

    experiment: Experiment
    settings: PipelineSettings
    workers: int

    @property
    def task(self) -> Task:
        """What is dreamt of."""
        return get_task(self.settings.task)

    def collect(self, round_: int) -> dict[str, Any]:
        """Plays the real game: at random first, then with the latest controller and noise."""
        first = round_ == 0
        how = self.settings.random if first else self.settings.on_policy
        report = collect(
            self._rollouts(round_),
            task=self.settings.task,
            policy="smoothed" if first else str(self.experiment.controller(round_ - 1) / "latest.npz"),
            episodes=how.episodes,
            episode_length=how.episode_length,
            workers=self.workers,
            seed=self._seed(round_),
            renderer=self.settings.renderer,
            noise=how.noise,
            world_model=None if first else self.experiment.round_world_model(round_ - 1),
        )
        return {"episodes": report.episodes, "failed": len(report.failed)}

    def train_vision(self) -> dict[str, Any]:
        """Trains V on the first round's rollouts."""
        stages.fit_vision(
            self.task,
            list_episodes(self._rollouts(0)),
            self.experiment.vision_training,
            self.settings.vision,
            held_out=self.settings.held_out,
            seed=self.settings.seed,
        )
        return {}

    def encode(self, round_: int) -> dict[str, Any]:
        """Makes latents of a round's rollouts."""
        rollouts = self._rollouts(round_)
        report = encode_rollouts(rollouts, self.experiment.latents(rollouts), stages.load_vision(self._vision))
        return {"episodes": report.episodes}

    def train_memory(self, round_: int) -> dict[str, Any]:
        """Trains the ensemble of Ms on all latents there are, and saves the round's world model with its fidelity."""
        train, held = stages.read_split(self._latents(round_), self._vision, self.settings.held_out, self.settings.seed)
        for member in range(self.settings.controller.members):
            self._train_member(round_, member, train, held)
        world_model = stages.assemble(
            self.task,
            self._vision,
            self._member(round_, 0),
            train,
            n_starts=self.settings.starts,
            start_steps=self.settings.start_steps,
            rewarded=self.settings.rewarded_starts,
            temperature=self.settings.controller.temperature,
            seed=self._seed(round_),
            details={"round": round_},
        )
        folder = world_model.save(self.experiment.round_world_model(round_))
        return stages.measure(world_model, held, folder)

    def train_controller(self, round_: int) -> dict[str, Any]:
        """Evolves C, scoring the search's mean in the real game now and then.

        Where the search's last mean has found what M does not know, and drives far worse than the best so far, it
        still collects the next round's episodes, but the search goes back to the best.
        """
        folder = self.experiment.controller(round_)
        how = replace(self.settings.controller, horizon=min(self.settings.horizon(round_), self.task.horizon))
        trained = evolve(
            self.experiment.round_world_model(round_),
            folder,
            how,
            members=[self._member(round_, n) for n in range(self.settings.controller.members)],
            initial=None if round_ == 0 else self._initial(round_ - 1),
            seed=self._seed(round_),
            selection_seed=self.settings.seed,
            workers=self.workers,
            renderer=self.settings.renderer,
        )
        return {
            "real_score": trained.score,
            "latest_real_score": trained.latest_score,
            "dream_return": trained.fitness,
        }

    def choose(self) -> dict[str, Any]:
        """Keeps the controller that did best on the selection tracks, with the world model it was trained in."""
        best = self._best_round(self.settings.rounds)
        shutil.copytree(self.experiment.round_world_model(best), self.experiment.world_model, dirs_exist_ok=True)
        write_whole(self.experiment.best_controller, (self.experiment.controller(best) / "best.npz").read_bytes())
        return {"round": best}

    def evaluate(self) -> dict[str, Any]:
        """Scores the kept controller on fresh tracks of the stock game and in its dream, beside the controls."""
        how = self.settings
        seeds = evaluation_seeds(how.seed, how.evaluation_episodes)
        controller, world_model = str(self.experiment.best_controller), self.experiment.world_model
        common: dict[str, Any] = {"world_model": world_model, "seeds": seeds, "workers": self.workers}
        label = "trained in the dream" if how.controller.env == "dream" else "trained in the real game"
        real = evaluate(controller, env="real", label=label, **common)
        dream = evaluate(controller, env="dream", label=label, **common)
        rows = [real, dream, *controls(controller, seed=how.seed, **common)]
        save_evaluations(self._scores, rows)
        return {"real": real.mean, "dream": dream.mean}

    def record(self) -> dict[str, Any]:
        """Records real | reconstruction | dream side by side, as mp4 and gif."""
        world_model = WorldModel.load(self.experiment.world_model)
        controller = LinearController.load(self.experiment.best_controller)
        seed = evaluation_seeds(self.settings.seed, 1)[0]
        for suffix, scale in (("mp4", 4), ("gif", 2)):
            path = self.experiment.videos / f"real-reconstruction-dream.{suffix}"
            record_comparison(
                world_model,
                controller,
                seed,
                self.settings.video_steps,
                path,
                renderer=self.settings.renderer,
                scale=scale,
            )
        return {}

    def _train_member(
        self, round_: int, member: int, train: list[LatentEpisode], held_out: list[LatentEpisode]
    ) -> None:
        first = round_ == 0
        stages.fit_memory(
            self.task,
            train,
            held_out,
            self.experiment.memory_training(round_) / f"member-{member}",
            self.settings.memory if first else self.settings.memory_again,
            seed=self._seed(round_) + member,
            start_from=None if first else self._member(round_ - 1, member),
        )

    @property
    def _scores(self) -> Path:
        return self.experiment.evaluation / f"real-{self.settings.evaluation_episodes}.json"

    def _member(self, round_: int, member: int) -> Path:
        return self.experiment.memory_training(round_) / f"member-{member}" / "memory.npz"

    def _initial(self, last: int) -> Path:
        """The controller to go on from after the round ``last``."""
        best = self._best_round(last)
        figures = self.experiment.done(f"{last}-controller")
        lost = self.experiment.done(f"{best}-controller")["real_score"] - figures["latest_real_score"]
        if lost > self.settings.fork:
            return self.experiment.controller(best) / "best.npz"
        return self.experiment.controller(last) / "latest.npz"

    def _best_round(self, last: int) -> int:
        """The round up to ``last`` whose controller did best on the selection tracks."""
        scores = [self.experiment.done(f"{n}-controller")["real_score"] for n in range(last + 1)]
        return int(np.argmax(scores))

    def _rollouts(self, round_: int) -> Path:
        return self.experiment.rollouts(round_, "smoothed" if round_ == 0 else "controller")

    @property
    def _vision(self) -> Path:
        return self.experiment.vision_training / "vision.npz"

    def _latents(self, last_round: int) -> list[Path]:
        return [self.experiment.latents(self._rollouts(n)) for n in range(last_round + 1)]

    def _seed(self, round_: int) -> int:
        """Far from every other round's and every other experiment's."""
        return int(np.random.SeedSequence([self.settings.seed, round_]).generate_state(1)[0] >> 2)


def evolve(
    world_model: Path,
    folder: Path,
    how: ControllerSettings,
    *,
    members: list[Path],
    initial: Path | None,
    seed: int,
    selection_seed: int,
    workers: int,
    renderer: Renderer = "fast",
) -> cma_es.Trained:
    """Evolves C in the dream or in the real game; leaves ``best.npz`` and ``latest.npz`` in the folder.

    Args:
        world_model: The folder of V, M and starts.
        folder: Where the search is saved.
        how: Its settings.
        members: Ms to spread dreams over; the world model's own where there is but one.
        initial: A controller to begin with.
        seed: Of the search.
        selection_seed: Of the tracks that checkpoints are chosen by.
        workers: Processes that play the real game.
        renderer: The real game's, where candidates train in it and where checkpoints are chosen by it.
    """
    known = WorldModel.load(world_model)
    seeds = selection_seeds(selection_seed, how.select_tracks)
    game: EnvName = "real" if renderer == "stock" else "latent"

    def score(parameters: np.ndarray) -> float:
        controller = LinearController(parameters.astype(np.float32), known.task.name, known.codec, head)
        return evaluate(controller, env=game, world_model=world_model, seeds=seeds, workers=workers).mean

    def tell(report: Report) -> None:
        real = "" if report.score is None else f", the mean in the real game {report.score:.0f}"
        if report.score is not None or report.generation % 5 == 0:
            print(f"generation {report.generation}: {report.mean:.1f} ± {report.sd:.1f}{real}", flush=True)

    begun = None if initial is None else LinearController.load(initial)
    head = cma_es.head_name(known, how.head, begun)
    common: dict[str, Any] = {
        "candidates": how.candidates,
        "generations": how.generations,
        "sigma0": how.sigma,
        "seed": seed,
        "head": head,
        "initial": begun,
        "score": score,
        "score_every": how.select_every,
        "on_generation": tell,
    }
    if how.env == "real":
        returns = population_returns(
            world_model, episodes=how.dreams, workers=workers, head=head, max_steps=how.horizon, renderer=renderer
        )
        trained = cma_es.train_in_real(known, folder, returns, **common)
    else:
        trained = cma_es.train_in_dream(
            known,
            folder,
            dreams=how.dreams,
            horizon=how.horizon,
            temperature=how.temperature,
            members=[load_memory(path) for path in members] if len(members) > 1 else (),
            **common,
        )
    latest = LinearController(trained.mean.astype(np.float32), known.task.name, known.codec, head)
    latest.save(folder / "latest.npz")
    return trained


def print_report(experiment: Experiment) -> None:
    """Prints the tables of what happened: round by round, then the scores."""
    console = Console()
    rounds = Table("round", "dream return", "real score, selection tracks", title="rounds")
    number = 0
    while figures := experiment.done(f"{number}-controller"):
        rounds.add_row(str(number), f"{figures['dream_return']:.0f}", f"{figures['real_score']:.0f}")
        number += 1
    console.print(rounds)
    for path in sorted(experiment.evaluation.glob("*.json")):
        console.print(evaluation_table(load_evaluations(path)))
    console.print(f"videos: {experiment.videos}")
