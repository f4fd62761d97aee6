"""One picture to look at: landmarks in rows, their views in columns, distractors below."""

from pathlib import Path

import cv2
import numpy as np

from tfland.toyworld.catalogue import TEST, TRAIN, Shot, landmark_ids, landmark_names, plan
from tfland.toyworld.config import ToyworldConfig
from tfland.toyworld.layout import image_path
from tfrecords_builder.atomic import atomic_write

CONTACT_SHEET_FILE = "contact_sheet.png"
_THUMB_PX = 160
_LABEL_PX = 20
_GAP_PX = 3


def write_contact_sheet(config: ToyworldConfig, root: Path, *, landmarks: int = 12, columns: int = 8) -> Path:
    """Draws a contact sheet of a finished toyworld into its folder.

    Args:
        config: its settings.
        root: its folder.
        landmarks: rows of landmarks; one row each of unknown buildings and of other things follows.
        columns: photographs in a row; a landmark of few photographs leaves places empty.

    Returns:
        The picture's path.
    """
    shots = plan(config)
    names, ids = landmark_names(config), landmark_ids(config)
    rows = []
    for building in range(min(landmarks, config.landmarks)):
        own = [shot for shot in shots[TRAIN] if shot.building == building]
        title = f"{names[building]}  {ids[building]}  {len(own)} photographs"
        rows.append(_row(root, title, own[:columns], columns))
    unknown = [shot for shot in shots[TEST] if shot.group and not shot.shows_landmark]
    rows.append(_row(root, "queries: buildings that are not in the catalogue", unknown[:columns], columns))
    other = [shot for shot in shots[TEST] if not shot.group]
    rows.append(_row(root, "queries: no building", other[:columns], columns))
    done, data = cv2.imencode(".png", np.vstack(rows))
    path = root / CONTACT_SHEET_FILE
    if not done:
        raise OSError(f"OpenCV could not encode {path}")
    with atomic_write(path, "wb") as file:
        file.write(data.tobytes())
    return path


def _row(root: Path, title: str, shots: list[Shot], columns: int) -> np.ndarray:
    side = _THUMB_PX + 2 * _GAP_PX
    row = np.full((_LABEL_PX + side, columns * side, 3), 255, np.uint8)
    cv2.putText(row, title, (_GAP_PX, _LABEL_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    for column, shot in enumerate(shots):
        thumb = _thumb(image_path(root, shot))
        height, width = thumb.shape[:2]
        top, left = _LABEL_PX + (side - height) // 2, column * side + (side - width) // 2
        row[top : top + height, left : left + width] = thumb
    return row


def _thumb(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise OSError(f"{path} cannot be read: run toyworld again")
    scale = _THUMB_PX / max(picture.shape)
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
