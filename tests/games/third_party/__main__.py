"""Runs a few minutes of the pipeline per game, and prints the table of docs/games.md.

python -m tests.games.third_party FOLDER
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dreamgym.commands import main
from dreamgym.data.encode import encode_rollouts
from dreamgym.data.latents import read_latents
from dreamgym.evaluation.scores import Evaluation, load_evaluations
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.training import measure
from dreamgym.play.collect import collect
from dreamgym.play.settings import CollectSettings, EnvSettings
from dreamgym.tasks import get_task
from dreamgym.world_model import WorldModel
from tests.games.third_party import GAMES

EPISODES = 20
FRESH = 40
SHORT = [
    "--rounds=0", "--workers=1", "--random.episodes=30", "--random.episode-length=300",
    "--vision.epochs=2", "--vision.batch-size=32", "--vision.learning-rate=1e-3",
    "--memory.epochs=20", "--memory.batch-size=16", "--memory.sequence-length=30",
    "--controller.generations=10", "--controller.candidates=32", "--controller.dreams=8", "--controller.horizon=100",
    "--controller.select-every=5", "--controller.select-tracks=4",
    f"--evaluation-episodes={EPISODES}", "--video-steps=50",
]  # fmt: skip
COLUMNS = (
    "package",
    "env id",
    "image, actions",
    "windows",
    "NLL: M (N(0, 1), persistence)",
    "reward correlation",
    "C",
    "random",
)


def fresh_fidelity(experiment: Experiment, task: str) -> dict[str, Any]:
    """How well M predicts random episodes that nothing was trained on: the held-out ones are too few."""
    world_model, rollouts, latents = (experiment.folder / name for name in ("world_model", "fresh", "fresh-latents"))
    loaded = WorldModel.load(world_model)
    settings = CollectSettings(episodes=FRESH, episode_length=300)
    collect(rollouts, "smoothed", EnvSettings(task=task), settings, seed=1, workers=1)
    encode_rollouts(rollouts, latents, loaded.vision)
    return measure(loaded, read_latents(latents), experiment.folder)


def row(name: str, experiment: Experiment) -> str:
    """A game's row, from its finished experiment."""
    game = GAMES[name]
    task, memory = get_task(game.task), fresh_fidelity(experiment, game.task)
    scores = {score.label: score for score in load_evaluations(experiment.scores(EPISODES)) if score.env == "real"}
    env = task.make_env("stock")
    image = env.observation_space if task.frame_key is None else env.observation_space[task.frame_key]
    seen = "x".join(map(str, image.shape[:2])) + (f" under `{task.frame_key}`" if task.frame_key else "")
    actions, nll, correlation = env.action_space, memory["nll"], memory["target_correlation"]
    env.close()
    cells = (
        f"{game.distribution} {version(game.distribution)}",
        f"`{task.env_id.rpartition(':')[2]}`",
        f"{seen}, {actions}",
        f"{memory['windows']}",
        f"{nll['memory']:.2f} ({nll['unit_gaussian']:.2f}, {nll['persistence']:.2f})",
        "n/a" if correlation is None else f"{correlation:.2f}",
        _score(scores["trained in the dream"]),
        _score(scores["random"]),
    )
    return f"| {' | '.join(cells)} |"


def _score(score: Evaluation) -> str:
    return f"{score.mean:.2f} ± {score.sd:.2f}"


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    rows = []
    for name in names or GAMES:
        experiment = Experiment(Path(folder) / name)
        main("pipeline", ["--experiment", str(experiment.folder), "--task", GAMES[name].task, *SHORT])
        rows.append(row(name, experiment))
    print(f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *rows, sep="\n")
