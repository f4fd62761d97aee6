"""The workers of a run on several machines: who they are, and whether all of them are there."""

import json
import logging
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from tfland.machines.slurm import read_slurm

logger = logging.getLogger(__name__)

TF_CONFIG = "TF_CONFIG"
_POLL_SECONDS = 0.2
_CONNECT_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The workers of a run.

    Attributes:
        addresses: host:port of each; the first is the chief, who alone writes.
        rank: this process, an index into `addresses`.
    """

    addresses: tuple[str, ...]
    rank: int


def read_cluster(environment: Mapping[str, str]) -> Cluster:
    """Finds the workers in TF_CONFIG or, where there is none, in what Slurm's srun sets.

    Args:
        environment: of the process.

    Raises:
        ValueError: neither is there, or one is malformed; the message names the part.
    """
    if environment.get(TF_CONFIG):
        return parse_tf_config(environment[TF_CONFIG])
    if "SLURM_PROCID" in environment:
        addresses, rank = read_slurm(environment)
        return Cluster(addresses=addresses, rank=rank)
    raise ValueError(
        "training.strategy is multi_worker, but neither TF_CONFIG nor Slurm's variables say who the workers are; set "
        f"TF_CONFIG (such as {_example()}) or start the workers with srun"
    )


def parse_tf_config(text: str) -> Cluster:
    """Reads a TF_CONFIG of workers, one of which may be called chief.

    Raises:
        ValueError: it is malformed; the message names the part and shows a right one.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        _refuse(f"is not JSON ({error})")
    if not isinstance(values, dict):
        _refuse(f"is {type(values).__name__}, expected an object")
    cluster, task = values.get("cluster"), values.get("task")
    if not isinstance(cluster, dict) or not cluster:
        _refuse(f"has the cluster {cluster!r}, expected lists of addresses by kind of task")
    if others := set(cluster) - {"chief", "worker"}:
        _refuse(f"has tasks of kind {sorted(others)}; training knows chief and worker")
    addresses = [_address(kind, entry) for kind in ("chief", "worker") for entry in _entries(cluster, kind)]
    if len(set(addresses)) < len(addresses):
        repeated = next(address for address in addresses if addresses.count(address) > 1)
        _refuse(f"names {repeated} more than once; every worker has an address of its own")
    if not isinstance(task, dict) or task.get("type") not in cluster:
        _refuse(f"has the task {task!r}; its type must be one of {sorted(cluster)}")
    kind, index = task["type"], task.get("index")
    count = len(cluster[kind])
    if isinstance(index, str) and index.isdigit():
        index = int(index)
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        _refuse(f"has the task index {index!r}; the cluster has {count} of type {kind}, 0 to {count - 1}")
    before = len(cluster.get("chief", [])) if kind == "worker" else 0
    return Cluster(addresses=tuple(addresses), rank=before + index)


def wait_for_workers(cluster: Cluster, timeout_seconds: float) -> None:
    """Returns when every worker answers at its address.

    TensorFlow itself waits for an hour without a word. Each worker listens at its own address until it has reached all
    others; from then on TensorFlow's server answers there.

    Raises:
        OSError: this worker's address cannot be used, or some workers did not answer; the message names them.
    """
    missing = {rank: address for rank, address in enumerate(cluster.addresses) if rank != cluster.rank}
    if not missing:
        return
    logger.info("worker %d waits for %d others: %s", cluster.rank, len(missing), ", ".join(missing.values()))
    end = time.monotonic() + timeout_seconds
    with _listen(cluster):
        while missing:
            missing = {rank: address for rank, address in missing.items() if not _answers(address)}
            if missing and time.monotonic() > end:
                names = ", ".join(f"worker {rank} ({address})" for rank, address in missing.items())
                raise OSError(
                    f"{names} did not join within {timeout_seconds:g} s (training.worker_timeout_seconds); start all "
                    f"{len(cluster.addresses)} workers, and check that their addresses can be reached from here"
                )
            if missing:
                time.sleep(_POLL_SECONDS)


def _listen(cluster: Cluster) -> socket.socket:
    port = int(cluster.addresses[cluster.rank].rpartition(":")[2])
    try:
        return socket.create_server(("", port), backlog=len(cluster.addresses))
    except OSError as error:
        raise OSError(
            f"worker {cluster.rank} cannot listen on port {port} ({error.strerror or error}); another process, such as "
            "a worker of an earlier run, may still hold it"
        ) from error


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def _entries(cluster: dict[str, Any], kind: str) -> list[Any]:
    entries = cluster.get(kind, [])
    if not isinstance(entries, list):
        _refuse(f"has {kind} {entries!r}, expected a list of addresses")
    if kind == "chief" and len(entries) > 1:
        _refuse(f"has {len(entries)} chiefs, expected one at most")
    return entries


def _address(kind: str, entry: Any) -> str:
    host, _, port = entry.rpartition(":") if isinstance(entry, str) else ("", "", "")
    if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        _refuse(f"has the {kind} {entry!r}, expected host:port")
    return str(entry)


def _example() -> str:
    return '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, "task": {"type": "worker", "index": 0}}'


def _refuse(what: str) -> NoReturn:
    raise ValueError(f"{TF_CONFIG} {what}; a right one is {_example()}")
