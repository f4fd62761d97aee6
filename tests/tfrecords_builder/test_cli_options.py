import pytest

from tfrecords_builder.cli_options import SelectionOptions, SplitOptions, parse_bins, read_label_space
from tfrecords_builder.label_space import LabelSpace
from tfrecords_builder.selection import Selection
from tfrecords_builder.splits import ONLY_TRAIN, parse_plan


def test_no_option_selects_everything():
    assert SelectionOptions().read() == Selection()


def test_options_become_conditions():
    options = SelectionOptions(landmark_range="1000-1300", landmarks="1000, 7", sample_images=4)
    assert options.read() == Selection(first_landmark=1000, last_landmark=1300, landmarks=(1000, 7), sample_images=4)


def test_landmarks_from_a_file(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text("landmark_id,category\n7,Arc\n300,Dome\n")
    assert SelectionOptions(landmarks=f"@{path}").read().landmarks == (7, 300)
    path.write_text("landmark_id\n7\nx\n")
    with pytest.raises(ValueError, match="line 3: landmark_id 'x' is not a whole number"):
        SelectionOptions(landmarks=f"@{path}").read()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"landmark_range": "5"}, "--landmark-range '5': expected two landmark ids"),
        ({"landmark_range": "a-b"}, "--landmark-range 'a-b'"),
        ({"landmarks": "5,x"}, "--landmarks '5,x': expected landmark ids separated by commas"),
        ({"landmarks": "5,"}, "--landmarks '5,'"),
        ({"min_images": -1}, "min_images=-1"),
    ],
)
def test_other_forms_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SelectionOptions(**options).read()


def test_bins():
    assert parse_bins("30,15") == (30, 15)
    with pytest.raises(ValueError, match="--bins '30,': expected class sizes separated by commas such as 30,15"):
        parse_bins("30,")


def test_parts():
    assert SplitOptions().plan() == ONLY_TRAIN
    assert SplitOptions(split=["validation=0.2"]).plan() == parse_plan(["validation=0.2"])
    assert SplitOptions(folds=3, fold=1).plan() == parse_plan([], folds=3, fold=1)


def test_label_spaces():
    assert [read_label_space(space) for space in ("train", "index")] == list(LabelSpace)
    with pytest.raises(ValueError, match="--label-space 'test': choose train or index"):
        read_label_space("test")
