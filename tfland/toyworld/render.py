"""Draws a building's faces onto a canvas, each by its homography."""

from collections.abc import Callable

import cv2
import numpy as np

from tfland.toyworld.architect import Building
from tfland.toyworld.camera import NEAR_M, Camera
from tfland.toyworld.facades import Texture
from tfland.toyworld.light import Light, gain
from tfland.toyworld.painting_order import painting_order
from tfland.toyworld.solids import Face

_SHIFT = 4
_LAMP = (90.0, 190.0, 255.0)
# A little less than the exact level of detail: the canvas is larger than the photograph, which smooths again.
_SHARPNESS = 0.35


def draw_building(
    canvas: np.ndarray,
    building: Building,
    texture: Callable[[str], Texture],
    camera: Camera,
    light: Light,
) -> None:
    """Draws a building, the parts farther away first.

    Args:
        canvas: [H, W, 3] uint8 BGR, drawn into.
        building: what to draw.
        texture: gives the texture of a name that the faces use.
        camera: its size must be the canvas's.
        light: of the scene.
    """
    matrix = camera.matrix()
    for index in painting_order(building.solids, camera.position):
        for face in building.solids[index].faces:
            if float(face.normal @ (camera.position - face.polygon[0])) > 0:
                _draw_face(canvas, face, texture(face.texture), camera, matrix, light)


def _outline(face: Face, camera: Camera, matrix: np.ndarray) -> np.ndarray:
    homogeneous = face.polygon @ matrix[:, :3].T + matrix[:, 3]
    if homogeneous[:, 2].min() < NEAR_M:
        return camera.polygon(face.polygon)
    return homogeneous[:, :2] / homogeneous[:, 2:]


def _draw_face(
    canvas: np.ndarray, face: Face, texture: Texture, camera: Camera, matrix: np.ndarray, light: Light
) -> None:
    outline = _outline(face, camera, matrix)
    if len(outline) < 3:
        return
    low = np.floor(np.clip(outline.min(axis=0), 0, (camera.width, camera.height))).astype(int)
    high = np.ceil(np.clip(outline.max(axis=0) + 1, 0, (camera.width, camera.height))).astype(int)
    size = high - low
    if size.min() <= 0:
        return
    mask = np.zeros((size[1], size[0]), np.uint8)
    # Coordinates count from pixel centres, as OpenCV's do: a polygon at x = 0.5 covers pixel 0 from its middle.
    corners = np.round((outline - low - 0.5) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_8, _SHIFT)
    level = _level(outline, texture)
    homography = _texture_to_region(face, texture.pictures[level], matrix, low)
    extent = (int(size[0]), int(size[1]))
    picture = _warp(texture.pictures[level], homography, extent)
    picture = cv2.multiply(picture, (*gain(light, face.normal), 0.0))
    if light.glow > 0:
        glow = _warp(texture.glows[level], homography, extent)
        lamp = tuple(channel * light.glow / 255 for channel in _LAMP)
        picture = cv2.add(picture, cv2.multiply(cv2.merge([glow] * 3), (*lamp, 0.0)))
    region = canvas[low[1] : high[1], low[0] : high[0]]
    if texture.masks:
        mask = cv2.min(mask, _warp(texture.masks[level], homography, extent))
        share = cv2.merge([mask] * 3).astype(np.uint16)
        region[:] = ((picture * share + region * (255 - share)) // 255).astype(np.uint8)
    else:
        cv2.copyTo(picture, mask, region)


def _warp(picture: np.ndarray, homography: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.warpPerspective(picture, homography, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _level(outline: np.ndarray, texture: Texture) -> int:
    """Level of the texture whose pixels are about as large as the canvas's."""
    height, width = texture.pictures[0].shape[:2]
    area = max(1.0, cv2.contourArea(np.array(outline, np.float32)))
    level = 0.5 * np.log2(height * width / area) + _SHARPNESS - 0.5
    return int(np.clip(round(level), 0, len(texture.pictures) - 1))


def _texture_to_region(face: Face, picture: np.ndarray, matrix: np.ndarray, low: np.ndarray) -> np.ndarray:
    """[3, 3] float: pixel centres of the texture to pixel centres of the region that starts at `low`."""
    height, width = picture.shape[:2]
    unit = np.array([[1 / width, 0, 0.5 / width], [0, 1 / height, 0.5 / height], [0, 0, 1]])
    shift = np.array([[1, 0, -low[0] - 0.5], [0, 1, -low[1] - 0.5], [0, 0, 1]])
    return shift @ matrix @ face.from_texture @ unit
