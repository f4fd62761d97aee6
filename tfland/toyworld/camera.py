"""A pinhole camera: world metres to canvas pixels.

World axes: x to the right and y away from somebody in front of the landmark, z up, origin at the landmark's foot.
Camera axes: x right, y down, z forward. Multiple View Geometry (Hartley and Zisserman, 2nd ed.), section 6.1.
"""

import dataclasses
import math

import numpy as np

NEAR_M = 0.3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Camera:
    """Position, direction and lens of one photograph.

    Attributes:
        position: [3] float, metres.
        rotation: [3, 3] float, world to camera; its rows are the camera's axes.
        focal_px: focal length in pixels of the canvas.
        width: canvas width in pixels.
        height: canvas height in pixels.
    """

    position: np.ndarray
    rotation: np.ndarray
    focal_px: float
    width: int
    height: int

    def matrix(self) -> np.ndarray:
        """[3, 4] float, `K [R | -RC]`: homogeneous metres to homogeneous pixels; the third row is depth."""
        intrinsics = np.array([[self.focal_px, 0, self.width / 2], [0, self.focal_px, self.height / 2], [0, 0, 1.0]])
        return intrinsics @ np.column_stack([self.rotation, -self.rotation @ self.position])

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Projects points; those behind the camera get meaningless pixels and a negative depth.

        Args:
            points: [N, 3] float, metres.

        Returns:
            ([N, 2] float, x and y in pixels; [N] float, depth in metres).
        """
        homogeneous = points @ self.matrix()[:, :3].T + self.matrix()[:, 3]
        depth = homogeneous[:, 2]
        safe = np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        return homogeneous[:, :2] / safe[:, None], depth

    def polygon(self, points: np.ndarray) -> np.ndarray:
        """Projects a polygon after cutting off what lies nearer than 0.3 m or behind the camera.

        Args:
            points: [N, 3] float, metres, in order.

        Returns:
            [M, 2] float, pixels; M is 0 when nothing is left.
        """
        cut = clip_near((points - self.position) @ self.rotation.T)
        centre = np.array([self.width / 2, self.height / 2])
        return cut[:, :2] / cut[:, 2:3] * self.focal_px + centre

    def elevation_plane(self) -> np.ndarray:
        """[3] float (a, b, c): a x + b y + c at pixel (x, y) is the upward part of the ray of unit depth.

        It is 0 on the horizon and negative on the ground, where camera height over its absolute value is depth.
        """
        up = self.rotation[:, 2]
        a, b = up[0] / self.focal_px, up[1] / self.focal_px
        return np.array([a, b, up[2] - a * self.width / 2 - b * self.height / 2])


def clip_near(points: np.ndarray, near: float = NEAR_M) -> np.ndarray:
    """Cuts a polygon at the plane z = near (Sutherland and Hodgman, 1974).

    Args:
        points: [N, 3] float, camera coordinates in metres, in order.
        near: metres.

    Returns:
        [M, 3] float, the part with z >= near.
    """
    if (points[:, 2] >= near).all():
        return points
    kept = []
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        if start[2] >= near:
            kept.append(start)
        if (start[2] >= near) != (end[2] >= near):
            kept.append(start + (end - start) * (near - start[2]) / (end[2] - start[2]))
    return np.array(kept).reshape(-1, 3)


def look_at(position: np.ndarray, target: np.ndarray, roll: float) -> np.ndarray:
    """Rotation of a camera that looks from one point at another.

    Args:
        position: [3] float, metres.
        target: [3] float, metres; not straight above or below `position`.
        roll: radians; positive turns the camera clockwise, the picture counter-clockwise.

    Returns:
        [3, 3] float, world to camera.
    """
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    cosine, sine = math.cos(roll), math.sin(roll)
    return np.stack([cosine * right + sine * down, -sine * right + cosine * down, forward])
