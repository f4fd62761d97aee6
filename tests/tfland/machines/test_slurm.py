"""The workers of a Slurm job step."""

import pytest

from tfland.machines.slurm import expand_counts, expand_hosts, read_slurm

STEP = {
    "SLURM_PROCID": "3",
    "SLURM_STEP_NODELIST": "node[08-09],gpu",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
    "SLURM_JOB_ID": "12345",
    "SLURMD_NODENAME": "node09",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n1", ["n1"]),
        ("n1,n2", ["n1", "n2"]),
        ("node[001-003,7],gpu", ["node001", "node002", "node003", "node7", "gpu"]),
        ("r[1-2]n[3,5]x", ["r1n3x", "r1n5x", "r2n3x", "r2n5x"]),
        ("n[9-11]", ["n9", "n10", "n11"]),
    ],
)
def test_lists_of_nodes(text: str, expected: list[str]) -> None:
    assert list(expand_hosts(text)) == expected


@pytest.mark.parametrize("text", ["", "n[1-2", "n1,,n2", "n[a-b]", "n[]"])
def test_a_list_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"Slurm's list of nodes"):
        list(expand_hosts(text))


def test_tasks_per_node() -> None:
    assert list(expand_counts("2(x3),1")) == [2, 2, 2, 1]
    with pytest.raises(ValueError, match=r"Slurm's tasks per node '2x' cannot be read"):
        list(expand_counts("2x"))


def test_a_step() -> None:
    addresses, rank = read_slurm(STEP)
    assert addresses == ("node08:22345", "node08:22346", "node09:22345", "node09:22346", "gpu:22345")
    assert rank == 3


def test_reserved_ports_and_the_variables_of_a_job() -> None:
    job = {
        "SLURM_PROCID": "0", "SLURM_JOB_NODELIST": "n1", "SLURM_TASKS_PER_NODE": "2",
        "SLURM_STEP_RESV_PORTS": "14000-14001",
    }  # fmt: skip
    assert read_slurm(job) == (("n1:14000", "n1:14001"), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"SLURM_STEP_NODELIST": ""}, r"SLURM_STEP_NODELIST is not set; start the workers with srun"),
        ({"SLURM_PROCID": "x"}, r"SLURM_PROCID is 'x', expected a number"),
        ({"SLURM_PROCID": "5"}, r"SLURM_PROCID is 5, but the job step has 5 tasks"),
        ({"SLURM_STEP_TASKS_PER_NODE": "1"}, r"Slurm names 3 nodes .* but tasks for 1"),
        ({"SLURMD_NODENAME": "gpu"}, r"task 3 runs on gpu, in blocks it would be on node09.*--distribution=block"),
    ],
)
def test_a_step_that_is_refused(change: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_slurm({**STEP, **change})
