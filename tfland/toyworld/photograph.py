"""Takes one photograph: a scene on a canvas, then what lens, sensor and JPEG do to it."""

import cv2
import numpy as np

from tfland.toyworld.backdrop import draw_backdrop, draw_shadow
from tfland.toyworld.camera import Camera
from tfland.toyworld.config import ToyworldConfig, stream
from tfland.toyworld.distractors import DISTRACTORS
from tfland.toyworld.foreground import draw_branch, draw_people, draw_tree
from tfland.toyworld.light import Light, make_light
from tfland.toyworld.render import draw_building
from tfland.toyworld.viewpoint import azimuth, choose_size, make_camera
from tfland.toyworld.world import SUPERSAMPLING, World, get_world


def photograph_building(config: ToyworldConfig, group: str, index: int, split: str, number: int) -> bytes:
    """JPEG bytes of photograph `number` of a split, which shows building `index` of a group."""
    rng = stream(config.seed, "photograph", split, number)
    world = get_world(config, group, index)
    width, height = choose_size(world.building, config.size, rng)
    angle = azimuth(rng)
    camera = make_camera(world.building, width * SUPERSAMPLING, height * SUPERSAMPLING, angle, rng)
    return develop(draw_scene(world, camera, make_light(rng), rng), rng)


def photograph_distractor(config: ToyworldConfig, split: str, number: int) -> bytes:
    """JPEG bytes of photograph `number` of a split, which shows no building."""
    rng = stream(config.seed, "photograph", split, number)
    short = round(config.size * rng.choice([0.75, 0.75, 1.0]))
    width, height = (config.size, short) if rng.random() < 0.7 else (short, config.size)
    canvas = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING, 3), np.uint8)
    DISTRACTORS[str(rng.choice(list(DISTRACTORS)))](canvas, make_light(rng), rng)
    return develop(canvas, rng)


def draw_scene(world: World, camera: Camera, light: Light, rng: np.random.Generator) -> np.ndarray:
    """[H, W, 3] uint8 BGR: a building in its place, with trees and passers-by."""
    canvas = np.zeros((camera.height, camera.width, 3), np.uint8)
    draw_backdrop(canvas, world.surroundings, camera, light, rng)
    draw_shadow(canvas, world.building, camera, light)
    behind, before = _trees(world, camera)
    for number in behind:
        _draw_tree(canvas, world, number, camera, light)
    draw_building(canvas, world.building, world.texture, camera, light)
    if light.haze > 0.02:
        veil = tuple(channel * light.haze for channel in light.sky_low)
        canvas = cv2.add(cv2.multiply(canvas, (1 - light.haze,) * 4), (*veil, 0.0))
    for number in before:
        _draw_tree(canvas, world, number, camera, light)
    distance = float(np.linalg.norm(camera.position[:2]))
    draw_people(canvas, camera, distance + float(world.building.low[1]), light, rng)
    if rng.random() < 0.1:
        draw_branch(canvas, light, rng)
    return canvas


def _trees(world: World, camera: Camera) -> tuple[list[int], list[int]]:
    """Numbers of the trees behind and before the building's middle, farthest first."""
    trees = world.surroundings.trees
    depth = (trees[:, :2] - camera.position[:2]) @ camera.rotation[2, :2]
    middle = float(-camera.position[:2] @ camera.rotation[2, :2])
    order = [int(i) for i in np.argsort(-depth)]
    return [i for i in order if depth[i] > middle], [i for i in order if 2.0 < depth[i] <= middle]


def _draw_tree(canvas: np.ndarray, world: World, number: int, camera: Camera, light: Light) -> None:
    x, y, height = world.surroundings.trees[number]
    pixel, depth = camera.project(np.array([[x, y, 0.0]]))
    rng = stream(*world.key, "tree", number)
    draw_tree(canvas, tuple(pixel[0]), camera.focal_px * height / depth[0], light, rng)


def develop(canvas: np.ndarray, rng: np.random.Generator) -> bytes:
    """JPEG bytes of a canvas: reduced, blurred, exposed, tinted, with noise; quality 60 to 95."""
    size = (canvas.shape[1] // SUPERSAMPLING, canvas.shape[0] // SUPERSAMPLING)
    picture = cv2.resize(canvas, size, interpolation=cv2.INTER_AREA)
    picture = _blurred(picture, rng)
    values = np.arange(256) / 255
    gamma, exposure = rng.uniform(0.85, 1.2), rng.uniform(0.85, 1.18)
    cast = rng.normal(1.0, 0.035, 3)
    table = np.stack([255 * np.clip(values**gamma * exposure * c, 0, 1) for c in cast], axis=-1)
    picture = cv2.LUT(picture, np.round(table[None]).astype(np.uint8))
    if rng.random() < 0.15:
        grey = cv2.merge([cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)] * 3)
        share = 1.0 if rng.random() < 0.15 else float(rng.uniform(0.3, 0.6))
        picture = cv2.addWeighted(picture, 1 - share, grey, share, 0)
    amount = int(rng.integers(0, 8))
    grain = rng.integers(-amount, amount + 1, picture.shape, dtype=np.int16)
    picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])
    if not done:
        raise OSError(f"OpenCV could not encode a picture of {size[0]} x {size[1]} pixels as JPEG")
    return data.tobytes()


def _blurred(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Most pictures are sharp, a fifth is out of focus a little, a few were shaken."""
    draw, longest = rng.random(), max(picture.shape)
    if draw < 0.2:
        return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.0) * longest / 256)
    if draw < 0.26:
        length = max(3, round(rng.uniform(3, 5) * longest / 256))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), rng.uniform(0, 180), 1)
        kernel = cv2.warpAffine(kernel, turn, (length, length))
        return cv2.filter2D(picture, -1, kernel / kernel.sum())
    return picture
