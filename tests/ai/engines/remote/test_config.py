from __future__ import annotations

import re
from pathlib import Path

import pytest

from cartoon_avatar.ai.engines.remote.config import BadEngines, is_private, read_engines
from tests.ai.engines.remote.conftest import written

GOOD = written("images-edits", "https://api.example.com/v1", private=False)


def read(tmp_path: Path, text: str) -> str:
    """What is wrong with it."""
    file = tmp_path / "engines.toml"
    file.write_text(text)
    with pytest.raises(BadEngines) as caught:
        read_engines(file, {"painted"}, {})
    return str(caught.value)


def test_an_engine_says_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "engines.toml"
    file.write_text(GOOD + written("original", "http://10.0.0.9:5000", style="own"))
    edits, own = read_engines(file, (), {})
    assert (edits.kind, edits.style[0].prompt, edits.private) == ("images-edits", "as clay", False)
    assert (own.kind, own.private) == ("original", True)


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "said"),
    [
        ('url = "https://api.example.com/v1"\n', "", 1, "engine.1.url", "required"),
        ('title = "Clay"', "title = 5", 8, "engine.1.style.1.title", "string"),
        ('title = "Clay"', 'titel = "Clay"', 8, "engine.1.style.1.titel", "not permitted"),
        ('prompt = "as clay"', "", 1, "engine.1", "needs a prompt"),
        ('kind = "images-edits"', 'kind = "magic"', 1, "engine.1", "magic"),
        ("https://api.example.com/v1", "https://10.0.0.9/v1", 4, "engine.1.url", "private = true"),
        ("https://api.example.com/v1", "https://gpu-box/v1", 4, "engine.1.url", "private = true"),
        ("https://api.example.com/v1", "http://api.example.com", 4, "engine.1.url", "https"),
        ("https://api.example.com/v1", "file:///etc", 4, "engine.1.url", "http"),
        ("https://api.example.com/v1", "https://a:b@c.com", 4, "engine.1.url", "user name"),
        ("private = false", 'key = "NO_SUCH_KEY"', 5, "engine.1.key", "NO_SUCH_KEY is not set"),
        ("private = false", 'key = "sk-secret"', 5, "engine.1.key", "match"),
        ("private = false", "daily_cost = 2.5", 1, "engine.1", "needs a price"),
        ("private = false", "places = 0", 5, "engine.1.places", "greater"),
        ('name = "clay"\nkind', 'name = "onnx"\nkind', 2, "engine.1.name", "two of onnx"),
        ('name = "clay"\ntitle', 'name = "painted"\ntitle', 7, "engine.1.style.1.name", "painted"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_wrong_is_named_by_line_and_key(
    tmp_path: Path, old: str, new: str, line: int, key: str, said: str
) -> None:
    assert old in GOOD
    message = read(tmp_path, GOOD.replace(old, new, 1))
    assert f"line {line}: {key}: " in message
    assert said in message
    assert "engines.toml" in message


def test_two_styles_of_one_name_are_refused_wherever_they_are(tmp_path: Path) -> None:
    message = read(tmp_path, GOOD + written("original", "http://10.0.0.9", name="other"))
    assert "line 17: engine.2.style.1.name: there are two styles called clay" in message


def test_no_file_and_no_toml_are_named(tmp_path: Path) -> None:
    assert re.search(r"line 1", read(tmp_path, "engine = ?\n"))
    with pytest.raises(BadEngines, match=r"nowhere\.toml"):
        read_engines(tmp_path / "nowhere.toml", (), {})


@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.4", "::1", "localhost", "gpu.local"])
def test_hosts_of_ones_own_network_are_known(host: str) -> None:
    assert is_private(host)
    assert not is_private("api.openai.com")
    assert not is_private("8.8.8.8")
