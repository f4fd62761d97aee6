"""The `data` section of an experiment: shards, the part of a photograph that is seen, augmentation."""

from dataclasses import dataclass
from typing import Literal

from tfland.config.checks import check_between, refuse


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The shards and what happens to a photograph before the network.

    The policies of the papers: seed 003 is "exact" with crop "shift"; seed 001 trains on 448 px windows of photographs
    whose shortest side is 512 px ("shortest_side", crop "random", shift_pixels 64), on whole ones fitted into a square
    ("longest_side") or stretched to 544 x 672 ("exact", crop "random", shift_pixels 32, shift_pixels_x 160), and
    evaluates uncropped (evaluation_size); seeds 000, 002 and 004 scale to a square ("exact").

    Attributes:
        shards: folder that `tfland build shards` wrote.
        train_split: name of the shards to train on.
        validation_split: name of the shards to validate on; null for none.
        negative_shards: for task "gate": a folder of shards of photographs without a landmark, built from a CSV with
            the column id alone, whose splits are added to those of the same name in `shards`; null where `shards` has
            such photographs (label -1) itself.
        image_size: height and width of the network's input in pixels.
        evaluation_size: height and width in pixels of the photographs that the network is asked about after training
            and in validation; null is image_size.
        resize: how a whole photograph becomes square: "exact" (both sides scaled to image_size, aspect ratio
            lost), "shortest_side" (shortest side scaled to image_size, centre cropped) or "longest_side" (longest side
            scaled to image_size, black beside it).
        crop: training only: "none", "shift" (as `resize` would make it at image_size + shift_pixels, then a window
            at random), "random" (scaled by `resize` to image_size + shift_pixels but not cut, then a window at random
            anywhere) or "random_resized" (a window of random area and aspect ratio, scaled to image_size).
        shift_pixels: how far the window of crops "shift" and "random" can move, in pixels.
        shift_pixels_x: the same to the right, for "exact" with crop "random"; null is shift_pixels.
        crop_area_min: smallest area of the window of crop "random_resized", as a share of the photograph's.
        flip: mirror every second photograph left to right in training.
        rotation_degrees: training photographs turn by up to this angle either way (20 in seed 003).
        colour_jitter: brightness, contrast and saturation vary by up to this share either way in training.
        rand_augment_ops: changes drawn from RandAugment's list for each training photograph; 0 for none.
        rand_augment_magnitude: their strength, 0 (no change) to 10.
        erase: "random" (a rectangle of random area and aspect ratio) or "cutout" (a square of 0.4 of the side).
        erase_probability: share of the training photographs that lose a part to noise; 0 for none.
        mixup_alpha: of the Beta distribution of mixup's shares, at least 0.05; 0 for no mixup.
        cutmix_alpha: of the Beta distribution of CutMix's shares; 0 for none. With mixup as well, each photograph takes
            one of the two.
        sampling: "all" (every photograph once an epoch) or "class_balanced" (every class equally often, its
            photographs in turn; an epoch is as long as with "all").
        rare_images: classes with fewer training photographs than this are augmented more strongly; 0 for none.
        rare_strength: times this, for rotation, colour jitter, RandAugment's magnitude and the share erased.
        on_bad_record: "fail" (a corrupt record or a broken JPEG ends the run, which names it) or "skip" (all records
            are checked before the first step, bad ones are left out).
        bad_record_budget: bad records that "skip" puts up with, training and validation together.
    """

    shards: str
    train_split: str = "train"
    validation_split: str | None = "validation"
    negative_shards: str | None = None
    image_size: int = 128
    evaluation_size: tuple[int, int] | None = None
    resize: Literal["exact", "shortest_side", "longest_side"] = "exact"
    crop: Literal["none", "shift", "random", "random_resized"] = "random_resized"
    shift_pixels: int = 16
    shift_pixels_x: int | None = None
    crop_area_min: float = 0.5
    flip: bool = True
    rotation_degrees: float = 20.0
    colour_jitter: float = 0.1
    rand_augment_ops: int = 0
    rand_augment_magnitude: float = 9.0
    erase: Literal["random", "cutout"] = "random"
    erase_probability: float = 0.0
    mixup_alpha: float = 0.0
    cutmix_alpha: float = 0.0
    sampling: Literal["all", "class_balanced"] = "all"
    rare_images: int = 0
    rare_strength: float = 1.5
    on_bad_record: Literal["fail", "skip"] = "fail"
    bad_record_budget: int = 10

    @property
    def inference_size(self) -> tuple[int, int]:
        """Height and width in pixels of a photograph in validation and prediction."""
        return self.evaluation_size or (self.image_size, self.image_size)

    @property
    def mixes(self) -> bool:
        """Whether each training photograph is mixed with another one and has two labels."""
        return bool(self.mixup_alpha or self.cutmix_alpha)

    def __post_init__(self) -> None:
        if not self.shards:
            refuse("data.shards", self.shards, "give the folder that `tfland build shards` wrote")
        if self.negative_shards == "":
            refuse("data.negative_shards", "", "give a folder that `tfland build shards` wrote, or null")
        self._check_sizes()
        if not 0 < self.crop_area_min <= 1:
            refuse("data.crop_area_min", self.crop_area_min, "give a share above 0 and at most 1")
        check_between("data.rotation_degrees", self.rotation_degrees, 0, 180)
        if not 0 <= self.colour_jitter < 1:
            refuse("data.colour_jitter", self.colour_jitter, "give a share of at least 0 and below 1")
        check_between("data.rand_augment_ops", self.rand_augment_ops, 0, 4)
        check_between("data.rand_augment_magnitude", self.rand_augment_magnitude, 0, 10)
        check_between("data.erase_probability", self.erase_probability, 0, 1)
        for name in ("mixup_alpha", "cutmix_alpha"):
            # Below it the two Gamma variables whose share is drawn vanish both.
            if alpha := getattr(self, name):
                check_between(f"data.{name}", alpha, 0.05, 100)
        check_between("data.rare_images", self.rare_images, 0)
        check_between("data.rare_strength", self.rare_strength, 1, 10)
        check_between("data.bad_record_budget", self.bad_record_budget, 0)

    def _check_sizes(self) -> None:
        check_between("data.image_size", self.image_size, 32, 4096)
        for side in self.evaluation_size or ():
            check_between("data.evaluation_size", side, 32, 4096)
        if self.evaluation_size and self.evaluation_size[0] != self.evaluation_size[1] and self.resize != "exact":
            refuse("data.evaluation_size", self.evaluation_size, f'resize "{self.resize}" makes squares; give one')
        check_between("data.shift_pixels", self.shift_pixels, 0, 4096)
        if (self.resize, self.crop) == ("longest_side", "shift"):
            refuse("data.crop", self.crop, 'resize "longest_side" takes crop "none", "random" or "random_resized"')
        if self.shift_pixels_x is not None:
            check_between("data.shift_pixels_x", self.shift_pixels_x, 0, 4096)
            if (self.resize, self.crop) != ("exact", "random"):
                rule = 'only resize "exact" with crop "random" shifts by another distance to the right; set null'
                refuse("data.shift_pixels_x", self.shift_pixels_x, rule)
