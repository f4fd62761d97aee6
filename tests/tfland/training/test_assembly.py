"""How a run is put together: every photograph is evaluated once; bad records that were left out are listed."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tfland.config import ExperimentConfig
from tfland.data.records import index_split
from tfland.training import train
from tfland.training.assembly import rows_of_worker
from tfland.training.strategy import Worker


@pytest.mark.parametrize(("count", "batch_size", "workers"), [(5, 4, 2), (12, 6, 3), (1, 4, 4), (7, 7, 1)])
def test_together_the_workers_evaluate_every_photograph_in_order(count: int, batch_size: int, workers: int) -> None:
    parts = [rows_of_worker(count, batch_size, Worker(rank=rank, count=workers)) for rank in range(workers)]
    own = batch_size // workers
    batches = [np.concatenate([part[i : i + own] for part in parts]) for i in range(0, len(parts[0]), own)]
    rows = np.concatenate(batches)
    np.testing.assert_array_equal(rows[:count], np.arange(count))
    # The last batch is filled up with the last photograph.
    assert set(rows[count:].tolist()) <= {count - 1}


@pytest.mark.usefixtures("tiny_resnet")
def test_records_that_were_left_out_are_listed(
    make_shards: Callable[..., Path], make_config: Callable[..., ExperimentConfig]
) -> None:
    shards = make_shards(train=[0, 1, 2, 0] * 2, size=(64, 64))
    index = index_split(shards, "train")
    data = bytearray(index.shards[0].read_bytes())
    data[int(index.offsets[3]) + 600] ^= 0xFF
    index.shards[0].write_bytes(data)
    config = make_config(shards, data={"on_bad_record": "skip"}, training={"epochs": 1})
    result = train(config)
    assert result.metrics["num_training_photographs"] == 7
    listed = json.loads((result.model_dir / "bad_records.json").read_text())
    assert listed["count"] == 1
    assert listed["bad_records"]["train"][0]["offset"] == int(index.offsets[3])
    assert train(config).metrics == result.metrics
