"""Estimates: more work takes longer, and finished stages correct what is expected of their kind."""

from dataclasses import replace

import pytest

from dreamgym.games.take_cover.task import TAKE_COVER
from dreamgym.pipeline.estimate import disk_bytes, game_step, memory_work, remaining, stage_seconds, steps_of_round
from dreamgym.pipeline.settings import LAPTOP, PAPER, PRESETS, QUICK, preset_settings
from dreamgym.pipeline.stage import stage_names
from dreamgym.play.settings import CollectSettings


@pytest.mark.parametrize("settings", PRESETS.values(), ids=PRESETS)
def test_every_stage_takes_time(settings):
    seconds = {name: stage_seconds(settings, 2, name) for name in stage_names(settings.rounds)}
    assert (seconds.pop("choose") > 0) == (settings.rounds > 0), "the paper's only controller has no calmer head"
    assert all(value > 0 for value in seconds.values())


def test_selection_takes_the_time_of_its_episodes():
    game = replace(QUICK, finalists=2, final_tracks=32)  # the car's default head has two calmer ones
    assert stage_seconds(game, 2, "choose") == pytest.approx((2 * 3 * 16 + 2 * 32) * 1000 / 800 / 2)
    assert stage_seconds(replace(game, task="tests.tiny_game:TINY_TASK"), 1, "choose") == pytest.approx(
        (2 * 1 * 16 + 2 * 32) * 20 / 800
    )
    assert stage_seconds(replace(game, finalists=1), 2, "choose") == pytest.approx(3 * 16 * 1000 / 800 / 2)


def test_presets_are_ordered():
    times = [remaining(s, 2, stage_names(s.rounds), {}) for s in (QUICK, LAPTOP, PAPER)]
    assert times == sorted(times)
    assert disk_bytes(QUICK) < disk_bytes(LAPTOP) < disk_bytes(PAPER)


def test_workers_and_epochs_count():
    assert stage_seconds(QUICK, 4, "0-collect") == stage_seconds(QUICK, 2, "0-collect") / 2
    assert stage_seconds(QUICK, 0, "0-collect") == stage_seconds(QUICK, 1, "0-collect")
    twice = replace(QUICK, random=CollectSettings(episodes=300, episode_length=600))
    assert stage_seconds(twice, 2, "0-vision") == pytest.approx(2 * stage_seconds(QUICK, 2, "0-vision"))
    assert stage_seconds(QUICK, 2, "6-controller") > stage_seconds(QUICK, 2, "1-controller"), "late dreams are longer"


def test_no_episode_is_longer_than_the_games_horizon():
    short = replace(QUICK, task="tests.tiny_game:TINY_TASK")  # 20 steps, the car's are 1,000
    assert stage_seconds(short, 2, "evaluate") == pytest.approx(2 * 20 * 20 * (1 / 800 + 1 / 2800) / 2)
    assert stage_seconds(short, 2, "0-collect") == pytest.approx(stage_seconds(QUICK, 2, "0-collect") * 20 / 600)
    assert stage_seconds(short, 2, "0-controller") == pytest.approx(
        (30 * 64 * 32 * 20) / 430_000 * memory_work(short) + 2 * 16 * 20 / 800 / 2
    )


def test_only_a_game_with_a_fast_env_has_a_slow_one():
    assert stage_seconds(QUICK, 2, "evaluate") == pytest.approx(2 * 20 * 1000 * (1 / 140 + 1 / 2800) / 2)
    stock = replace(QUICK, renderer="stock")
    assert stage_seconds(stock, 2, "1-collect") > 5 * stage_seconds(QUICK, 2, "1-collect")
    tiny = replace(QUICK, task="tests.tiny_game:TINY_TASK")
    assert stage_seconds(replace(tiny, renderer="stock"), 2, "1-collect") == stage_seconds(tiny, 2, "1-collect")


def test_v_and_m_take_time_once_a_decision():
    step, seen = (game_step(replace(QUICK, frame_skip=skip), observed=True) for skip in (4, 1))
    unseen = game_step(QUICK, observed=False)
    assert step - unseen == pytest.approx((seen - unseen) / 4)


def test_finished_stages_correct_the_ones_of_their_kind_only():
    names = ["1-memory", "1-controller"]
    expected = [stage_seconds(QUICK, 2, name) for name in names]
    done = {"0-memory": 3 * stage_seconds(QUICK, 2, "0-memory")}
    assert remaining(QUICK, 2, names, done) == pytest.approx(3 * expected[0] + expected[1])
    assert remaining(QUICK, 2, names, {}) == pytest.approx(sum(expected))


def test_a_game_that_ends_early_and_a_larger_m_are_counted():
    take_cover = replace(preset_settings("quick", TAKE_COVER), task="take_cover")
    assert steps_of_round(take_cover, 0) == take_cover.random.episodes * TAKE_COVER.usual_length
    assert memory_work(QUICK) == 1
    assert memory_work(take_cover) == pytest.approx((2048 * 576 + 15 * 64 * 512) / (1024 * 288 + 15 * 32 * 256))
