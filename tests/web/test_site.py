"""The folder of static files."""

import json
import re
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
import pytest

import dreamgym
from dreamgym.errors import PolicyError, SettingsError, WebError
from dreamgym.policies.controller import LinearController
from dreamgym.web.serve import make_server, serve
from dreamgym.web.site import PAGE_FILES, SiteSettings, write_site
from tests.web.conftest import served


def test_the_shipped_page_is_small_and_whole(tmp_path):
    car = dreamgym.pretrained("car-racing")
    folder = write_site(car.world_model, tmp_path / "site", car.controller)
    assert {path.name for path in folder.iterdir()} == {*PAGE_FILES, "dream.json", "weights.bin"}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 10e6
    description = json.loads((folder / "dream.json").read_text())
    assert (description["fps"], description["max_steps"], len(description["starts"])) == (50, 1000, 24)
    place = description["arrays"]["starts_mu"]
    stored = np.frombuffer((folder / "weights.bin").read_bytes(), "<f4", 24 * 21 * 32, place["offset"])
    np.testing.assert_array_equal(stored.reshape(place["shape"]), car.world_model.starts.mu[description["starts"]])
    types = {name: array["type"] for name, array in description["arrays"].items()}
    assert (types["deconvolution_0"], types["dense"], types["lstm"]) == ("float16", "float16", "float32")


def test_the_page_names_no_other_place(tmp_path, tiny_world_model):
    folder = write_site(tiny_world_model, tmp_path / "site")
    for name in (*PAGE_FILES, "dream.json"):
        if not name.endswith(".wasm"):
            assert not re.search(r"https?://|//cdn", (folder / name).read_text()), name


def test_it_is_written_again_but_not_over_other_files(tmp_path, tiny_world_model):
    folder = tmp_path / "site"
    write_site(tiny_world_model, folder)
    write_site(tiny_world_model, folder, settings=SiteSettings(starts=2, title="A corridor"))
    description = json.loads((folder / "dream.json").read_text())
    assert (description["title"], description["starts"], description["head"]) == ("A corridor", [0, 5], None)
    (folder / "thesis.tex").write_text("")
    with pytest.raises(WebError, match=r"holds 'thesis.tex', which is no part of a page"):
        write_site(tiny_world_model, folder)
    with pytest.raises(WebError, match="is a file"):
        write_site(tiny_world_model, folder / "thesis.tex")


def test_what_does_not_fit_is_refused_before_anything_is_written(tmp_path, tiny_world_model, car_world_model):
    with pytest.raises(WebError, match=r"the page would take .* MB, expected 2 at most"):
        write_site(tiny_world_model, tmp_path / "site", settings=SiteSettings(max_megabytes=2))
    larger = LinearController.zeros(car_world_model)
    with pytest.raises(PolicyError, match="observes 48 numbers, the world model has 12"):
        write_site(tiny_world_model, tmp_path / "site", larger)
    with pytest.raises(SettingsError, match="starts is 0"):
        SiteSettings(starts=0)
    assert not (tmp_path / "site").exists()


def test_the_server_tells_a_browser_what_it_needs(tmp_path, tiny_world_model, capfd):
    with served(write_site(tiny_world_model, tmp_path / "site")) as address:
        for name, kind in (("main.js", "text/javascript"), ("kernel.wasm", "application/wasm"), ("", "text/html")):
            with urllib.request.urlopen(address + name) as answer:
                assert answer.headers["Content-Type"] == kind
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address + "../secret")
        refused.value.close()
        with pytest.raises(WebError, match="name another one with --port"):
            make_server(tmp_path, urllib.parse.urlsplit(address).port)
    assert "main.js" not in capfd.readouterr().err


def test_the_browser_is_opened_until_ctrl_c(tmp_path, monkeypatch, capsys):
    opened = []

    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("socketserver.BaseServer.serve_forever", interrupt)
    serve(tmp_path, 0, open_browser=True)
    assert opened == [capsys.readouterr().out.split()[0]]
