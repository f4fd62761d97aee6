"""The `data` section of an experiment: shards and augmentation."""

from dataclasses import dataclass
from typing import Literal

from tfland.config.checks import check_between, refuse


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The shards and what happens to a photograph before the network.

    Attributes:
        shards: folder that `tfland build shards` wrote.
        train_split: name of the shards to train on.
        validation_split: name of the shards to validate on; null for none.
        image_size: height and width of the network's input in pixels.
        resize: how a whole photograph becomes square: "exact" (both sides scaled to image_size, aspect ratio
            lost) or "shortest_side" (shortest side scaled to image_size, centre cropped).
        crop: training only: "none", "shift" (scaled by `resize` to image_size + shift_pixels, then a window
            at random) or "random_resized" (a window of random area and aspect ratio, scaled to image_size).
        shift_pixels: how far the window of crop "shift" can move, in pixels.
        crop_area_min: smallest area of the window of crop "random_resized", as a share of the photograph's.
        flip: mirror every second photograph left to right in training.
        rotation_degrees: training photographs turn by up to this angle either way (20 in seed 003).
        colour_jitter: brightness, contrast and saturation vary by up to this share either way in training.
    """

    shards: str
    train_split: str = "train"
    validation_split: str | None = "validation"
    image_size: int = 128
    resize: Literal["exact", "shortest_side"] = "exact"
    crop: Literal["none", "shift", "random_resized"] = "random_resized"
    shift_pixels: int = 16
    crop_area_min: float = 0.5
    flip: bool = True
    rotation_degrees: float = 20.0
    colour_jitter: float = 0.1

    def __post_init__(self) -> None:
        if not self.shards:
            refuse("data.shards", self.shards, "give the folder that `tfland build shards` wrote")
        check_between("data.image_size", self.image_size, 32, 4096)
        check_between("data.shift_pixels", self.shift_pixels, 0, 4096)
        if not 0 < self.crop_area_min <= 1:
            refuse("data.crop_area_min", self.crop_area_min, "give a share above 0 and at most 1")
        check_between("data.rotation_degrees", self.rotation_degrees, 0, 180)
        if not 0 <= self.colour_jitter < 1:
            refuse("data.colour_jitter", self.colour_jitter, "give a share of at least 0 and below 1")
