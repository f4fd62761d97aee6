"""The workers of a Slurm job step, from the variables that srun sets for each of its tasks."""

import re
from collections.abc import Iterator, Mapping

# Ports of TensorFlow's servers: one for each task of a node, and other ones for each job, so that two jobs on a node
# do not meet. srun's own reservation (--resv-ports) is taken where there is one.
_FIRST_PORT, _PORTS = 20000, 10000


def read_slurm(environment: Mapping[str, str]) -> tuple[tuple[str, ...], int]:
    """Returns the workers' addresses, host:port in the order of their ranks, and the rank of this one.

    Args:
        environment: of a process that srun started.

    Raises:
        ValueError: a variable is missing or malformed, or the tasks are not distributed in blocks.
    """
    nodes = list(expand_hosts(_read(environment, "SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST")))
    counts = list(expand_counts(_read(environment, "SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE")))
    rank = _number(environment, "SLURM_PROCID")
    if len(counts) != len(nodes):
        raise ValueError(f"Slurm names {len(nodes)} nodes ({nodes}), but tasks for {len(counts)} ({counts})")
    first = _first_port(environment)
    addresses = tuple(f"{node}:{first + i}" for node, count in zip(nodes, counts, strict=True) for i in range(count))
    if rank >= len(addresses):
        raise ValueError(f"SLURM_PROCID is {rank}, but the job step has {len(addresses)} tasks")
    here = environment.get("SLURMD_NODENAME")
    if here and here != addresses[rank].rpartition(":")[0]:
        raise ValueError(
            f"task {rank} runs on {here}, in blocks it would be on {addresses[rank]}; give srun --distribution=block"
        )
    return addresses, rank


def expand_hosts(text: str) -> Iterator[str]:
    """Yields the hosts of a list as Slurm writes it: `node[001-003,7],gpu` is node001 node002 node003 node7 gpu.

    Raises:
        ValueError: it cannot be read.
    """
    parts = re.findall(r"(?:[^,\[\]]|\[[^\[\]]*\])+", text)
    if not parts or ",".join(parts) != text:
        raise ValueError(f"Slurm's list of nodes {text!r} cannot be read")
    for part in parts:
        yield from _expand(part)


def expand_counts(text: str) -> Iterator[int]:
    """Yields the tasks of each node: `2(x3),1` is 2 2 2 1.

    Raises:
        ValueError: it cannot be read.
    """
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if match is None:
            raise ValueError(f"Slurm's tasks per node {text!r} cannot be read")
        yield from [int(match[1])] * int(match[2] or 1)


def _expand(part: str) -> Iterator[str]:
    match = re.fullmatch(r"([^\[]*)\[([^\]]*)\](.*)", part)
    if match is None:
        yield part
        return
    for choice in match[2].split(","):
        bounds = re.fullmatch(r"(\d+)(?:-(\d+))?", choice)
        if bounds is None:
            raise ValueError(f"Slurm's list of nodes has {part!r}, whose {choice!r} is no range")
        for number in range(int(bounds[1]), int(bounds[2] or bounds[1]) + 1):
            yield from (f"{match[1]}{number:0{len(bounds[1])}d}{rest}" for rest in _expand(match[3]))


def _first_port(environment: Mapping[str, str]) -> int:
    if reserved := environment.get("SLURM_STEP_RESV_PORTS"):
        return int(re.split(r"[-,]", reserved)[0])
    return _FIRST_PORT + _number(environment, "SLURM_JOB_ID") % _PORTS


def _read(environment: Mapping[str, str], *names: str) -> str:
    for name in names:
        if environment.get(name):
            return environment[name]
    raise ValueError(f"{names[0]} is not set; start the workers with srun, or set TF_CONFIG")


def _number(environment: Mapping[str, str], name: str) -> int:
    text = _read(environment, name)
    if not text.isdigit():
        raise ValueError(f"{name} is {text!r}, expected a number")
    return int(text)
