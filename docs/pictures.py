"""Draws the pictures of V and M in docs/images/: python docs/pictures.py EXPERIMENT BLURRY BAD BAD_MEMORY [COLLAPSED].

EXPERIMENT is a finished quick experiment, BLURRY and BAD are outputs of an undertrained ``dreamgym train-vae``,
BAD_MEMORY is the world model of an undertrained ``dreamgym train-memory``, and COLLAPSED an experiment whose V
collapsed. The page "Good and bad V and M" has the commands.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from dreamgym.data.episodes import Episode
from dreamgym.models.arrays import load_vision
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import read_settings
from dreamgym.report import pictures
from dreamgym.tasks import get_task
from dreamgym.world_model import WorldModel

IMAGES = Path(__file__).parent / "images"
SIDE, GAP, LEFT, TOP = 96, 4, 150, 24


def draw(name: str, columns: Sequence[str], rows: Sequence[tuple[str, np.ndarray]]) -> None:
    """Writes frames in labelled rows and columns as a PNG of few colours."""
    height, width = TOP + len(rows) * (SIDE + GAP), LEFT + len(columns) * (SIDE + GAP)
    sheet = np.full((height, width, 3), 255, np.uint8)
    for place, column in enumerate(columns):
        write(sheet, column, (LEFT + place * (SIDE + GAP), 16))
    for line, (label, frames) in enumerate(rows):
        top = TOP + line * (SIDE + GAP)
        for number, words in enumerate(label.split("|")):
            write(sheet, words, (4, top + SIDE // 2 + 18 * number))
        for place, frame in enumerate(frames):
            left = LEFT + place * (SIDE + GAP)
            sheet[top : top + SIDE, left : left + SIDE] = cv2.resize(frame, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            cv2.rectangle(sheet, (left, top), (left + SIDE - 1, top + SIDE - 1), (210, 210, 210), 1)
    Image.fromarray(sheet).quantize(80, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)
    print(IMAGES / name, (IMAGES / name).stat().st_size)


def write(sheet: np.ndarray, words: str, place: tuple[int, int]) -> None:
    """Writes a few words."""
    cv2.putText(sheet, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (30, 30, 30), 1, cv2.LINE_AA)


def visions(experiment: Experiment, blurry: Path, bad: Path) -> None:
    """Held-out frames, a good V's reconstructions and two bad ones'."""
    episodes = pictures.held_out(experiment.rollouts(4), 0.1, 0, 4)
    frames = pictures.sample_frames(episodes, 6)
    rows = [("the game", frames)]
    for label, path in (("good V", experiment.vision), ("blurry V", blurry), ("undertrained V", bad)):
        vision = load_vision(path)
        error, trivial = pictures.vision_errors(vision, episodes)
        rows.append((f"{label}|error {error:.0f}", pictures.reconstruct(vision, frames)))
    print(f"the mean frame's error: {trivial:.0f}")
    draw("v.png", [""] * len(frames), rows)


def collapsed(experiment: Experiment) -> None:
    """Frames of thin lines on white, and a collapsed V's reconstructions."""
    frames = pictures.sample_frames(pictures.held_out(experiment.rollouts(0), 0.1, 0, 4), 6)
    made = pictures.reconstruct(load_vision(experiment.vision), frames)
    draw("v-collapsed.png", [""] * len(frames), [("the game", frames), ("collapsed V", made)])


def dreams(name: str, models: dict[str, WorldModel], episode: Episode) -> None:
    """A drive, V's view of it, and dreams of it."""
    strips = {label: pictures.dream_strip(model, episode) for label, model in models.items()}
    first = next(iter(strips.values()))
    rows = [("the game", first.real), ("V", first.reconstruction)]
    rows += [(label, strip.dream) for label, strip in strips.items()]
    draw(name, [f"{steps} steps" for steps in first.ahead], rows)


def memories(experiment: Experiment, bad: Path) -> None:
    """A held-out drive, and the dreams of it by a good M, the same one too hot, and an undertrained one."""
    good = WorldModel.load(experiment.round_world_model(4))
    models = {
        "good M": good,
        "good M, hot|tau 2": good.replace(temperature=2.0),
        "undertrained M": WorldModel.load(bad),
    }
    dreams("m.png", models, pictures.held_out(experiment.rollouts(4), 0.1, 0, 1)[0])


def pendulum(experiment: Experiment, better: Path) -> None:
    """A held-out episode of the pendulum, and the dreams of it by a young M and a better one."""
    get_task(read_settings(experiment).task)
    models = {"M, 120 updates": WorldModel.load(experiment.round_world_model(0)), "M again": WorldModel.load(better)}
    dreams("pendulum.png", models, pictures.held_out(experiment.rollouts(0), 0.1, 0, 1)[0])


if __name__ == "__main__":
    finished = Experiment.named(sys.argv[1])
    visions(finished, Path(sys.argv[2]) / "vision.npz", Path(sys.argv[3]) / "vision.npz")
    memories(finished, Path(sys.argv[4]))
    for name in sys.argv[5:]:
        collapsed(Experiment.named(name))
