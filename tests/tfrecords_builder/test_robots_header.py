import pytest

from tfrecords_builder.robots_header import forbids_training


@pytest.mark.parametrize(
    ("values", "directive"),
    [
        ([], None),
        (["noindex, nofollow"], None),
        (["noai"], "noai"),
        (["NoIndex, NoImageAI"], "noimageai"),
        (["all", "noai"], "noai"),
        (["otherbot: noindex, noai"], None),
        (["otherbot: noindex", "noai"], "noai"),
        (["tfland: noai"], "noai"),
        (["*: noai"], "noai"),
        (["otherbot: noai, tfland: noimageai"], "noimageai"),
        (["unavailable_after: 2026-11-20"], None),
        (["noaid"], None),
    ],
)
def test_who_is_addressed_and_what_is_forbidden(values, directive):
    assert forbids_training(values) == directive
