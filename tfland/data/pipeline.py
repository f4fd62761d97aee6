"""Batches as tf.data: the n-th training batch is a pure function of (seed, n), so there is no iterator to save.

Position p of the endless sequence of examples belongs to epoch p // N. A stateless permutation of that epoch gives
the record's number, the shard's byte offset finds the record, and its random changes are drawn from a seed made of the
position. Batches may span two epochs: every photograph is seen exactly once an epoch, with static shapes.

Reading at an offset costs 0.13 ms of one core a record against 0.04 ms in sequence (140 kB records), which needs no
shuffle buffer: benchmarks/README.md.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfland.config import DataConfig
from tfland.data import augment, resize
from tfland.data.mixing import mix_batch
from tfland.data.order import EveryPhotograph, Order, make_order
from tfland.data.records import RecordIndex, read_record
from tfland.data.views import evaluation_view, training_view
from tfrecords_builder import schema
from tfrecords_builder.terminal import CheckFailed

# Records that are open at once, and bytes read ahead of each: few of either hide a local disk's latency.
_OPEN_RECORDS = 8
_NUMBERS_AT_ONCE = 256
_READ_BYTES = 1 << 16
# Fixed numbers instead of tf.data's autotuning: closing an autotuned iterator can wait for its tuner's next turn, up to
# a minute (seen on TensorFlow 2.20: a lost wake-up in model::Model::OptimizeLoop).
_THREADS = os.cpu_count() or 1
_BATCHES_AHEAD = 2

# Required: a record without one of them is an error, never a default.
_FEATURES = {
    schema.ENCODED: tf.io.FixedLenFeature([], tf.string),
    schema.LABEL: tf.io.FixedLenFeature([], tf.int64),
}


def steps_at_epoch_end(num_records: int, batch_size: int, epoch: int) -> int:
    """The number of steps after which every photograph was seen `epoch` times."""
    return -(-num_records * epoch // batch_size)


def training_dataset(
    index: RecordIndex,
    config: DataConfig,
    *,
    batch_size: int,
    seed: int,
    start_step: int,
    num_steps: int,
    labels: np.ndarray | None = None,
    worker: int = 0,
    num_workers: int = 1,
) -> tf.data.Dataset:
    """The training batches of the steps start_step … num_steps - 1, or one worker's part of each.

    Args:
        index: the training records.
        config: the `data` section of an experiment.
        batch_size: B over all replicas of all workers.
        seed: of the experiment.
        start_step: steps that are done already.
        num_steps: steps of the whole run.
        labels: [N] int, the class of each record, for a gate its target; `sampling` "class_balanced" and
            `rare_images` need it.
        worker: which part of each batch to make: the rows worker · B / num_workers and on.
        num_workers: parts; it divides B.

    Returns:
        Batches (images [B / num_workers, S, S, 3] uint8 RGB, labels [B / num_workers] int32), or with mixup or CutMix
        (images, labels [B / num_workers, 2] int32, shares [B / num_workers, 2] float32). Put together, the workers'
        parts are the batch of a single worker.

    Raises:
        ValueError: the batch cannot be divided among the workers, or labels are needed and not given.
    """
    if batch_size % num_workers:
        raise ValueError(f"batch_size is {batch_size}; it must be a multiple of the {num_workers} workers")
    order = make_order(config.sampling, len(index), labels, seed)
    # Photographs are mixed across the whole batch: with mixing every worker makes all of it.
    own = batch_size if config.mixes else batch_size // num_workers
    first = 0 if config.mixes else worker * own
    places = tf.data.Dataset.range(start_step * own, num_steps * own)

    def find(place: tf.Tensor) -> tf.Tensor:
        return place // own * batch_size + first + place % own

    # Many at once, because a call for each would cost as much as reading the record.
    numbers = places.batch(_NUMBERS_AT_ONCE).map(lambda some: order.record_numbers(find(some))).unbatch()
    examples = tf.data.Dataset.zip(places, _read(index, numbers))
    strengths = _strengths(labels, config)

    def prepare(place: tf.Tensor, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        key = tf.stack([tf.cast(seed, tf.int64), find(place)])
        return _training_example(record, key, index, config, strengths)

    batches = examples.map(prepare, num_parallel_calls=_THREADS, deterministic=True).batch(own, drop_remainder=True)
    if config.mixes:
        batches = _mix(
            batches, config, seed, start_step, worker * (batch_size // num_workers), batch_size // num_workers
        )
    return _finish(batches)


def evaluation_dataset(index: RecordIndex, config: DataConfig, *, batch_size: int) -> tf.data.Dataset:
    """Every record once, in order; the last batch is filled up with copies of the last record.

    Args:
        index: the records.
        config: the `data` section of an experiment; `resize` and the size for inference count.
        batch_size: B over all replicas.

    Returns:
        Batches (images [B, S, S, 3] uint8 RGB, labels [B] int32, -1 for a photograph without a landmark).
    """
    size = config.inference_size
    num_filled = -(-len(index) // batch_size) * batch_size
    numbers = tf.data.Dataset.range(num_filled).map(lambda position: tf.minimum(position, len(index) - 1))

    def prepare(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = tf.io.parse_single_example(record, _FEATURES)
        shape = tf.io.extract_jpeg_shape(features[schema.ENCODED])[:2]
        view = evaluation_view(shape, config.resize, size)
        image = resize.decode_view(features[schema.ENCODED], view, size)
        return resize.to_uint8(image), _target(features[schema.LABEL], index)

    batches = _read(index, numbers).map(prepare, num_parallel_calls=_THREADS, deterministic=True)
    return _finish(batches.batch(batch_size, drop_remainder=True))


def _training_example(
    record: tf.Tensor, key: tf.Tensor, index: RecordIndex, config: DataConfig, strengths: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor]:
    """A serialised record as the image [S, S, 3] uint8 and the label that a network learns from; `key` is its seed."""
    features = tf.io.parse_single_example(record, _FEATURES)
    encoded, label = features[schema.ENCODED], _target(features[schema.LABEL], index)
    draws = augment.draw(key, config)
    shape = tf.io.extract_jpeg_shape(encoded)[:2]
    view = training_view(shape, augment.chance(draws), config)
    image = resize.decode_fast(encoded, shape, view, (config.image_size, config.image_size))
    strength = 1.0 if strengths is None else strengths[label]
    return augment.augment(image, draws, key, config, strength), label


def batch_numbers(num_records: int, seed: int, *, batch_size: int, step: int, order: Order | None = None) -> np.ndarray:
    """The record numbers of one training batch: [B] int64.

    Args:
        num_records: N.
        seed: of the experiment.
        batch_size: B over all replicas.
        step: of the batch.
        order: from `make_order`; every photograph once an epoch without it.
    """
    order = order or EveryPhotograph(num_records, seed)
    positions = tf.range(step * batch_size, (step + 1) * batch_size, dtype=tf.int64)
    numbers: np.ndarray = order.record_numbers(positions).numpy()
    return numbers


def raise_bad_record(index: RecordIndex, numbers: np.ndarray) -> None:
    """Looks for the record that stopped the pipeline; returns if all of them are sound.

    TensorFlow's own error names neither shard nor record.

    Raises:
        CheckFailed: one of the records is corrupt or is no JPEG; the message names shard and offset.
    """
    for number in numbers:
        record = read_record(index, int(number))
        try:
            _decoded_size(tf.constant(record.encoded))
        except tf.errors.InvalidArgumentError as error:
            detail = error.message.splitlines()[0]
            raise CheckFailed(f"{index.describe(int(number))}: photograph {record.image_id}: {detail}") from error


def sound_numbers(index: RecordIndex) -> tf.data.Dataset:
    """The numbers of the records that can be read and decoded, in batches of [up to 256] int64, in any order."""
    read_one = _reader(index)

    def number_if_sound(number: tf.Tensor) -> tf.data.Dataset:
        def check(record: tf.Tensor) -> tf.Tensor:
            encoded = tf.io.parse_single_example(record, _FEATURES)[schema.ENCODED]
            # Added as a 0, because tf.data drops what no result needs.
            return number + tf.cast(tf.minimum(_decoded_size(encoded), 0), tf.int64)

        # A data set of one record ends after its error: there is nothing to go on with.
        return read_one(number).map(check).ignore_errors(log_warning=False)

    numbers = tf.data.Dataset.range(len(index)).interleave(
        number_if_sound, cycle_length=_OPEN_RECORDS, num_parallel_calls=_THREADS, deterministic=False
    )
    return _finish(numbers.batch(_NUMBERS_AT_ONCE))


def _decoded_size(encoded: tf.Tensor) -> tf.Tensor:
    """Decodes a JPEG at an eighth of its size, which reads all of it; other formats are an error, as in training."""
    return tf.size(tf.io.decode_jpeg(encoded, channels=3, ratio=8)) + tf.reduce_sum(tf.io.extract_jpeg_shape(encoded))


def _target(label: tf.Tensor, index: RecordIndex) -> tf.Tensor:
    """int32, what the network learns of a record: see `RecordIndex.targets`."""
    return tf.cast(label if index.targets == "classes" else label >= 0, tf.int32)


def _strengths(labels: np.ndarray | None, config: DataConfig) -> tf.Tensor | None:
    """[C] float32, how much more strongly the photographs of each class are augmented; None where all are alike."""
    if not config.rare_images:
        return None
    if labels is None:
        raise ValueError(f"data.rare_images is {config.rare_images}; it needs the labels of the records")
    is_rare = np.bincount(labels) < config.rare_images
    return tf.constant(np.where(is_rare, config.rare_strength, 1.0).astype(np.float32))


def _mix(
    batches: tf.data.Dataset, config: DataConfig, seed: int, start_step: int, first: int, count: int
) -> tf.data.Dataset:
    """Mixes whole batches and keeps `count` rows from `first` on."""

    def mix(step: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        key = tf.stack([tf.cast(seed, tf.int64), step])
        return tuple(part[first : first + count] for part in mix_batch(*batch, key, config))

    return batches.enumerate(start_step).map(mix)


def _read(index: RecordIndex, numbers: tf.data.Dataset) -> tf.data.Dataset:
    """The serialised records of a data set of numbers, in their order."""
    # Not a map with get_single_element: that operation counts as stateful, and op determinism would then take all
    # parallelism out of the pipeline.
    return numbers.interleave(
        _reader(index), cycle_length=_OPEN_RECORDS, num_parallel_calls=_THREADS, deterministic=True
    )


def _reader(index: RecordIndex) -> Callable[[tf.Tensor], tf.data.Dataset]:
    """A function from a record's number to a data set of that one serialised record."""
    shards = tf.constant([str(Path(shard)) for shard in index.shards])
    shard_numbers, offsets = tf.constant(index.shard_numbers), tf.constant(index.offsets)
    spec = tf.TensorSpec([], tf.string)

    def read_one(number: tf.Tensor) -> tf.data.Dataset:
        rest_of_shard = tf.raw_ops.TFRecordDatasetV2(
            filenames=[shards[shard_numbers[number]]],
            compression_type="",
            buffer_size=_READ_BYTES,
            byte_offsets=[offsets[number]],
        )
        return tf.data.experimental.from_variant(rest_of_shard, spec).take(1)

    return read_one


def _finish(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    # Replicas get their part of each batch; no worker may leave records out.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return batches.with_options(options).prefetch(_BATCHES_AHEAD)
