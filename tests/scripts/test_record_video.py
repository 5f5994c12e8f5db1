"""The script, from its words to its film."""

import pytest

from scripts import record_video


@pytest.mark.parametrize("words", ["--env compare", "--env dream", "--env latent", "--env real"])
def test_a_film_is_written(tiny_world_model, tmp_path, capsys, words):
    folder = tiny_world_model.save(tmp_path / "world_model")
    output = tmp_path / "films" / "film.gif"
    record_video.main(
        ["--policy", "random", "--world-model", str(folder), "--output", str(output), "--steps", "5", *words.split()]
    )
    assert output.stat().st_size > 500
    assert str(output) in capsys.readouterr().out


def test_another_kind_of_film_is_refused_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        record_video.main(["--policy", "random", "--task", "tests.tiny_game:TINY_TASK", "--output", "film.avi"])
    assert ended.value.code == 2
    assert "expected a name that ends in .mp4 or .gif" in capsys.readouterr().err
