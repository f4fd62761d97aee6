"""Writes docs/FORMATS.md from the code that owns the formats: `python docs/make_formats.py`.

tests/integration/test_formats_page.py fails where the page is not what this program writes.
"""

import inspect
import json
import re
from pathlib import Path

from delf_verify import delf_folder, feature_store, pair_files, photograph_sizes, reranking, verified_files
from delf_verify.features import LocalFeatures
from tfland.recognition import embed_parts, embedding_files
from tfrecords_builder import build_state, manifest, schema
from tfrecords_builder.companions import ATTRIBUTION_COLUMNS
from tfrecords_builder.config import BuildConfig
from tfrecords_builder.download_failures import Failure
from tfrecords_builder.example_proto import decode_example
from tfrecords_builder.image_limits import ImageLimits, Refusal
from tfrecords_builder.labels import Labels
from tfrecords_builder.selection import Selection
from tfrecords_builder.splits import SplitPlan
from tfrecords_builder.tfrecord import FRAME_BYTES

PAGE = Path(__file__).with_name("FORMATS.md")
RECORD = schema.Record(image_id="i", filename="f", encoded=b"e", height=2, width=3, label=4, landmark_id=5)
# Which field of Record a feature holds; the others are the same in every record.
FIELDS = {
    schema.ENCODED: "encoded",
    schema.HEIGHT: "height",
    schema.WIDTH: "width",
    schema.IMAGE_ID: "image_id",
    schema.FILENAME: "filename",
    schema.LABEL: "label",
    schema.LANDMARK_ID: "landmark_id",
}
# Names in the code, in words for a reader of files.
WORDS = {
    "NO_LANDMARK_LABEL": f"{schema.NO_LANDMARK_LABEL} (no landmark)",
    "NO_LANDMARK_ID": f"{schema.NO_LANDMARK_ID} (no landmark)",
    "a value of `image_limits.Refusal`": "one of those below",
    "see `BuildConfig.settings`": "see below",
    "`Labels.digest`": "sha256 of the landmark ids in the order of their labels, one a line",
    "int64 [C], ": "",
}


def attributes(kind: type) -> dict[str, str]:
    """Returns what a class's docstring says of its attributes, each in one line."""
    text = inspect.getdoc(kind) or ""
    section = re.split(r"^(?:Attributes|Args):\n", text, flags=re.MULTILINE)[-1]
    section = re.split(r"^\w+:\n", section, flags=re.MULTILINE)[0]
    found = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", section, flags=re.MULTILINE)
    return {name: in_words(meaning) for name, meaning in found}


def in_words(text: str) -> str:
    """Returns a text of a docstring on one line, without names that only the code knows."""
    text = re.sub(r"\s+", " ", text).strip()
    for name, words in WORDS.items():
        text = text.replace(name, words)
    return text


