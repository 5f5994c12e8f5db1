"""``dreamgym record``, from its words to its film."""

import pytest

from dreamgym.commands import record
from tests.commands import run_command


@pytest.mark.parametrize("words", ["--env compare", "--env dream", "--env latent", "--env real"])
def test_a_film_is_written(tiny_world_model, tmp_path, capsys, words):
    folder = tiny_world_model.save(tmp_path / "world_model")
    output = tmp_path / "films" / "film.gif"
    run_command(
        record,
        ["--policy", "random", "--world-model", str(folder), "--output", str(output), "--steps", "5", *words.split()],
    )
    assert output.stat().st_size > 500
    assert str(output) in capsys.readouterr().out


def test_another_kind_of_film_is_refused_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run_command(record, ["--policy", "random", "--task", "tests.tiny_game:TINY_TASK", "--output", "film.avi"])
    assert ended.value.code == 2
    assert "expected a name that ends in .mp4 or .gif" in capsys.readouterr().err


def test_the_policys_name_is_enough_where_its_world_model_is_beside_it(tmp_path):
    run_command(record, ["car-racing", "--output", str(tmp_path / "film.gif"), "--steps", "3", "--scale", "1"])
    assert (tmp_path / "film.gif").stat().st_size > 500
