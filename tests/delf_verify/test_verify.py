import csv
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from delf_verify import verify
from delf_verify.comparison_job import Parts
from delf_verify.config import VerifyConfig, default_config
from delf_verify.decision import Thresholds, save_thresholds
from delf_verify.inputs import read_predictions
from delf_verify.sources import FolderSource
from delf_verify.verified_files import read_record, read_refused, read_verified
from delf_verify.verify import Photographs, verify_batch
from tfrecords_builder.catalog import read_photographs
from tfrecords_builder.folder_lock import hold_lock

ROOT = Path(__file__).resolve().parents[2]
# Textures of 240 pixels agree by chance in more places, 20 pixels wide, than photographs do.
RULE = Thresholds(max_inliers=60, mean_inliers=40, distractor_inliers=20)
FILES = ("verified.csv", "verified.parquet", "reranked.csv", "evidence.csv", "refused.csv", "verify.json")


def run(
    world: SimpleNamespace,
    out: Path,
    *,
    predictions: pd.DataFrame | None = None,
    index: pd.DataFrame | None = None,
    config: VerifyConfig | None = None,
    similar: dict[tuple[str, int], list[str]] | None = None,
    workers: int = 1,
) -> pd.DataFrame:
    return verify_batch(
        predictions=read_predictions(world.predictions) if predictions is None else predictions,
        index=read_photographs(world.index_csv) if index is None else index,
        queries=Photographs(source=FolderSource(world.queries), name=str(world.queries)),
        index_images=Photographs(source=FolderSource(world.index), name=str(world.index)),
        features="sift",
        out_dir=out,
        config=config or default_config("sift").with_thresholds(RULE),
        similar=similar,
        workers=workers,
    )


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def finished(verify_world: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "out"
    run(verify_world, out)
    return out


@pytest.fixture
def own_world(verify_world: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """A copy whose photographs may be damaged."""
    root = tmp_path / "world"
    shutil.copytree(verify_world.root, root)
    return SimpleNamespace(**{name: root / path.name for name, path in vars(verify_world).items()} | {"root": root})


def test_right_predictions_are_confirmed_and_others_are_not(finished: Path) -> None:
    table = read_verified(finished).set_index("id")
    right = [name for name in table.index if name.startswith("query")]
    assert set(table.loc[right, "verdict"]) == {"confirmed"}
    assert set(table.loc[["distractor0", "distractor1", "wrong"], "verdict"]) == {"distractor"}
    assert table.loc["query10x0", "best_image_id"].startswith("index10x")
    assert table.loc["query10x0", "images_compared"] == 3


def test_what_cannot_be_compared_is_unverified_with_its_reason(finished: Path) -> None:
    table = read_verified(finished).set_index("id")
    assert table.loc["nothing", "verdict"] == table.loc["unknown", "verdict"] == "unverified"
    assert table.loc["nothing", "reason"] == "no prediction was made"
    assert table.loc["unknown", "reason"] == "landmark 40 has no index image"
    assert np.isnan(table.loc["unknown", "max_inliers"]) and table.loc["unknown", "best_image_id"] == ""


def test_maximum_and_mean_are_those_of_the_evidence(finished: Path) -> None:
    """Recomputed by a slow loop; the mean is over the images compared (seed 003)."""
    inliers: dict[str, list[int]] = {}
    with (finished / "evidence.csv").open() as file:
        for row in csv.DictReader(file):
            inliers.setdefault(row["id"], []).append(int(row["inliers"]))
    for row in read_verified(finished).itertuples():
        if row.verdict != "unverified":
            assert row.max_inliers == max(inliers[row.id])
            assert row.mean_inliers == pytest.approx(sum(inliers[row.id]) / 3, abs=1e-6)
            assert row.images_compared == len(inliers[row.id])


def test_rows_keep_the_order_of_the_predictions(verify_world: SimpleNamespace, finished: Path) -> None:
    assert list(read_verified(finished)["id"]) == list(read_predictions(verify_world.predictions)["id"])


def test_the_returned_table_is_the_written_one(verify_world: SimpleNamespace, finished: Path) -> None:
    pd.testing.assert_frame_equal(run(verify_world, finished), read_verified(finished), check_dtype=False)


def test_nothing_is_compared_twice(
    verify_world: SimpleNamespace, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other thresholds decide anew from the evidence that is there."""
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    before = bytes_of(out)
    monkeypatch.setattr(verify, "compare", None)
    run(verify_world, out)
    assert bytes_of(out) == before
    strict = default_config("sift").with_thresholds(Thresholds(max_inliers=10_000, mean_inliers=9_999))
    assert "confirmed" not in set(run(verify_world, out, config=strict)["verdict"])
    assert (out / "evidence.csv").read_bytes() == before["evidence.csv"]


def test_an_interrupted_run_goes_on_to_the_same_bytes(
    verify_world: SimpleNamespace, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = Parts.write, []

    def die_at_the_second(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        write(*arguments)

    out = tmp_path / "out"
    # A few pairs each, so that there are several parts; their rows are the same.
    monkeypatch.setattr("delf_verify.comparison_plan._PAIRS_PER_PART", 4)
    monkeypatch.setattr(Parts, "write", die_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(verify_world, out)
    assert len(list(out.glob("parts-*/*.csv"))) == 1
    monkeypatch.setattr(Parts, "write", write)
    run(verify_world, out)
    assert bytes_of(out) == bytes_of(finished)
    assert not list(out.glob("parts-*"))


def test_parts_of_other_settings_are_not_taken_for_ours(
    verify_world: SimpleNamespace, finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "parts-0123456789abcdef").mkdir(parents=True)
    (out / "parts-0123456789abcdef" / "000000.csv").write_text("query10x0,index10x0,999,999\n")
    run(verify_world, out)
    assert bytes_of(out) == bytes_of(finished)


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one(verify_world: SimpleNamespace, finished: Path, tmp_path: Path) -> None:
    run(verify_world, tmp_path / "out", workers=2)
    assert bytes_of(tmp_path / "out") == bytes_of(finished)


def test_to_stop_early_changes_no_verdict(verify_world: SimpleNamespace, finished: Path, tmp_path: Path) -> None:
    config = replace(default_config("sift").with_thresholds(RULE), stop_early=True)
    stopped, whole = run(verify_world, tmp_path / "out", config=config), read_verified(finished)
    pd.testing.assert_series_equal(stopped["verdict"], whole["verdict"], check_dtype=False)
    confirmed = stopped["verdict"] == "confirmed"
    assert (stopped.loc[confirmed, "images_compared"] == 1).all(), "the first index image has 60 inliers"
    same = ["id", "mean_inliers", "spread", "images_compared", "best_image_id", "reason"]
    pd.testing.assert_frame_equal(stopped.loc[~confirmed, same], whole.loc[~confirmed, same], check_dtype=False)


def test_evidence_that_depends_on_the_thresholds_is_not_used_for_others(
    verify_world: SimpleNamespace, tmp_path: Path
) -> None:
    """A query that was stopped under a lenient rule may need all images under a strict one."""
    lenient, strict = Thresholds(max_inliers=10), Thresholds(max_inliers=10_000, mean_inliers=9_999)
    for name, rules in (("both", (lenient, strict)), ("strict", (strict,))):
        for rule in rules:
            config = replace(default_config("sift").with_thresholds(rule), stop_early=True)
            run(verify_world, tmp_path / name, config=config)
    assert bytes_of(tmp_path / "both") == bytes_of(tmp_path / "strict")


def test_images_of_a_query_s_own(verify_world: SimpleNamespace, tmp_path: Path) -> None:
    similar = {("query10x0", 10): ["index10x2", "index10x0"], ("wrong", 10): ["index10x1", "index10x2"]}
    config = replace(default_config("sift").with_thresholds(RULE), max_index_images=1)
    run(verify_world, tmp_path / "out", config=config, similar=similar)
    compared = pd.read_csv(tmp_path / "out" / "evidence.csv").set_index("id")["image_id"]
    assert compared["query10x0"] == "index10x2" and compared["wrong"] == "index10x1"
    assert compared["query10x1"] == compared["distractor0"], "both are chosen by ids"


def test_the_best_verified_candidate_wins(verify_world: SimpleNamespace, tmp_path: Path) -> None:
    rows = [("query10x0", 20, 0.6), ("query10x0", 10, 0.3), ("query10x0", 40, 0.1), ("distractor0", 10, 0.5)]
    predictions = pd.DataFrame([*rows, ("distractor0", 20, 0.5)], columns=["id", "landmark_id", "score"])
    table = run(verify_world, tmp_path / "out", predictions=predictions)
    assert list(table["verdict"]) == ["distractor", "confirmed", "unverified", "distractor", "distractor"]
    assert (tmp_path / "out" / "reranked.csv").read_text() == "id,landmarks\nquery10x0,10 0.3\ndistractor0,\n"


def test_evidence_that_is_lost_is_said(verify_world: SimpleNamespace, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    lines = (out / "evidence.csv").read_text().splitlines(keepends=True)
    (out / "evidence.csv").write_text("".join(lines[:-3]))
    with pytest.raises(ValueError, match=r"the evidence on query .* is lost: delete .*verify\.json"):
        run(verify_world, out)
    (out / "verify.json").unlink()
    run(verify_world, out)
    assert bytes_of(out) == bytes_of(finished)


def test_two_at_once_are_refused(verify_world: SimpleNamespace, tmp_path: Path) -> None:
    with (
        hold_lock(tmp_path / "out" / ".verify.lock", "never"),
        pytest.raises(OSError, match="another tfland verify is writing"),
    ):
        run(verify_world, tmp_path / "out")


@pytest.mark.parametrize("step", ["write_evidence", "write_refused", "write_parquet", "write_record", "forget_parts"])
def test_a_death_between_two_files_loses_nothing(
    verify_world: SimpleNamespace, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Also where other evidence is in the way: a verification of one prediction went before."""
    out = tmp_path / "out"
    shutil.copytree(finished / "features", out / "features")
    run(verify_world, out, predictions=read_predictions(verify_world.predictions).head(1))
    owner = verify if step == "forget_parts" else verify.files
    calls = []

    def die(*arguments: object, **_: object) -> None:
        calls.append(arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, die)
        with pytest.raises(KeyboardInterrupt):
            run(verify_world, out)
    assert calls
    run(verify_world, out)
    assert bytes_of(out) == bytes_of(finished)
    assert not list(out.glob("parts-*"))


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["features/queries/*.csv", "parts-*/*.csv"])
def test_sigkill_and_resume_give_the_same_bytes(
    verify_world: SimpleNamespace, finished: Path, tmp_path: Path, moment: str
) -> None:
    out = tmp_path / "out"
    save_thresholds(RULE, tmp_path / "rule.yaml")
    command = [sys.executable, "-m", "delf_verify", "verify", "--predictions", verify_world.predictions]
    command += ["--queries", verify_world.queries, "--index-csv", verify_world.index_csv]
    command += ["--index-images", verify_world.index, "--out", out]
    command += ["--thresholds", tmp_path / "rule.yaml", "--workers", "2"]
    process = subprocess.Popen([str(part) for part in command], cwd=ROOT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(out.glob(moment)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert list(out.glob(moment)) or (out / "verify.json").exists()
    run(verify_world, out)
    assert bytes_of(out) == bytes_of(finished)


def test_bad_photographs_are_refused_by_name(own_world: SimpleNamespace, tmp_path: Path) -> None:
    whole = (own_world.queries / "query10x0.jpg").read_bytes()
    (own_world.queries / "query10x0.jpg").unlink()
    (own_world.queries / "query10x1.jpg").write_bytes(b"")
    (own_world.queries / "query20x0.jpg").write_bytes(whole[:300])
    (own_world.queries / "query20x1.jpg").write_bytes(b"<html>not found</html>")
    (own_world.index / "index10x0.jpg").write_bytes(b"")
    for number in range(3):
        (own_world.index / f"index30x{number}.jpg").write_bytes(b"GIF89a")
    table = run(own_world, tmp_path / "out").set_index("id")
    for name, reason in (("10x0", "missing"), ("10x1", "empty"), ("20x0", "truncated"), ("20x1", "not_an_image")):
        assert table.loc[f"query{name}", "verdict"] == "unverified"
        assert f"the query cannot be read: {reason}" in table.loc[f"query{name}", "reason"]
    assert "none of the 3 index images of landmark 30 can be read" in table.loc["query30x0", "reason"]
    assert table.loc["wrong", "images_compared"] == 2, "the readable index images are compared"
    refused = read_refused(tmp_path / "out")
    assert list(refused["role"]) == ["query"] * 4 + ["index"] * 4
    assert read_record(tmp_path / "out")["refused"] == {"query": 4, "index": 4}


def test_a_mended_photograph_is_tried_again(own_world: SimpleNamespace, finished: Path, tmp_path: Path) -> None:
    photograph = own_world.queries / "query10x0.jpg"
    whole = photograph.read_bytes()
    photograph.write_bytes(whole[:100])
    run(own_world, tmp_path / "out")
    photograph.write_bytes(whole)
    run(own_world, tmp_path / "out")
    assert (tmp_path / "out" / "verified.csv").read_bytes() == (finished / "verified.csv").read_bytes()


def test_a_photograph_that_was_replaced_is_not_verified_by_its_old_features(
    own_world: SimpleNamespace, tmp_path: Path
) -> None:
    run(own_world, tmp_path / "out")
    shutil.copy(own_world.queries / "query20x0.jpg", own_world.queries / "query10x0.jpg")
    with pytest.raises(ValueError, match=r"photograph 'query10x0' in .* was replaced\. Delete .*features.queries"):
        run(own_world, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "features" / "queries")
    assert run(own_world, tmp_path / "out").set_index("id").loc["query10x0", "verdict"] == "distractor"


def test_a_query_is_not_compared_with_itself(verify_world: SimpleNamespace, tmp_path: Path) -> None:
    index = read_photographs(verify_world.index_csv)
    own = SimpleNamespace(**vars(verify_world) | {"queries": verify_world.index})
    predictions = pd.DataFrame({"id": ["index10x0", "index20x0"], "landmark_id": [10, 20], "score": [0.5, 0.5]})
    alone = index[(index["landmark_id"] == 10) | (index["id"] == "index20x0")]
    table = run(own, tmp_path / "out", predictions=predictions, index=alone)
    assert list(table["images_compared"]) == [2, 0]
    assert table["best_image_id"].iloc[0] != "index10x0"
    assert table["reason"].iloc[1] == "the only index image of landmark 20 is the query itself"


def test_every_candidate_landmark_is_verified(verify_world: SimpleNamespace, tmp_path: Path) -> None:
    predictions = pd.DataFrame({"id": ["query10x0"] * 2, "landmark_id": [20, 10], "score": [0.6, 0.4]})
    assert list(run(verify_world, tmp_path / "out", predictions=predictions)["verdict"])[1] == "confirmed"


def test_a_query_without_features_is_a_distractor(own_world: SimpleNamespace, tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(own_world.queries / "query10x0.jpg"), np.full((200, 200, 3), 127, np.uint8))
    row = run(own_world, tmp_path / "out").set_index("id").loc["query10x0"]
    assert (row["verdict"], row["max_inliers"], row["images_compared"]) == ("distractor", 0, 3)


def test_a_limit_chooses_by_the_ids_alone(verify_world: SimpleNamespace, tmp_path: Path) -> None:
    index = read_photographs(verify_world.index_csv)
    config = replace(default_config("sift"), max_index_images=2)
    run(verify_world, tmp_path / "one", config=config)
    run(verify_world, tmp_path / "two", config=config, index=index.iloc[::-1])
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    assert set(read_verified(tmp_path / "one")["images_compared"]) == {0, 2}


def test_thresholds_of_another_extractor_are_refused(verify_world: SimpleNamespace, tmp_path: Path) -> None:
    config = default_config("sift").with_thresholds(Thresholds(extractor="delf-x"))
    with pytest.raises(ValueError, match="tuned for the features 'delf-x'"):
        run(verify_world, tmp_path / "out", config=config)


def test_bad_tables_are_refused(verify_world: SimpleNamespace, tmp_path: Path) -> None:
    predictions = read_predictions(verify_world.predictions)
    with pytest.raises(ValueError, match=r"the predictions lack the columns \['score'\]"):
        run(verify_world, tmp_path / "out", predictions=predictions.drop(columns="score"))
    with pytest.raises(ValueError, match="query 'query10x0' is predicted to show landmark 10 twice"):
        run(verify_world, tmp_path / "out", predictions=pd.concat([predictions, predictions.head(1)]))
    hostile = pd.DataFrame({"id": ["../../etc/passwd"], "landmark_id": [10], "score": [0.5]})
    with pytest.raises(ValueError, match="etc/passwd"):
        run(verify_world, tmp_path / "out", predictions=hostile)


def test_no_predictions_at_all_is_no_error(verify_world: SimpleNamespace, tmp_path: Path) -> None:
    empty = read_predictions(verify_world.predictions).head(0)
    assert run(verify_world, tmp_path / "out", predictions=empty).empty
    assert read_verified(tmp_path / "out").empty


@pytest.mark.slow
@pytest.mark.real_data
def test_real_photographs(real_data: Path, tmp_path: Path) -> None:
    """One landmark's queries against its own and against another landmark's photographs."""
    folder = real_data / "landmarks15"
    index = read_photographs(folder / "train.csv")
    views = pd.read_csv(folder / "verification_views.csv", dtype={"id": str})
    mine, other = sorted(views["landmark_id"].unique())[:2]
    queries = views[(views["split"] == "test") & (views["landmark_id"] == mine)]["id"].head(4)
    parts = [pd.DataFrame({"id": queries, "landmark_id": landmark, "score": 0.5}) for landmark in (mine, other)]
    table = verify_batch(
        predictions=pd.concat(parts, ignore_index=True),
        index=index[index["id"].isin(views["id"])],
        queries=Photographs(source=FolderSource(folder / "test"), name="test"),
        index_images=Photographs(source=FolderSource(folder / "train"), name="train"),
        features="sift",
        out_dir=tmp_path / "out",
        config=replace(default_config("sift"), max_index_images=6),
    )
    largest = table.groupby("landmark_id")["max_inliers"].mean()
    assert largest[mine] > 2 * largest[other]