def table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> list[str]:
    """Returns a Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines]


def records() -> list[str]:
    """Returns the section on shards."""
    features = decode_example(schema.to_example_bytes(RECORD))
    meanings = attributes(schema.Record)
    rows = []
    for name, values in features.items():
        field = FIELDS.get(name)
        kind = "int64" if isinstance(values[0], int) else "bytes"
        always = values[0].decode() if isinstance(values[0], bytes) else values[0]
        rows.append((f"`{name}`", kind, meanings[field] if field else f"always {always}"))
    example = schema.shard_name("train", 7, 128)
    rules = inspect.getdoc(schema.from_example_bytes) or ""
    rules = in_words(rules.split("Rules: ")[1].split("Raises:")[0])
    return [
        "## Shards",
        "",
        f"`{example}`: a TFRecord file (length, masked CRC-32C, data, masked CRC-32C: {FRAME_BYTES} bytes a record",
        "beside the data), not compressed. Each record is a `tf.train.Example`, one value a feature:",
        "",
        *table(("feature", "type", "meaning"), rows),
        "",
        f"`{schema.offsets_name(example)}`: int64 [N], NumPy: the byte at which each record starts.",
        "",
        "DELF's shards (`train-00007-of-00128`, no offsets) are read too. " + rules[0].upper() + rules[1:],
        "",
    ]


def tables() -> list[str]:
    """Returns the section on the CSV files of a build."""
    meanings = attributes(Labels)
    labels = [
        (f"`{schema.CLASS_INDEX}`", "class index: 0, 1, 2 …"),
        (f"`{schema.LANDMARK}`", meanings["landmark_ids"]),
        (f"`{schema.IMAGES}`", meanings["images"]),
    ]
    refused = attributes(manifest.RefusedImage)
    return [
        f"## {schema.LABELS_FILE}",
        "",
        *table(("column", "meaning"), labels),
        "",
        f"## {schema.REFUSED_FILE}",
        "",
        *table(
            ("column", "meaning"), [(f"`{name}`", refused[name]) for name in (schema.ID, schema.REASON, schema.DETAIL)]
        ),
        "",
        "Reasons: " + ", ".join(f"`{reason.value}`" for reason in Refusal) + ".",
        "",
    ]


def manifest_section() -> list[str]:
    """Returns the section on manifest.json."""
    meanings = {**attributes(manifest.Manifest), "splits": "records and shards of each split, for people who read it"}
    entry = attributes(manifest.ShardEntry)
    config_meanings = attributes(BuildConfig)
    nested = {"selection": Selection, "splits": SplitPlan, "limits": ImageLimits}
    settings = []
    for name, value in BuildConfig(csv=Path(), images=Path(), out=Path()).settings().items():
        inner = attributes(nested[name]) if name in nested else {}
        for key, default in value.items() if inner else [("", value)]:
            full = f"{name}.{key}" if key else name
            settings.append((f"`{full}`", f"`{json.dumps(default)}`", inner[key] if key else config_meanings[name]))
    return [
        f"## {schema.MANIFEST_FILE}",
        "",
        f"JSON, keys sorted; format version {manifest.FORMAT_VERSION}. Equal builds give equal bytes.",
        "",
        *table(("key", "meaning"), [(f"`{name}`", meaning) for name, meaning in sorted(meanings.items())]),
        "",
        "Each of `shards`:",
        "",
        *table(("key", "meaning"), [(f"`{name}`", meaning) for name, meaning in entry.items()]),
        "",
        "`settings`, with the values of a build without options:",
        "",
        *table(("key", "default", "meaning"), settings),
        "",
    ]


def state_section() -> list[str]:
    """Returns the section on what lets a build go on."""
    text = (inspect.getdoc(build_state) or "").split("\n\n", 1)[1]
    return [f"## {build_state.STATE_FOLDER}/", "", re.sub(r"\s+", " ", text).strip(), ""]


def others_section() -> list[str]:
    """Returns the section on further tables, of builds, catalogues and photographs."""
    failures = ", ".join(f"`{failure.value}`" for failure in Failure)
    duplicates, failed = schema.DUPLICATES_FILE, schema.FAILED_FILE
    columns = ", ".join(f"`{column}`" for column in ATTRIBUTION_COLUMNS)
    names = f"`{schema.LANDMARK}`, `{schema.CATEGORY}`"
    return [
        "## Further tables",
        "",
        f"`{schema.ATTRIBUTION_FILE}` ({columns}): author and licence of each record, in a build that was given them.",
        "",
        f"`{schema.CATEGORIES_FILE}` ({names}): names of landmarks, in a build that was given them.",
        "",
        f"`{schema.CATALOGUE_FILE}` (`{schema.ID}`, `{schema.LANDMARK}`): what `build catalog` makes of a folder.",
        "",
        f"`{duplicates}` (`{schema.ID}`, `{schema.GROUP}`): photographs that show the same picture share a group.",
        "",
        f"`{failed}` (`{schema.ID}`, `{schema.URL}`, `{schema.REASON}`, `{schema.DETAIL}`): what was not downloaded.",
        f"Reasons: {failures}, `http_NNN` (the server's status).",
        "",
    ]


def features_section() -> list[str]:
    """Returns the sections on the store of local features and on pairs of photographs."""
    features = [(f"`{name}`", meaning) for name, meaning in attributes(LocalFeatures).items()]
    return [
        "## Feature store",
        "",
        inspect.getdoc(feature_store) or "",
        "",
        "What an image's features are:",
        "",
        *table(("part", "meaning"), features),
        "",
        inspect.getdoc(delf_folder) or "",
        "",
        "## Pairs of photographs",
        "",
        inspect.getdoc(pair_files) or "",
        "",
    ]


def verification_section() -> list[str]:
    """Returns the section on the folder of `tfland verify`."""
    return [
        "## Verification",
        "",
        inspect.getdoc(verified_files) or "",
        "",
        inspect.getdoc(reranking) or "",
        "",
        inspect.getdoc(photograph_sizes) or "",
        "",
    ]


def embeddings_section() -> list[str]:
    """Returns the section on embeddings and indexes, and on what lets `tfland embed` go on."""
    about = [(f"`{name}`", meaning) for name, meaning in attributes(embedding_files.About).items()]
    text = (inspect.getdoc(embed_parts) or "").split("\n\n", 1)[1]
    return [
        "## Embeddings and indexes",
        "",
        inspect.getdoc(embedding_files) or "",
        "",
        "`tfland embed` adds `refused.csv` (see above) with one reason more: `no_embedding` (the model's vector is",
        "zero or not finite).",
        "",
        f"{embedding_files.ABOUT_FILE}, JSON, keys sorted:",
        "",
        *table(("key", "meaning"), about),
        "",
        f"`{embed_parts.PARTS_FOLDER}`, while it is unfinished: " + re.sub(r"\s+", " ", text).strip(),
        "",
    ]


def page() -> str:
    """Returns the whole page."""
    head = [
        "# File formats",
        "",
        "Written by `python docs/make_formats.py` from the code that owns each format; change the code, not this page.",
        "",
    ]
    parts = [
        head,
        records(),
        tables(),
        manifest_section(),
        state_section(),
        others_section(),
        features_section(),
        verification_section(),
        embeddings_section(),
    ]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
