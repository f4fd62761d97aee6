import json

import pytest

from tfrecords_builder.json_files import read_object, write_json


def test_what_is_written_is_read_and_the_order_of_keys_does_not_show(tmp_path):
    content = {"b": [1, 2.5, None], "a": {"ä": "text"}}
    write_json(tmp_path / "x.json", content)
    write_json(tmp_path / "y.json", dict(reversed(content.items())))
    assert read_object(tmp_path / "x.json") == content
    text = (tmp_path / "x.json").read_text()
    assert text == (tmp_path / "y.json").read_text() == json.dumps(content, indent=2, sort_keys=True) + "\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{", r"x.json is not JSON: Expecting .*; delete it and run the same command again"),
        (b"\xff", r"x.json is not JSON: .*utf-8"),
        (b"[1]", "x.json must hold a JSON object, not a list; delete it"),
        (b"null", "x.json must hold a JSON object, not a NoneType"),
    ],
)
def test_what_is_no_object_is_refused(tmp_path, data, message):
    (tmp_path / "x.json").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_object(tmp_path / "x.json")


def test_the_caller_says_what_to_do(tmp_path):
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(ValueError, match=r"not a list; choose another --out$"):
        read_object(tmp_path / "x.json", "choose another --out")
    with pytest.raises(FileNotFoundError):
        read_object(tmp_path / "none.json")
