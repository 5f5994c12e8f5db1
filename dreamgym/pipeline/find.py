"""What belongs to a file: its experiment, the world model of a controller, the controller of a world model."""

from pathlib import Path

from dreamgym.pipeline.experiment import Experiment


def find_world_model_of(controller: Path) -> Path | None:
    """The world model of a saved controller: beside it, or in the experiment that it lies in; None if there is none."""
    places = [controller.resolve().parent, *places_of_world_model(controller)]
    return next((path for path in places if (path / "world_model.json").is_file()), None)


def places_of_world_model(controller: Path) -> list[Path]:
    """The folders that a controller's world model may be in, besides the controller's own."""
    folder = controller.resolve().parent
    places = [folder / "world_model"]
    if folder.name.startswith("round-"):
        places.append(Experiment(folder.parent.parent).folder / "world_models" / folder.name)
    return [*places, Experiment(folder.parent).world_model]


def find_controller_of(world_model: Path) -> Path | None:
    """The controller of a saved world model: beside it, or in the experiment that it lies in; None if there is none."""
    folder = world_model.resolve()
    places = [folder / "controller.npz", Experiment(folder.parent).controller]
    if folder.name.startswith("round-"):
        places.insert(1, Experiment(folder.parent.parent).folder / "controller" / folder.name / "best.npz")
    return next((path for path in places if path.is_file()), None)


def find_experiment_of(path: Path) -> Experiment | None:
    """The experiment that a file or folder lies in; None if it lies in none."""
    parents = path.expanduser().resolve().parents
    return next((Experiment(folder) for folder in parents if (folder / "config.json").is_file()), None)
