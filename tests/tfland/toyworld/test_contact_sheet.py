import dataclasses
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tfland.toyworld import ToyworldConfig
from tfland.toyworld.catalogue import TRAIN, plan
from tfland.toyworld.contact_sheet import CONTACT_SHEET_FILE, write_contact_sheet
from tfland.toyworld.layout import image_path

# A row: a line of text, a thumbnail of 160 pixels, 3 pixels around it.
LABEL, SIDE = 20, 166
ROW = LABEL + SIDE


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy that a test may write into."""
    return Path(shutil.copytree(tiny_root, tmp_path / "copy"))


def test_landmarks_come_in_rows_and_distractors_below(tiny_config: ToyworldConfig, root: Path) -> None:
    path = write_contact_sheet(tiny_config, root, landmarks=3, columns=4)
    assert path == root / CONTACT_SHEET_FILE
    picture = cv2.imread(str(path))
    assert picture.shape == ((3 + 2) * ROW, 4 * SIDE, 3)
    for row in range(5):
        assert (picture[row * ROW : row * ROW + LABEL] < 100).any(), "a title"
        assert (picture[row * ROW + LABEL : (row + 1) * ROW] != 255).any(), "a photograph"


def test_every_place_shows_its_photograph(tiny_config: ToyworldConfig, root: Path) -> None:
    """Each landmark's photographs, enlarged by OpenCV and in the order of the plan, are where they should be."""
    picture = cv2.imread(str(write_contact_sheet(tiny_config, root, landmarks=5, columns=4)))
    for building in range(5):
        own = [shot for shot in plan(tiny_config)[TRAIN] if shot.building == building][:4]
        for column, shot in enumerate(own):
            photograph = cv2.imread(str(image_path(root, shot)))
            height, width = (round(side * 160 / 48) for side in photograph.shape[:2])
            top = building * ROW + LABEL + (SIDE - height) // 2
            left = column * SIDE + (SIDE - width) // 2
            expected = cv2.resize(photograph, (width, height), interpolation=cv2.INTER_AREA)
            np.testing.assert_array_equal(picture[top : top + height, left : left + width], expected)


def test_places_without_a_photograph_stay_empty(tiny_config: ToyworldConfig, root: Path) -> None:
    """A landmark has at least 4 photographs, the rarest here exactly 4: its fifth place is white."""
    counts = [sum(shot.building == b for shot in plan(tiny_config)[TRAIN]) for b in range(5)]
    rarest = counts.index(4)
    picture = cv2.imread(str(write_contact_sheet(tiny_config, root, columns=5)))
    assert len(picture) == (5 + 2) * ROW, "no more rows than landmarks"
    thumbs = picture[rarest * ROW + LABEL : (rarest + 1) * ROW]
    assert (thumbs[:, 4 * SIDE :] == 255).all()
    assert (thumbs[:, 3 * SIDE : 4 * SIDE] != 255).any()


def test_without_distractors_their_rows_are_empty(tiny_config: ToyworldConfig, root: Path) -> None:
    config = dataclasses.replace(tiny_config, distractor_share=0.0)
    picture = cv2.imread(str(write_contact_sheet(config, root, landmarks=1, columns=2)))
    assert (picture[ROW + LABEL : 2 * ROW] == 255).all()
    assert (picture[2 * ROW + LABEL :] == 255).all()


def test_a_contact_sheet_of_an_unfinished_world_says_what_is_missing(
    tiny_config: ToyworldConfig, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match=r"cannot be read: run toyworld again"):
        write_contact_sheet(tiny_config, tmp_path)
    assert not (tmp_path / CONTACT_SHEET_FILE).exists()
