import pytest

from tfrecords_builder.cli_options import parse_bins, read_selection
from tfrecords_builder.selection import Selection

NOTHING = {
    "min_images": 0,
    "max_images": 0,
    "landmark_range": "",
    "landmarks": "",
    "top_classes": 0,
    "sample_classes": 0,
    "images_per_class": 0,
    "sample_images": 0,
}


def test_no_option_selects_everything():
    assert read_selection(**NOTHING) == Selection()


def test_options_become_conditions():
    options = NOTHING | {"landmark_range": "1000-1300", "landmarks": "1000, 7", "sample_images": 4}
    assert read_selection(**options) == Selection(
        first_landmark=1000, last_landmark=1300, landmarks=(1000, 7), sample_images=4
    )


def test_landmarks_from_a_file(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text("landmark_id,category\n7,Arc\n300,Dome\n")
    assert read_selection(**NOTHING | {"landmarks": f"@{path}"}).landmarks == (7, 300)
    path.write_text("landmark_id\n7\nx\n")
    with pytest.raises(ValueError, match="line 3: landmark_id 'x' is not a whole number"):
        read_selection(**NOTHING | {"landmarks": f"@{path}"})


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
        read_selection(**NOTHING | options)


def test_bins():
    assert parse_bins("30,15") == (30, 15)
    with pytest.raises(ValueError, match="--bins '30,': expected class sizes separated by commas such as 30,15"):
        parse_bins("30,")
