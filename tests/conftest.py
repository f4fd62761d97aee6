"""A tiny world to verify in: textures as landmarks, seen through affine maps."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

SIZE = (180, 240)


def texture(seed: int) -> np.ndarray:
    """A random picture [180, 240, 3] uint8: noise of several coarsenesses, so that no two places look alike."""
    generator = np.random.default_rng(seed)
    canvas = np.zeros((*SIZE, 3), np.float32)
    for step in (9, 20, 40):
        coarse = generator.normal(size=(SIZE[0] // step + 2, SIZE[1] // step + 2, 3)).astype(np.float32)
        canvas += cv2.resize(coarse, (SIZE[1], SIZE[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 38 * canvas, 0, 255).astype(np.uint8)


def view(image: np.ndarray, seed: int) -> np.ndarray:
    """The picture through a random affine map near the identity, a little darker or brighter."""
    generator = np.random.default_rng([7, seed])
    matrix = np.eye(2) + generator.uniform(-0.12, 0.12, (2, 2))
    shift = np.array([SIZE[1] / 2, SIZE[0] / 2]) - matrix @ [SIZE[1] / 2, SIZE[0] / 2] + generator.uniform(-9, 9, 2)
    warped = cv2.warpAffine(image, np.column_stack([matrix, shift]), (SIZE[1], SIZE[0]), borderMode=cv2.BORDER_REFLECT)
    return np.clip(warped * generator.uniform(0.8, 1.2), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def verify_world(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Three landmarks (10, 20, 30) of three index images, two queries each, two distractors; do not change it.

    Query `wrong` shows landmark 20 and is predicted as 10. Landmark 40 is predicted once and has no image.
    """
    root = tmp_path_factory.mktemp("verify_world")
    index_rows, predictions, solution = ["id,landmark_id"], ["id,landmarks"], ["id,landmarks,Usage"]

    def write(folder: str, name: str, image: np.ndarray) -> None:
        (root / folder).mkdir(exist_ok=True)
        cv2.imwrite(str(root / folder / f"{name}.jpg"), image)

    def ask(name: str, image: np.ndarray, predicted: str, shown: str) -> None:
        write("queries", name, image)
        predictions.append(f"{name},{predicted}")
        solution.append(f"{name},{shown},Public")

    for landmark in (10, 20, 30):
        for number in range(3):
            name = f"index{landmark}x{number}"
            write("index", name, view(texture(landmark), number))
            index_rows.append(f"{name},{landmark}")
        for number in range(2):
            ask(
                f"query{landmark}x{number}",
                view(texture(landmark), 50 + number),
                f"{landmark} 0.{landmark + number}",
                str(landmark),
            )
    ask("distractor0", view(texture(900), 0), "10 0.95", "")
    ask("distractor1", view(texture(901), 1), "20 0.05", "")
    ask("wrong", view(texture(20), 60), "10 0.9", "20")
    ask("nothing", view(texture(30), 61), "", "30")
    ask("unknown", view(texture(902), 62), "40 0.5", "")
    for name, rows in (("index.csv", index_rows), ("predictions.csv", predictions), ("solution.csv", solution)):
        (root / name).write_text("\n".join(rows) + "\n")
    return SimpleNamespace(
        root=root,
        queries=root / "queries",
        index=root / "index",
        index_csv=root / "index.csv",
        predictions=root / "predictions.csv",
        solution=root / "solution.csv",
    )


@pytest.fixture(scope="session")
def _verified(verify_world: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from delf_verify.config import default_config
    from delf_verify.decision import Thresholds
    from delf_verify.inputs import read_predictions
    from delf_verify.sources import FolderSource
    from delf_verify.verify import Photographs, verify_batch
    from tfrecords_builder.catalog import read_photographs

    out = tmp_path_factory.mktemp("verified") / "out"
    rule = Thresholds(max_inliers=60, mean_inliers=40, distractor_inliers=20)
    verify_batch(
        predictions=read_predictions(verify_world.predictions),
        index=read_photographs(verify_world.index_csv),
        queries=Photographs(source=FolderSource(verify_world.queries), name=str(verify_world.queries)),
        index_images=Photographs(source=FolderSource(verify_world.index), name=str(verify_world.index)),
        features="sift",
        out_dir=out,
        config=default_config("sift").with_thresholds(rule),
    )
    return out


@pytest.fixture(scope="module")
def verified_folder(_verified: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a verification of `verify_world`, for the reports of one module."""
    folder = tmp_path_factory.mktemp("verified") / "out"
    shutil.copytree(_verified, folder)
    return folder


@pytest.fixture
def real_data() -> Path:
    """The folder of real photographs beside the project; the test is skipped where it is absent."""
    folder = Path(__file__).resolve().parents[1] / "../shared/data"
    if not folder.is_dir():
        pytest.skip(f"no photographs at {folder}")
    return folder
