import numpy as np
import pytest

from tfrecords_builder.labels import Labels, labels_of, read_labels, write_labels

LANDMARKS = np.array([300, 7, 7, -1, 1042, 7])


def test_labels_follow_ascending_landmarks():
    labels = labels_of(LANDMARKS)
    assert labels.landmark_ids.tolist() == [7, 300, 1042]
    assert labels.images.tolist() == [3, 1, 1]
    assert labels.of(LANDMARKS).tolist() == [1, 0, 0, -1, 2, 0]


@pytest.mark.parametrize("unknown", [0, 8, 5000])
def test_an_unknown_landmark_has_no_label(unknown):
    with pytest.raises(ValueError, match=f"1 landmarks are not among the 3 classes, the first is {unknown}"):
        labels_of(LANDMARKS).of(np.array([7, unknown]))


def test_without_classes_only_photographs_without_a_landmark_have_labels():
    labels = labels_of(np.array([-1, -1]))
    assert len(labels) == 0
    assert labels.of(np.array([-1])).tolist() == [-1]
    with pytest.raises(ValueError, match="not among the 0 classes"):
        labels.of(np.array([7]))


def test_the_file(tmp_path):
    write_labels(tmp_path / "labels.csv", labels_of(LANDMARKS))
    assert (tmp_path / "labels.csv").read_text() == "label,landmark_id,images\n0,7,3\n1,300,1\n2,1042,1\n"
    labels = read_labels(tmp_path / "labels.csv")
    assert labels.landmark_ids.tolist() == [7, 300, 1042]
    assert labels.images.tolist() == [3, 1, 1]


def test_the_digest_depends_on_the_classes_alone(tmp_path):
    labels = labels_of(LANDMARKS)
    others = Labels(landmark_ids=labels.landmark_ids, images=labels.images * 2)
    assert others.digest() == labels.digest()
    assert labels_of(LANDMARKS[1:]).digest() != labels.digest()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("label,landmark_id\n0,7\n", "has no column images"),
        ("label,landmark_id,images\n1,7,1\n", "line 2: label 1, expected 0: they count from 0"),
        ("label,landmark_id,images\n0,7,1\n1,7,1\n", "line 3: landmark_id 7 does not come after 7"),
        ("label,landmark_id,images\n0,7,x\n", "line 2: images 'x' is not a whole number"),
    ],
)
def test_bad_files_are_refused(tmp_path, content, message):
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_labels(tmp_path / "labels.csv")


def test_labels_must_ascend():
    with pytest.raises(ValueError, match="must ascend"):
        Labels(landmark_ids=np.array([3, 1]), images=np.array([1, 1]))
    with pytest.raises(ValueError, match=r"\(2,\) landmarks but \(1,\)"):
        Labels(landmark_ids=np.array([1, 3]), images=np.array([1]))
