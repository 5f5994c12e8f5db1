"""What τ does: python docs/temperatures.py WORLD_MODEL FOLDER [TEMPERATURE ...].

A controller is evolved at each temperature in the dream of WORLD_MODEL, with the settings of its task's quick preset.
It then plays 100 fresh episodes of the stock game, and as many dreams at its temperature. FOLDER gets the searches,
the scores and the plot, temperatures.png. Stopped anywhere, the same command goes on.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from dreamgym.envs.loading import load_world_model
from dreamgym.evaluation.evaluate import evaluate
from dreamgym.evaluation.scores import Evaluation, load_evaluations, save_evaluations
from dreamgym.evolution.train import train_controller
from dreamgym.pipeline.settings import preset_settings
from dreamgym.play.settings import EnvSettings
from dreamgym.running.files import write_figure

TEMPERATURES = (0.1, 0.5, 1.0, 1.15, 1.3)  # the paper's
EPISODES = 100


def scores_at(temperature: float, world_model: str, folder: Path) -> list[Evaluation]:
    """The scores in the stock game and in the dream of a controller that is trained at a temperature."""
    settings = preset_settings("quick", load_world_model(world_model).task).controller
    env = EnvSettings(world_model=world_model)
    train_controller(env, folder, replace(settings, temperature=temperature))
    scores = folder / f"evaluation-{EPISODES}.json"
    if not scores.is_file():
        controller, label = str(folder / "best.npz"), f"τ {temperature:g}"
        dream = replace(env, env="dream", temperature=temperature)
        save_evaluations(scores, [evaluate(controller, e, episodes=EPISODES, label=label) for e in (env, dream)])
    return load_evaluations(scores)


def draw(rows: Sequence[tuple[float, Sequence[Evaluation]]], path: Path) -> None:
    """Plots mean and standard deviation of the real score and the dream's against the temperature."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for number, (label, colour) in enumerate((("the game", "tab:red"), ("the dream", "tab:blue"))):
        scores = [(temperature, pair[number].mean, pair[number].sd) for temperature, pair in rows]
        temperatures, means, deviations = zip(*scores, strict=True)
        axes.errorbar(temperatures, means, deviations, fmt="o-", capsize=3, label=label, color=colour)
    axes.set(xlabel="τ in training", ylabel="score, mean and standard deviation")
    axes.grid(alpha=0.3)
    axes.legend()
    write_figure(path, figure)


def main(world_model: str, folder: Path, temperatures: Sequence[float]) -> None:
    """Makes the table and the plot."""
    rows = [
        (temperature, scores_at(temperature, world_model, folder / f"{temperature:g}")) for temperature in temperatures
    ]
    draw(rows, folder / "temperatures.png")
    for temperature, (real, dream) in rows:
        print(f"| {temperature:g} | {dream.mean:.0f} ± {dream.sd:.0f} | {real.mean:.0f} ± {real.sd:.0f} |")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [float(word) for word in sys.argv[3:]] or TEMPERATURES)
