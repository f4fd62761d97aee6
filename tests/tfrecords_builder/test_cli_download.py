import builtins

import pytest

from tfrecords_builder.cli import app
from tfrecords_builder.terminal import run_app


@pytest.fixture
def line(server, reply, scene, encode, write_csv, tmp_path) -> list[object]:
    server.replies["/a"] = reply(encode(scene()))
    csv = write_csv(tmp_path / "t.csv", ("id", "url"), [("aaa1", server.url("/a")), ("aaa2", server.url("/gone"))])
    common = ["--allow-private-hosts", "127.0.0.1", "--contact", "me@example.org", "--out", tmp_path / "out"]
    return ["download", "--csv", csv, *common]


def call(*arguments: object) -> int:
    return run_app(app, list(map(str, arguments)))


def test_failures_end_with_3_and_name_the_list(line, server, tmp_path, capsys):
    assert call(*line) == 3
    said = capsys.readouterr()
    assert said.out == f"{tmp_path / 'out'}: 1 photographs\n"
    assert f"1 failures (1 http_404) are listed in {tmp_path / 'out/failed.csv'}" in said.err
    assert call(*line) == 3
    assert "2 of 2 URLs were finished before" in capsys.readouterr().err
    assert server.count("/gone") == 1


@pytest.mark.parametrize(
    "option", ["--retry-failed", "--retry_failed", "--retry-failed=http_404", "--retry-failed=all"]
)
def test_retry_failed_with_and_without_reasons(line, server, reply, scene, encode, option):
    call(*line)
    server.replies["/gone"] = reply(encode(scene(seed=1)))
    assert call(*line, "--retry-failed=timeout,dns") == 3
    assert server.count("/gone") == 1
    assert call(*line, option) == 0
    assert server.count("/gone") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--contact", "nobody"], "contact='nobody': give a mail address or a web page"),
        (["--contact", "me@example.org\r\nX: y"], "give a mail address or a web page"),
        (["--rate", 0], "rate=0.0: must be positive"),
        (["--retry-failed=nonsense"], "--retry-failed 'nonsense': choose from bad_url"),
        (["--allow-private-hosts", "localhost"], "expected addresses or networks such as 127.0.0.1"),
        (["--archives", "https://example.org/train"], "give either --csv"),
        (["--nonsense"], "No such option"),
    ],
)
def test_bad_options_are_one_sentence_and_nothing_is_asked(line, server, tmp_path, capsys, options, message):
    assert call(*line, *options) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert "Traceback" not in errors
    assert not server.requests
    assert not (tmp_path / "out").exists()


def test_a_contact_is_required(line, server, capsys):
    place = line.index("--contact")
    assert call(*line[:place], *line[place + 2 :]) == 2
    assert "--contact" in capsys.readouterr().err
    assert not server.requests


def test_addresses_that_are_not_public_are_not_asked(line, server):
    place = line.index("--allow-private-hosts")
    assert call(*line[:place], *line[place + 2 :]) == 3
    assert not server.requests


@pytest.mark.parametrize("numbers", ["", "a-b", "1-", "-3"])
def test_numbers_of_archives(tmp_path, capsys, numbers):
    options = ["--archives", tmp_path, "--md5", tmp_path, f"--numbers={numbers}"]
    assert call("download", "--out", tmp_path / "out", "--contact", "me@example.org", *options) == 2
    assert f"--numbers {numbers!r}: expected" in capsys.readouterr().err


def test_archives_that_are_not_there(tmp_path, capsys):
    options = ["--archives", tmp_path, "--md5", tmp_path, "--numbers", "0-1"]
    assert call("download", "--out", tmp_path / "out", "--contact", "me@example.org", *options) == 3
    assert "2 failures (2 no_md5)" in capsys.readouterr().err


def test_without_the_http_library_the_extra_is_named(line, monkeypatch, capsys):
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "aiohttp":
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert call(*line) == 2
    assert "pip install 'tfland[download]'" in capsys.readouterr().err
