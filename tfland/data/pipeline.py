"""Batches as tf.data: the n-th training batch is a pure function of (seed, n), so there is no iterator to save.

Position p of the endless sequence of examples belongs to epoch p // N. A stateless permutation of that epoch gives
the record's number, the shard's byte offset finds the record, and its random changes are drawn from a seed made of
epoch and number. Batches may span two epochs: every photograph is seen exactly once an epoch, with static shapes.

Reading at an offset costs 0.11 ms of one core a record against 0.02 ms in sequence (30 kB records), a few per cent of
decoding one.
"""

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfland.config import DataConfig
from tfland.data import augment, resize
from tfland.data.records import RecordIndex, read_record
from tfrecords_builder import schema
from tfrecords_builder.terminal import CheckFailed

# Records that are open at once, and bytes read ahead of each: few of either hide a local disk's latency.
_OPEN_RECORDS = 8
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
    index: RecordIndex, config: DataConfig, *, batch_size: int, seed: int, start_step: int, num_steps: int
) -> tf.data.Dataset:
    """The training batches of the steps start_step … num_steps - 1.

    Args:
        index: the training records.
        config: the `data` section of an experiment.
        batch_size: B over all replicas.
        seed: of the experiment.
        start_step: steps that are done already.
        num_steps: steps of the whole run.

    Returns:
        Batches (images [B, S, S, 3] uint8 RGB, labels [B] int32).
    """
    positions = tf.data.Dataset.range(start_step * batch_size, num_steps * batch_size)
    numbers = positions.map(lambda position: tf.stack([position, _record_number(position, len(index), seed)]))
    # Records arrive in the order of their numbers, which are therefore computed once more and zipped on.
    examples = tf.data.Dataset.zip(numbers, _read(index, numbers))

    def prepare(position_and_number: tf.Tensor, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        epoch, number = position_and_number[0] // len(index), position_and_number[1]
        features = tf.io.parse_single_example(record, _FEATURES)
        draws = augment.draw(tf.stack([tf.cast(seed, tf.int64), epoch * len(index) + number]))
        shape = tf.io.extract_jpeg_shape(features[schema.ENCODED])
        window = augment.training_window(shape[0], shape[1], draws, config)
        image = resize.decode_window(features[schema.ENCODED], window, config.image_size)
        image = augment.augment(image, draws, config)
        return resize.to_uint8(image), tf.cast(features[schema.LABEL], tf.int32)

    batches = examples.map(prepare, num_parallel_calls=_THREADS, deterministic=True)
    return _finish(batches.batch(batch_size, drop_remainder=True))


def evaluation_dataset(index: RecordIndex, config: DataConfig, *, batch_size: int) -> tf.data.Dataset:
    """Every record once, in order; the last batch is filled up with copies of the last record.

    Args:
        index: the records.
        config: the `data` section of an experiment; `resize` and `image_size` count.
        batch_size: B over all replicas.

    Returns:
        Batches (images [B, S, S, 3] uint8 RGB, labels [B] int32, -1 for a photograph without a landmark).
    """
    num_filled = -(-len(index) // batch_size) * batch_size
    positions = tf.data.Dataset.range(num_filled)
    numbers = positions.map(lambda position: tf.stack([position, tf.minimum(position, len(index) - 1)]))

    def prepare(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = tf.io.parse_single_example(record, _FEATURES)
        shape = tf.io.extract_jpeg_shape(features[schema.ENCODED])
        window = resize.WINDOWS[config.resize](shape[0], shape[1])
        image = resize.decode_window(features[schema.ENCODED], window, config.image_size)
        return resize.to_uint8(image), tf.cast(features[schema.LABEL], tf.int32)

    batches = _read(index, numbers).map(prepare, num_parallel_calls=_THREADS, deterministic=True)
    return _finish(batches.batch(batch_size, drop_remainder=True))


def batch_numbers(num_records: int, seed: int, *, batch_size: int, step: int) -> np.ndarray:
    """The record numbers of one training batch: [B] int64."""
    positions = range(step * batch_size, (step + 1) * batch_size)
    return np.array([_record_number(tf.constant(p, tf.int64), num_records, seed) for p in positions], dtype=np.int64)


def raise_bad_record(index: RecordIndex, numbers: np.ndarray) -> None:
    """Looks for the record that stopped the pipeline; returns if all of them are sound.

    TensorFlow's own error names neither shard nor record.

    Raises:
        CheckFailed: one of the records is corrupt or is no JPEG; the message names shard and offset.
    """
    for number in numbers:
        record = read_record(index, int(number))
        try:
            tf.io.decode_jpeg(record.encoded, channels=3)
        except tf.errors.InvalidArgumentError as error:
            detail = error.message.splitlines()[0]
            raise CheckFailed(f"{index.describe(int(number))}: photograph {record.image_id}: {detail}") from error


def _record_number(position: tf.Tensor, num_records: int, seed: int) -> tf.Tensor:
    """The record at a position of the endless sequence: each epoch is its own permutation."""
    key = tf.stack([tf.cast(seed, tf.int64), position // num_records])
    return tf.random.experimental.index_shuffle(position % num_records, key, num_records - 1)


def _read(index: RecordIndex, numbers: tf.data.Dataset) -> tf.data.Dataset:
    """The serialised records of (position, number) pairs, in their order."""
    shards = tf.constant([str(Path(shard)) for shard in index.shards])
    shard_numbers, offsets = tf.constant(index.shard_numbers), tf.constant(index.offsets)
    spec = tf.TensorSpec([], tf.string)

    def read_one(position_and_number: tf.Tensor) -> tf.data.Dataset:
        number = position_and_number[1]
        rest_of_shard = tf.raw_ops.TFRecordDatasetV2(
            filenames=[shards[shard_numbers[number]]],
            compression_type="",
            buffer_size=_READ_BYTES,
            byte_offsets=[offsets[number]],
        )
        return tf.data.experimental.from_variant(rest_of_shard, spec).take(1)

    # Not a map with get_single_element: that operation counts as stateful, and op determinism would then take all
    # parallelism out of the pipeline.
    return numbers.interleave(read_one, cycle_length=_OPEN_RECORDS, num_parallel_calls=_THREADS, deterministic=True)


def _finish(batches: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    # Replicas get their part of each batch; no worker may leave records out.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return batches.with_options(options).prefetch(_BATCHES_AHEAD)
