"""The index images behind every prediction, kept as columns: two million of them fit in memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from delf_verify.evidence import ImageEvidence, QueryEvidence
from delf_verify.verified_files import EVIDENCE_COLUMNS, EVIDENCE_FILE
from tfrecords_builder.schema import ID, LANDMARK


@dataclass(frozen=True, eq=False)
class EvidenceTable:
    """The rows of evidence.csv by query and landmark.

    Attributes:
        queries: query id -> its code.
        landmarks: landmark -> its code.
        keys: [rows] int64 ascending, `query code * len(landmarks) + landmark code`.
        rows: [rows] row of `table` of each key; rows of one key stay in the file's order.
        table: the file.
    """

    queries: dict[str, int]
    landmarks: dict[int, int]
    keys: NDArray[np.int64]
    rows: NDArray[np.int64]
    table: pa.Table

    @classmethod
    def read(cls, folder: Path) -> "EvidenceTable":
        """The file of a verification's folder.

        Raises:
            OSError: there is none.
            ValueError: it is not such a table.
        """
        path = folder / EVIDENCE_FILE
        if not path.is_file():
            raise FileNotFoundError(f"no {path}; tfland verify writes it")
        names = pa.dictionary(pa.int32(), pa.string())
        numbers = (pa.int64(), pa.int32(), pa.int32(), pa.float64())
        kinds = dict(zip(EVIDENCE_COLUMNS, (names, numbers[0], names, *numbers[1:]), strict=True))
        try:
            table = pa_csv.read_csv(
                path,
                parse_options=pa_csv.ParseOptions(newlines_in_values=True),
                convert_options=pa_csv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
            )
        except pa.ArrowInvalid as error:
            raise ValueError(f"{path} is damaged: {error}; run tfland verify again") from error
        if table.column_names != EVIDENCE_COLUMNS:
            raise ValueError(f"{path} has the columns {table.column_names}, expected {EVIDENCE_COLUMNS}")
        return cls.of(table.unify_dictionaries())

    @classmethod
    def of(cls, table: pa.Table) -> "EvidenceTable":
        """Sorts the rows by query and landmark.

        Args:
            table: columns as in the file, ids as dictionaries.
        """
        table = table.combine_chunks()
        ids = table.column(ID).combine_chunks()
        codes = np.asarray(ids.indices if isinstance(ids, pa.DictionaryArray) else [], np.int64)
        names = ids.dictionary.to_pylist() if isinstance(ids, pa.DictionaryArray) else []
        landmarks, of_rows = np.unique(table.column(LANDMARK).to_numpy(), return_inverse=True)
        keys = codes * max(1, len(landmarks)) + of_rows
        rows = np.argsort(keys, kind="stable")
        return cls(
            {name: code for code, name in enumerate(names)},
            {int(landmark): code for code, landmark in enumerate(landmarks)},
            keys[rows],
            rows,
            table,
        )

    def of_query(self, query_id: str, landmark_id: int) -> QueryEvidence:
        """What the index images of one landmark say of one query; nothing where they were not compared."""
        if query_id not in self.queries or landmark_id not in self.landmarks:
            return QueryEvidence.of(())
        key = self.queries[query_id] * len(self.landmarks) + self.landmarks[landmark_id]
        first, last = np.searchsorted(self.keys, [key, key + 1])
        part = self.table.take(pa.array(self.rows[first:last]))
        columns: Iterable[list] = (part.column(name).to_pylist() for name in EVIDENCE_COLUMNS[2:])
        return QueryEvidence.of(tuple(ImageEvidence(*values) for values in zip(*columns, strict=True)))
