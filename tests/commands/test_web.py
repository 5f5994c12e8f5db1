"""``dreamgym web``, as someone types it."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from dreamgym.commands import web
from dreamgym.policies.controller import LinearController
from tests.commands import run_command


def test_a_folder_with_its_controller_becomes_a_page(tiny_world_model, tmp_path, capsys):
    folder, page = tiny_world_model.save(tmp_path / "model"), tmp_path / "page"
    run_command(web, [str(folder), "--output", str(page)])
    assert "nobody drives" in capsys.readouterr().out
    LinearController.zeros(tiny_world_model).save(folder / "controller.npz")
    run_command(web, [str(folder), "--output", str(page), "--starts", "2"])
    printed = capsys.readouterr().out
    assert "MB" in printed
    assert "nobody drives" not in printed
    description = json.loads((page / "dream.json").read_text())
    assert description["head"][0]["name"] == "input"
    assert description["task"] == "tiny_game"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nowhere-at-all", "holds no experiment and 'nowhere-at-all' is no world model"),
        ("car-racing --controller nothing.npz", "controller nothing.npz does not exist"),
        ("car-racing --max-megabytes 1", "expected 1 at most"),
    ],
)
def test_mistakes_end_in_one_line(words, said, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run_command(web, [*words.split(), "--output", str(tmp_path / "page")])
    assert ended.value.code == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1
    assert not (tmp_path / "page").exists()


def test_one_command_serves_the_shipped_dream_until_ctrl_c(tmp_path):
    command = [sys.executable, "-m", "dreamgym", "web", "--serve", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("site: 9")
        address = process.stdout.readline().split()[0]
        try:
            with urllib.request.urlopen(f"{address}dream.json") as answer:
                assert json.load(answer)["task"] == "car_racing"
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
