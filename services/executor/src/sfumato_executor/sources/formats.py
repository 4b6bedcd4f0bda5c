"""Files of each format as streams of Arrow record batches."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from sfumato.v1 import source_pb2
from sfumato_executor.sources.refusal import SourceRefusedError

BATCH_ROWS = 65_536
_CSV_BLOCK = 4 << 20
_ARROW_MAGIC = b"ARROW1"
_ENDINGS = {".parquet": "parquet", ".csv": "csv", ".arrow": "arrow"}


def read_file(
    name: str, file: BinaryIO, file_format: source_pb2.FileFormat, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Record batches of a file, at most BATCH_ROWS rows each, with those of `columns` that it has.

    Values of CSV files are texts, whatever they look like: no type is guessed from other rows.

    Args:
        name: for its ending, where no format is said, and for problems.
        file: seekable.
        file_format: the format; unset: by the ending.
        columns: those wanted; for a CSV file without names, all of its columns in order.

    Raises:
        SourceRefusedError: the file is not of the format.
    """
    kind = file_format.WhichOneof("kind") or _by_ending(name)
    try:
        if kind == "parquet":
            yield from _parquet(file, columns)
        elif kind == "csv":
            yield from _csv(file, file_format.csv, columns)
        else:
            yield from _arrow(file, columns)
    except (pa.ArrowException, OSError, LookupError, UnicodeError) as error:
        raise SourceRefusedError(f"{name} cannot be read as {kind}: {str(error)[:500]}") from None


def _by_ending(name: str) -> str:
    for ending, kind in _ENDINGS.items():
        if name.lower().endswith(ending):
            return kind
    raise SourceRefusedError(f"{name} does not end in {', '.join(_ENDINGS)}, and no format is said")


def _parquet(file: BinaryIO, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with parquet.ParquetFile(file) as opened:
        names = [name for name in opened.schema_arrow.names if name in set(columns)]
        empty = True
        for batch in opened.iter_batches(batch_size=BATCH_ROWS, columns=names):
            empty = False
            yield batch
        if empty:
            yield from _no_rows(opened.schema_arrow, columns)


def _csv(file: BinaryIO, dialect: source_pb2.CsvFormat, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    reader = arrow_csv.open_csv(
        file,
        read_options=arrow_csv.ReadOptions(
            block_size=_CSV_BLOCK,
            column_names=list(columns) if dialect.headerless else None,
            encoding=dialect.encoding or "utf8",
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=dialect.delimiter or ",", quote_char=dialect.quote or '"', newlines_in_values=True
        ),
        convert_options=arrow_csv.ConvertOptions(
            default_column_type=pa.string(),
            null_values=["", *dialect.null_values],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    with reader:
        yield from _no_rows(reader.schema, columns)
        for batch in reader:
            yield from _pieces(batch, columns)


def _arrow(file: BinaryIO, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    start = file.read(len(_ARROW_MAGIC))
    file.seek(0)
    if start != _ARROW_MAGIC:
        with pa.ipc.open_stream(file) as stream:
            yield from _no_rows(stream.schema, columns)
            for batch in stream:
                yield from _pieces(batch, columns)
        return
    with pa.ipc.open_file(file) as opened:
        yield from _no_rows(opened.schema, columns)
        for index in range(opened.num_record_batches):
            yield from _pieces(opened.get_batch(index), columns)


def _no_rows(schema: pa.Schema, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """A batch without rows, so that a missing column is seen in an empty file too."""
    none = pa.record_batch([pa.array([], type=field.type) for field in schema], schema=schema)
    yield from _pieces(none, columns)


def _pieces(batch: pa.RecordBatch, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    wanted = set(columns)
    chosen = batch.select([name for name in batch.schema.names if name in wanted])
    for begin in range(0, max(chosen.num_rows, 1), BATCH_ROWS):
        yield chosen.slice(begin, BATCH_ROWS)
