import os

from tfrecords_builder.workers_option import processes


def test_0_takes_the_cores_this_process_may_use():
    assert processes(0) == len(os.sched_getaffinity(0))
    assert processes(3) == 3
