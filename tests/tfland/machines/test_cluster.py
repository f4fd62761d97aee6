"""Who the workers are, and a worker that never joins."""

import json
import socket
import threading
import time
from typing import Any

import pytest

from tfland.machines.cluster import Cluster, parse_tf_config, read_cluster, wait_for_workers

WORKERS = ["a:1000", "b:1000"]


def tf_config(cluster: Any, task: Any) -> str:
    return json.dumps({"cluster": cluster, "task": task})


@pytest.mark.parametrize(
    ("cluster", "task", "expected"),
    [
        ({"worker": WORKERS}, {"type": "worker", "index": 1}, (("a:1000", "b:1000"), 1)),
        ({"worker": WORKERS}, {"type": "worker", "index": "0"}, (("a:1000", "b:1000"), 0)),
        ({"worker": WORKERS, "chief": ["c:1"]}, {"type": "worker", "index": 1}, (("c:1", "a:1000", "b:1000"), 2)),
        ({"worker": WORKERS, "chief": ["c:1"]}, {"type": "chief", "index": 0}, (("c:1", "a:1000", "b:1000"), 0)),
        ({"worker": ["[::1]:1000"]}, {"type": "worker", "index": 0}, (("[::1]:1000",), 0)),
    ],
)
def test_ranks(cluster: Any, task: Any, expected: tuple[tuple[str, ...], int]) -> None:
    found = parse_tf_config(tf_config(cluster, task))
    assert (found.addresses, found.rank) == expected


TASK = {"type": "worker", "index": 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"TF_CONFIG is not JSON \(.*; a right one is \{\"cluster\""),
        ("[]", r"TF_CONFIG is list, expected an object"),
        ("{}", r"TF_CONFIG has the cluster None, expected lists"),
        (tf_config({"ps": ["a:1"], "worker": WORKERS}, TASK), r"has tasks of kind \['ps'\]; training knows chief and"),
        (tf_config({"worker": "a:1"}, TASK), r"has worker 'a:1', expected a list of addresses"),
        (tf_config({"worker": WORKERS, "chief": WORKERS}, TASK), r"has 2 chiefs, expected one at most"),
        (tf_config({"worker": ["a"]}, TASK), r"has the worker 'a', expected host:port"),
        (tf_config({"worker": ["a:70000"]}, TASK), r"has the worker 'a:70000', expected host:port"),
        (tf_config({"worker": [7]}, TASK), r"has the worker 7, expected host:port"),
        (tf_config({"worker": ["a:1", "a:1"]}, TASK), r"names a:1 more than once"),
        (tf_config({"worker": WORKERS}, None), r"has the task None; its type must be one of \['worker'\]"),
        (tf_config({"worker": WORKERS}, {"type": "chief", "index": 0}), r"its type must be one of \['worker'\]"),
        (
            tf_config({"worker": WORKERS}, {"type": "worker"}),
            r"task index None; the cluster has 2 of type worker, 0 to",
        ),
        (tf_config({"worker": WORKERS}, {"type": "worker", "index": 2}), r"has the task index 2; .* 0 to 1"),
        (tf_config({"worker": WORKERS}, {"type": "worker", "index": True}), r"has the task index True"),
    ],
)
def test_a_malformed_tf_config_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_cluster({"TF_CONFIG": text})


def test_slurm_is_asked_where_there_is_no_tf_config() -> None:
    slurm = {
        "SLURM_PROCID": "1", "SLURM_STEP_NODELIST": "n[1-2]", "SLURM_STEP_TASKS_PER_NODE": "1(x2)", "SLURM_JOB_ID": "7",
    }  # fmt: skip
    assert read_cluster(slurm) == Cluster(addresses=("n1:20007", "n2:20007"), rank=1)
    assert read_cluster({**slurm, "TF_CONFIG": tf_config({"worker": WORKERS}, TASK)}).addresses == tuple(WORKERS)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_worker_that_never_joins_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        addresses = (
            f"127.0.0.1:{free_port()}", f"127.0.0.1:{there.getsockname()[1]}", f"127.0.0.1:{free_port()}",
        )  # fmt: skip
        started = time.monotonic()
        with pytest.raises(
            OSError, match=rf"^worker 2 \({addresses[2]}\) did not join within 0.3 s .*; start all 3 workers"
        ):
            wait_for_workers(Cluster(addresses=addresses, rank=0), 0.3)
        assert time.monotonic() - started < 10


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"worker 0 cannot listen on port {port} \(.*an earlier run, may still hold"):
            wait_for_workers(Cluster(addresses=(f"127.0.0.1:{port}", "127.0.0.1:1"), rank=0), 1)


def test_workers_find_each_other_whichever_comes_first() -> None:
    addresses = tuple(f"127.0.0.1:{free_port()}" for _ in range(2))
    done: list[int] = []

    def join(rank: int) -> None:
        wait_for_workers(Cluster(addresses=addresses, rank=rank), 20)
        # What TensorFlow's server does next; the other one may come as late as then.
        server = socket.create_server(("", int(addresses[rank].rpartition(":")[2])))
        done.append(rank)
        if len(done) < 2:
            time.sleep(1)
        server.close()

    threads = [threading.Thread(target=join, args=(rank,)) for rank in range(2)]
    threads[0].start()
    time.sleep(0.3)
    threads[1].start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(done) == [0, 1]


def test_one_worker_waits_for_nobody() -> None:
    wait_for_workers(Cluster(addresses=("nowhere:1",), rank=0), 0)
