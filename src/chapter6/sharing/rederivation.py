"""Tables and verdicts made again, beside those that a study's files hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Problems = Iterator[str]

DIGITS = 1e-6  # relative: numbers made again on another machine agree to six digits
MOST_ROWS = 50_000_000
MOST_BYTES_OF_A_COLUMN = 2**30


def read_table(content: bytes, rows: int | None = None) -> pd.DataFrame:
    """Read a Parquet table; ValueError where it has not the ``rows`` that it should, or would not fit into memory."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import parquet

    file = parquet.ParquetFile(BytesIO(content))
    count, schema = file.metadata.num_rows, file.schema_arrow
    if count != (count if rows is None else rows) or count > MOST_ROWS:
        raise ValueError(f"{count} rows, and {MOST_ROWS if rows is None else rows} are expected")
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    # As dictionaries, texts take the room that they take in the file; a short file could hold a long text many times.
    table = parquet.read_table(BytesIO(content), read_dictionary=texts)
    for position, name in enumerate(table.column_names):
        if pa.types.is_dictionary(table.schema.field(name).type):
            chunks = table.column(name).chunks
            longest = max((pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0 for chunk in chunks), default=0)
            if longest * count > MOST_BYTES_OF_A_COLUMN:
                raise ValueError(f"column {name!r} does not fit into memory")
            table = table.set_column(position, name, table.column(name).cast(pa.string()))
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def table_problems(content: bytes, expected: pd.DataFrame) -> Problems:
    """Yield where a Parquet table is not the expected one, number for number."""
    table = read_table(content, len(expected))
    if list(table.columns) != list(expected.columns):
        yield f"has the columns {', '.join(table.columns)}, and the runs give {', '.join(expected.columns)}"
        return
    yield from _cell_problems(table, expected)


def _cell_problems(table: pd.DataFrame, expected: pd.DataFrame, tolerance: float = 0.0) -> Problems:
    for column in expected.columns:
        if _is_number(expected[column]):
            a, b = table[column].to_numpy(dtype=float), expected[column].to_numpy(dtype=float)
            differing = ~np.isclose(a, b, rtol=tolerance, atol=0, equal_nan=True)
        else:
            differing = table[column].to_numpy(dtype=object) != expected[column].to_numpy(dtype=object)
        if count := int(differing.sum()):
            yield f"{count} of {len(expected)} rows are not what the runs give, in column {column!r}"


def _is_number(column: pd.Series) -> bool:
    return column.dtype.kind in "iuf"


def summary_problems(content: bytes, expected: pd.DataFrame) -> Problems:
    """Compare the table for people, which is rounded, with what it should be."""
    import pandas as pd

    table = pd.read_csv(
        BytesIO(content), dtype={name: float if _is_number(expected[name]) else str for name in expected}
    )
    if list(table.columns) != list(expected.columns) or len(table) != len(expected):
        yield "has other rows or columns than the runs give"
        return
    yield from _cell_problems(table, expected, tolerance=1e-5)


def verdict_problems(told: Mapping[str, Any], again: Mapping[str, Any]) -> Problems:
    """Yield where a claim's record is not the one that was judged again."""
    if told["verdict"] != again["verdict"]:
        yield f"{told['id']}: judged again from the tables it is {again['verdict']}, and {told['verdict']} is stated"
    elif place := _difference(told, again):
        yield f"{told['id']}: judged again from the tables, {place}"


def _difference(told: Any, again: Any, place: str = "") -> str:
    """Say where data differ, numbers in more than the last digits; nothing where they do not."""
    if isinstance(told, dict) and isinstance(again, dict):
        pairs = [(f"{place}.{key}".lstrip("."), told.get(key), again.get(key)) for key in {**again, **told}]
    elif isinstance(told, list) and isinstance(again, list) and len(told) == len(again):
        pairs = [(f"{place}[{number}]", *both) for number, both in enumerate(zip(told, again, strict=True))]
    else:
        is_float = isinstance(told, float) and isinstance(again, float)
        if told == again or (is_float and math.isclose(told, again, rel_tol=DIGITS, abs_tol=1e-12)):
            return ""
        return f"{place} is {short(again)}, and {short(told)} is stated"
    return next((found for at, a, b in pairs if (found := _difference(a, b, at))), "")


def short(value: Any) -> str:
    """Return a value for a message."""
    text = repr(value)
    return text if len(text) < 100 else f"{text[:97]}..."
