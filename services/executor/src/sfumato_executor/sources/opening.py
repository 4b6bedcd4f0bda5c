"""A dataset's source as one stream of record batches."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa

from sfumato.v1 import dataset_pb2, source_pb2
from sfumato_executor.sources.bucket_files import bucket_files
from sfumato_executor.sources.credentials import bucket_credentials
from sfumato_executor.sources.formats import read_file
from sfumato_executor.sources.local_files import local_files
from sfumato_executor.sources.refusal import SourceRefusedError


class SourceSettings(Protocol):
    """What the executor allows."""

    @property
    def data_root(self) -> Path | None:
        """Root of local files; None: none are served."""
        ...

    @property
    def credentials_dir(self) -> Path | None:
        """Folder of named credentials; None: no bucket is read."""
        ...


def open_source(dataset: dataset_pb2.Dataset, settings: SourceSettings) -> Iterator[pa.RecordBatch]:
    """Record batches with the schema's columns, in the order of files and rows, in bounded memory.

    Nothing is opened before the first batch is asked for.

    Raises:
        SourceRefusedError: while batches are read; see `SourceRefusedError.problem`.
    """
    columns = [column.name for column in dataset.schema.columns]
    for name, file in _files(dataset.source, settings):
        yield from read_file(name, file, dataset.source.format, columns)


def _files(source: source_pb2.Source, settings: SourceSettings) -> Iterator[tuple[str, BinaryIO]]:
    kind = source.WhichOneof("kind")
    if kind == "path":
        return local_files(source.path, settings.data_root)
    if kind == "s3":
        return bucket_files(source.s3, bucket_credentials(settings.credentials_dir, source.s3.credentials))
    raise SourceRefusedError("the dataset has no source")
