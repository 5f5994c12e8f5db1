"""An unwritable folder, a full disk, a file where a folder should be: one line, and nothing half-written."""

import resource
import subprocess
import sys

import pytest

from dreamgym.commands import main

TINY = "--task tests.tiny_game:TINY_TASK"
FULL = 1000  # bytes that a file may have: a disk that is full, as far as a process can tell


def dreamgym(words, limit=None, code=2):
    def lower_limit():
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "dreamgym", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, preexec_fn=lower_limit)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("error: ")]


@pytest.fixture(scope="module")
def rollouts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk") / "rollouts"
    main("collect", [str(folder), *TINY.split(), "--episodes", "3", "--workers", "0"])
    return folder


@pytest.mark.parametrize("place", ["/proc/nowhere", "{file}", "{file}/below"])
@pytest.mark.parametrize(
    "words",
    [
        "collect {place} --episodes 2 --workers 0",
        "train-vae --rollouts {rollouts} --output {place} --vision.epochs 1",
        "train-controller --world-model {model} --output {place} --workers 0 --generations 1",
        "evaluate random --episodes 1 --workers 0 --no-controls --output {place}/scores.json",
        "record random --world-model {model} --steps 2 --output {place}/film.gif",
        "pipeline --experiment {place}",
    ],
    ids=lambda words: words.split()[0],
)
def test_a_place_that_cannot_be_written_to_is_named(place, words, tmp_path, tiny_folder, rollouts, capsys):
    (tmp_path / "file").write_text("a file")
    place = place.format(file=tmp_path / "file")
    filled = words.format(place=place, rollouts=rollouts, model=tiny_folder).split()
    with pytest.raises(SystemExit) as ended:
        main(words=[*filled, *TINY.split()])
    assert ended.value.code == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert place in line
    assert (tmp_path / "file").read_text() == "a file"


def test_a_full_disk_ends_a_collection_in_one_line_and_keeps_whole_episodes(tmp_path):
    words = ["collect", tmp_path / "rollouts", *TINY.split(), "--episodes", "8", "--workers", "0"]
    (line,) = dreamgym(words, limit=FULL)
    assert "File too large" in line
    assert not list((tmp_path / "rollouts").glob("*.part"))
    dreamgym(words, code=0)
    assert len(list((tmp_path / "rollouts").glob("episode-*"))) == 8


def test_a_full_disk_ends_training_in_one_line(tmp_path, rollouts):
    words = [
        "train-vae",
        "--rollouts",
        rollouts,
        "--output",
        tmp_path / "vision",
        *TINY.split(),
        "--vision.epochs",
        "1",
    ]
    (line,) = dreamgym(words, limit=100_000)
    assert "File too large" in line
    dreamgym(words, code=0)
    assert (tmp_path / "vision" / "vision.npz").is_file()
