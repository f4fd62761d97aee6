"""What is behind and below a building: sky, skyline, ground and the building's shadow."""

import dataclasses

import cv2
import numpy as np

from tfland.toyworld.architect import Building
from tfland.toyworld.camera import Camera
from tfland.toyworld.light import Light, lit
from tfland.toyworld.materials import ashlar, finish, flat, noise
from tfland.toyworld.palette import Colour, bgr, make_palette, shade

GROUND_M = 48.0
_GROUND_PX = 512
_COARSE = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The place where a building stands.

    Attributes:
        ground: [512, 512, 3] uint8 BGR, 48 m by 48 m, repeated.
        skyline: [N, 4] float: azimuth, half width, height (radians) and tone of each silhouette.
        hills: [M] float, radians, heights of hills at equal steps around.
        land: colour of the hills.
        trees: [T, 3] float: x, y and height in metres.
    """

    ground: np.ndarray
    skyline: np.ndarray
    hills: np.ndarray
    land: Colour
    trees: np.ndarray


def make_surroundings(building: Building, rng: np.random.Generator) -> Surroundings:
    """The place of a building; the same in all its photographs."""
    town = int(rng.integers(0, 70))
    skyline = np.column_stack(
        [
            rng.uniform(-np.pi, np.pi, town),
            rng.uniform(0.015, 0.06, town),
            rng.gamma(3.0, 0.018, town),
            rng.uniform(0.45, 0.8, town),
        ]
    )
    hills = np.abs(np.convolve(rng.normal(0, 1, 80), np.ones(5) / 5, "same")) * rng.uniform(0.0, 0.2)
    count = int(rng.integers(0, 8))
    heights = rng.uniform(0.16, 0.42, count) * building.extent
    width, depth = building.high[0] - building.low[0], building.high[1] - building.low[1]
    # Beside the building rather than before it; its crown is about as wide as 0.6 of its height.
    x = rng.choice([-1, 1], count) * (width / 2 + 0.3 * heights + rng.uniform(0, 0.35, count) * building.extent)
    y = rng.uniform(-0.5, 1.0, count) * depth
    return Surroundings(
        ground=_ground(rng),
        skyline=skyline,
        hills=hills,
        land=bgr(rng.uniform(60, 150), rng.uniform(0.15, 0.4), rng.uniform(0.35, 0.55)),
        trees=np.column_stack([x, y, heights]),
    )


def _ground(rng: np.random.Generator) -> np.ndarray:
    kind = rng.choice(["paving", "grass", "sand"], p=[0.5, 0.35, 0.15])
    size = _GROUND_PX
    if kind == "paving":
        grey = make_palette(str(rng.choice(["grey_granite", "sandstone", "basalt", "rose"])), rng)
        soft = tuple(0.6 * c + 0.4 * 140 for c in grey.wall)
        stone = dataclasses.replace(grey, wall=soft, second=shade(soft, 0.8))  # type: ignore[arg-type]
        return ashlar(size, size, stone, rng, rng.uniform(10, 22))
    colour = bgr(rng.uniform(75, 110), 0.45, 0.5) if kind == "grass" else bgr(40, 0.3, 0.75)
    gain = 1 + noise(size, size, 40, rng, 0.16) + noise(size, size, 6, rng, 0.14)
    return finish(flat(size, size, colour) * gain[..., None])


def draw_backdrop(
    canvas: np.ndarray, place: Surroundings, camera: Camera, light: Light, rng: np.random.Generator
) -> None:
    """Paints sky, hills, skyline and ground over the whole canvas [H, W, 3] uint8 BGR."""
    draw_sky(canvas, camera, light, rng)
    _draw_hills(canvas, place, camera, light)
    _draw_skyline(canvas, place, camera, light)
    _draw_ground(canvas, place.ground, camera, light)


def draw_sky(canvas: np.ndarray, camera: Camera, light: Light, rng: np.random.Generator) -> None:
    """Paints the sky and its clouds over the whole canvas, also below the horizon."""
    height, width = canvas.shape[0] // _COARSE + 1, canvas.shape[1] // _COARSE + 1
    elevation = _rows_and_columns(camera.elevation_plane(), height, width)
    high = np.clip(elevation * 1.5, 0, 1)[..., None]
    sky = np.array(light.sky_low, np.float32) * (1 - high) + np.array(light.sky_top, np.float32) * high
    if light.clouds > 0.1:
        cover = noise(height, width, width / 4, rng) + noise(height, width, width / 14, rng, 0.5)
        cover += noise(height, width, width / 40, rng, 0.25)
        share = np.clip((cover + light.clouds - 0.55) * 1.6, 0, 0.85)[..., None]
        cloud = (
            np.array(light.sky_low, np.float32) * 0.35 + np.array(lit(light, (255, 255, 255), 0.9), np.float32) * 0.65
        )
        sky = sky * (1 - share) + cloud * share
    size = (canvas.shape[1], canvas.shape[0])
    cv2.resize(finish(sky), size, dst=canvas, interpolation=cv2.INTER_LINEAR)


def _rows_and_columns(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """[H, W] float32, a plane (a, b, c) of the canvas at every `_COARSE`-th pixel."""
    y = np.arange(height, dtype=np.float32)[:, None] * _COARSE
    x = np.arange(width, dtype=np.float32)[None, :] * _COARSE
    return (plane[0] * x + plane[1] * y + plane[2]).astype(np.float32)


def _directions(azimuth: np.ndarray, height: np.ndarray) -> np.ndarray:
    return np.column_stack([np.sin(azimuth), np.cos(azimuth), np.tan(height)])


def _fill_far(canvas: np.ndarray, camera: Camera, directions: np.ndarray, colour: Colour) -> None:
    """Fills a polygon of things so far away that only their direction matters."""
    outline = camera.polygon(camera.position + 1000.0 * directions)
    if len(outline) >= 3:
        cv2.fillPoly(canvas, [np.clip(np.round(outline), -20_000, 20_000).astype(np.int32)], colour)


def _heading(camera: Camera) -> float:
    return float(np.arctan2(camera.rotation[2, 0], camera.rotation[2, 1]))


def _draw_hills(canvas: np.ndarray, place: Surroundings, camera: Camera, light: Light) -> None:
    if place.hills.max() < 0.02:
        return
    steps = np.linspace(-1.3, 1.3, 60) + _heading(camera)
    around = np.linspace(-np.pi, np.pi, len(place.hills))
    heights = np.interp((steps + np.pi) % (2 * np.pi) - np.pi, around, place.hills)
    outline = np.concatenate([_directions(steps, heights), _directions(steps[::-1], np.full(len(steps), -0.02))])
    colour = np.array(lit(light, place.land)) * 0.45 + np.array(light.sky_low) * 0.55
    _fill_far(canvas, camera, outline, tuple(colour.tolist()))


def _draw_skyline(canvas: np.ndarray, place: Surroundings, camera: Camera, light: Light) -> None:
    heading = _heading(camera)
    for azimuth, half, height, tone in place.skyline:
        if np.cos(azimuth - heading) < 0.5:
            continue
        angles = np.array([azimuth - half, azimuth + half, azimuth + half, azimuth - half])
        colour = np.array(light.sky_low) * (0.5 + 0.4 * tone) + np.array(lit(light, (60, 55, 55))) * 0.25
        outline = _directions(angles, np.array([height, height, -0.02, -0.02]))
        _fill_far(canvas, camera, outline, tuple(np.minimum(colour, 255).tolist()))


def _draw_ground(canvas: np.ndarray, ground: np.ndarray, camera: Camera, light: Light) -> None:
    """Paving or grass that fades into the haze towards the horizon."""
    height, width = canvas.shape[:2]
    coarse = _rows_and_columns(camera.elevation_plane(), height // _COARSE + 1, width // _COARSE + 1)
    # Depth of the ground = camera height / |elevation|; haze thickens with it, and fine paving would flicker.
    share = np.clip(1.15 - np.exp(coarse / camera.position[2] * 45.0), 0, 1) * (coarse < 0)
    first = int(np.argmax(share.any(axis=1)))
    top, bottom = first * _COARSE, min(height, share.shape[0] * _COARSE)
    if not share.any() or top >= height:
        return
    pixels = _GROUND_PX / GROUND_M
    plane = np.array([[1 / pixels, 0, 0], [0, -1 / pixels, 0], [0, 0, 0], [0, 0, 1]])
    shift = np.array([[1, 0, 0], [0, 1, -top], [0, 0, 1]])
    size = (width, bottom - top)
    homography = shift @ camera.matrix() @ plane
    picture = cv2.warpPerspective(ground, homography, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    picture = cv2.multiply(picture, (*lit(light, (1.0, 1.0, 1.0)), 0.0))
    near = cv2.resize(share[first:].astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    region = canvas[top:bottom]
    cv2.blendLinear(picture, np.ascontiguousarray(region), near, 1 - near, dst=picture)
    region[:] = picture


def draw_shadow(canvas: np.ndarray, building: Building, camera: Camera, light: Light) -> None:
    """Darkens the ground where the building hides the sun, or close to its foot."""
    direction = light.sun / light.sun[2]
    mask = np.zeros(canvas.shape[:2], np.uint8)
    for part in building.solids:
        points = np.concatenate([item.polygon for item in part.faces])
        if light.name in ("sun", "golden"):
            points = np.concatenate([points, points - points[:, 2:] * direction])
        flat_hull = cv2.convexHull(np.array(points[:, :2], np.float32))[:, 0]
        if part.low[2] > 0.5 and light.name not in ("sun", "golden"):
            continue
        outline = camera.polygon(np.column_stack([flat_hull, np.zeros(len(flat_hull))]))
        if len(outline) >= 3:
            cv2.fillPoly(mask, [np.clip(np.round(outline), -20_000, 20_000).astype(np.int32)], 255)
    soft = cv2.blur(mask, (9, 9))
    gain = cv2.LUT(soft, np.linspace(255, 150, 256).astype(np.uint8))
    cv2.multiply(canvas, cv2.merge([gain] * 3), dst=canvas, scale=1 / 255)
