from tfrecords_builder.cli import app
from tfrecords_builder.terminal import run_app


def call(*arguments: object) -> int:
    return run_app(app, list(map(str, arguments)))


def test_select(catalogue, tmp_path, capsys):
    out = tmp_path / "large.csv"
    assert call("select", "--csv", catalogue[0], "--out", out, "--min-images", 8, "--landmark-range", "0-300") == 0
    assert capsys.readouterr().out == f"{out}: 20 photographs, 2 landmarks\n"
    assert len(out.read_text().splitlines()) == 21
    assert call("select", "--csv", catalogue[0], "--out", out, "--landmarks", "7,1042", "--top-classes", 1) == 0
    assert "12 photographs, 1 landmarks" in capsys.readouterr().out


def test_split(catalogue, tmp_path, capsys):
    line = ("split", "--csv", catalogue[0], "--out", tmp_path, "--split", "test=0.25", "--seed", 3)
    assert call(*line) == 0
    assert "train.csv: 18 photographs, 3 landmarks" in capsys.readouterr().out
    parts = [(tmp_path / f"{name}.csv").read_text().splitlines()[1:] for name in ("train", "test")]
    assert sorted(parts[0] + parts[1]) == sorted(catalogue[0].read_text().splitlines()[1:])


def test_select_writes_a_file_for_each_bin(catalogue, tmp_path, capsys):
    assert call("select", "--csv", catalogue[0], "--out", tmp_path / "bins", "--bins", "10,5") == 0
    assert capsys.readouterr().out == (
        f"{tmp_path}/bins/10_and_more.csv: 12 photographs, 1 landmarks\n"
        f"{tmp_path}/bins/5_to_9.csv: 8 photographs, 1 landmarks\n"
    )
    assert {path.name for path in (tmp_path / "bins").iterdir()} == {"10_and_more.csv", "5_to_9.csv"}


def test_select_by_lot(catalogue, tmp_path, capsys):
    out = tmp_path / "some.csv"
    assert call("select", "--csv", catalogue[0], "--out", out, "--images-per-class", 3, "--seed", 1) == 0
    assert "9 photographs, 3 landmarks" in capsys.readouterr().out
    assert call("select", "--csv", catalogue[0], "--out", out, "--sample-classes", 2, "--sample-images", 5) == 0
    assert out.read_text().count("\n") == 6


def test_duplicates_and_folds(catalogue, tmp_path, capsys):
    line = ("--csv", catalogue[0], "--images", catalogue[1], "--workers", 1)
    assert call("duplicates", *line, "--out", tmp_path / "same") == 0
    assert "0 photographs in 0 groups" in capsys.readouterr().out
    groups = ("--duplicates", tmp_path / "same/duplicates.csv")
    assert call("split", "--csv", catalogue[0], "--out", tmp_path / "folds", "--folds", 3, *groups) == 0
    assert [row.split(": ")[1] for row in capsys.readouterr().out.splitlines()] == ["8 photographs, 3 landmarks"] * 3
    assert call("shards", *line, "--out", tmp_path / "out", "--folds", 3, "--fold", 1, *groups) == 0
    assert "train: 16 photographs in 8 shards\nvalidation: 8 photographs" in capsys.readouterr().out
    assert call("split", "--csv", catalogue[0], "--out", tmp_path, "--folds", 3, "--split", "test=0.1") == 2
    assert "--split 'test=0.1' and --folds 3: a catalogue is divided in one way" in capsys.readouterr().err
    assert call("split", "--csv", catalogue[0], "--out", tmp_path, "--folds", 3, "--fold", 3) == 2
    assert "fold=3: 3 folds count from 0 to 2" in capsys.readouterr().err
