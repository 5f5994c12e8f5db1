"""The page of an experiment: what it shows of a finished, an unfinished and a damaged one, and in a browser."""

import base64
import re
import shutil
from dataclasses import asdict

import numpy as np
import pytest

from dreamgym.commands import status
from dreamgym.data.png import decode_png
from dreamgym.pipeline.experiment import Experiment
from dreamgym.pipeline.settings import PipelineSettings
from dreamgym.pipeline.status import inspect
from dreamgym.report import pictures
from dreamgym.report.write import write_report
from tests.commands import run_command
from tests.report.conftest import TASK


@pytest.fixture(scope="module")
def path(experiment):
    return write_report(experiment, inspect(experiment))


@pytest.fixture
def copy(experiment, tmp_path):
    return Experiment(shutil.copytree(experiment.folder, tmp_path / "copy"))


def headings(text):
    return re.findall(r"<h2>(.*?)</h2>", text)


def test_the_page_shows_every_part(path, experiment):
    text = path.read_text()
    assert path == experiment.report
    assert [heading.split(",")[0] for heading in headings(text)] == [
        "State", "Rounds", "V", "M", "Training", "Scores", "Settings",
    ]  # fmt: skip
    for shown in ("30 of 30 episodes", '<td class="number">0.50</td>', "on-policy", "dreamgym pipeline --experiment"):
        assert shown.replace("on-policy", "on_policy") in text
    assert "tiny &amp; small" in text
    assert "trained in the &lt;dream&gt;" in text
    assert "<dream>" not in text
    assert "cannot be shown" not in text


def test_its_frames_are_those_of_held_out_episodes(path, experiment):
    shown = re.findall(r'base64,([^"]+)" alt="real, frame \d+"', path.read_text())
    frames = np.stack([decode_png(base64.b64decode(png)) for png in shown])
    played = pictures.held_out(experiment.rollouts(0), 0.1, 0, 4)
    np.testing.assert_array_equal(frames, pictures.sample_frames(played, len(frames)))


def test_what_is_not_there_yet_is_left_out(tmp_path):
    experiment = Experiment(tmp_path / "begun")
    experiment.write_config(asdict(PipelineSettings(task=TASK)))
    assert headings(write_report(experiment, inspect(experiment)).read_text()) == ["State", "Settings"]


def test_before_v_the_frames_are_shown_alone(copy):
    for part in ("training", "world_models", "controller", "evaluation", "stages"):
        shutil.rmtree(copy.folder / part)
    text = write_report(copy, inspect(copy)).read_text()
    assert headings(text) == ["State", "V, reconstructions", "Settings"]
    assert "V is not trained yet" in text
    assert 'alt="real, frame 1"' in text
    assert "reconstruction, frame" not in text


@pytest.mark.parametrize(
    ("damaged", "part"),
    [
        ("evaluation/real-2.json", "Scores"),
        ("training/vision/vision.npz", "V, reconstructions"),
        ("training/vision/log.csv", "Training"),
        ("world_models/round-0/memory.npz", "M, dreams against the game"),
        ("controller/round-0/log.csv", "Rounds, dream against real"),
    ],
)
def test_a_damaged_part_says_so_and_the_others_are_shown(copy, experiment, damaged, part):
    (copy.folder / damaged).write_text("a,b\n1,x\n")
    text = write_report(copy, inspect(experiment)).read_text()
    assert len(headings(text)) == 7
    section = text[text.index(f"<h2>{part}") :]
    assert "cannot be shown" in section[: section.index("</section>")]
    assert text.count("cannot be shown") == 1


def test_status_names_the_page_and_does_without_it(copy, capsys):
    run_command(status, [str(copy.folder)])
    shown = capsys.readouterr()
    assert f"report: {copy.report}" in shown.out
    assert shown.err == ""
    copy.report.unlink()
    copy.report.mkdir()
    run_command(status, [str(copy.folder)])
    shown = capsys.readouterr()
    assert "30 of 30 episodes" in shown.out
    assert "next: dreamgym" in shown.out
    assert re.fullmatch(r"warning: .*report\.html was not written \(\w+Error: .*\)\n", shown.err)


def test_the_page_opens_in_a_browser(path, browser):
    heard = []
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    page = context.new_page()
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("request", lambda request: heard.append(request.url))
    try:
        page.goto(path.as_uri())
        assert page.title() == "tiny & small"
        assert page.locator("h2").count() == 7
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        assert page.evaluate("[...document.images].every(image => image.alt)")
        assert page.locator("img.chart").count() >= 5
        hidden = page.get_by_text("kl_tolerance")
        assert not hidden.is_visible()
        page.get_by_text("settings", exact=True).click()
        assert hidden.is_visible()
        page.get_by_role("link", name="Scores").click()
        assert page.evaluate("document.querySelector('#scores').getBoundingClientRect().top") < 800
        page.set_viewport_size({"width": 360, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, "a phone does not scroll sideways"
    finally:
        context.close()
    assert [address for address in heard if not address.startswith("data:")] == [path.as_uri()], "no file but the page"
