"""One suite for every place and format that a source can have: the same rows, whatever they lie in."""

import io
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet
import pytest
import urllib3
from minio import Minio

from sfumato.v1 import dataset_pb2, source_pb2
from sfumato_executor.sources.formats import BATCH_ROWS
from sfumato_executor.sources.opening import open_source
from sfumato_executor.sources.refusal import SourceRefusedError

ROWS = pa.table(
    {
        "name": pa.array(["a", "b,c", None, 'd"e', "f\ng"] * 40),
        "number": pa.array([1, None, 3, 4, 5] * 40, type=pa.int64()),
        "unasked": pa.array(range(200)),
    }
)


@dataclass(frozen=True)
class Settings:
    data_root: Path | None
    credentials_dir: Path | None


class Place(Protocol):
    settings: Settings

    def put(self, name: str, content: bytes) -> None: ...

    def source(self, name: str) -> source_pb2.Source: ...


class Directory:
    def __init__(self, root: Path) -> None:
        self.settings = Settings(root, None)
        self.root = root

    def put(self, name: str, content: bytes) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_bytes(content)

    def source(self, name: str) -> source_pb2.Source:
        return source_pb2.Source(path=source_pb2.PathSource(path=name))


class Bucket:
    def __init__(self, folder: Path, url: str) -> None:
        parsed = urllib3.util.parse_url(url)
        access, _, secret = (parsed.auth or "").partition(":")
        endpoint = f"{parsed.host}:{parsed.port}"
        self.client = Minio(endpoint, access, secret, secure=parsed.scheme == "https")
        self.bucket = f"source-{secrets.token_hex(6)}"
        self.client.make_bucket(self.bucket)
        held = {"endpoint": endpoint, "access_key": access, "secret_key": secret, "secure": parsed.scheme == "https"}
        (folder / "lake.json").write_text(json.dumps(held))
        self.settings = Settings(None, folder)

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(self.bucket, name, io.BytesIO(content), len(content))

    def source(self, name: str) -> source_pb2.Source:
        return source_pb2.Source(s3=source_pb2.S3Source(bucket=self.bucket, key=name, credentials="lake"))

    def close(self) -> None:
        for item in self.client.list_objects(self.bucket, recursive=True):
            self.client.remove_object(self.bucket, str(item.object_name))
        self.client.remove_bucket(self.bucket)


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "directory":
        yield Directory(tmp_path)
        return
    bucket = Bucket(tmp_path, os.environ["SFUMATO_TEST_S3_URL"])
    yield bucket
    bucket.close()


def encoded(rows: pa.Table, kind: str) -> bytes:
    sink = io.BytesIO()
    if kind == "parquet":
        parquet.write_table(rows, sink, row_group_size=64)
    elif kind == "csv":
        arrow_csv.write_csv(rows, sink)
    elif kind == "stream":
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
    else:
        with pa.ipc.new_file(sink, rows.schema) as writer:
            writer.write_table(rows, max_chunksize=64)
    return sink.getvalue()


def dataset(source: source_pb2.Source, **csv: object) -> dataset_pb2.Dataset:
    made = dataset_pb2.Dataset(source=source)
    made.schema.columns.add(name="number").integer.upper = 10
    made.schema.columns.add(name="name").text.SetInParent()
    if csv:
        made.source.format.csv.MergeFrom(source_pb2.CsvFormat(**csv))  # type: ignore[arg-type]
    return made


def read(place: Place, wanted: dataset_pb2.Dataset) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for batch in open_source(wanted, place.settings):
        assert batch.num_rows <= BATCH_ROWS
        rows += batch.to_pylist()
    return rows


def same(rows: list[dict[str, object]], wanted: pa.Table) -> bool:
    numbers = [None if row["number"] is None else int(str(row["number"])) for row in rows]
    names = [row["name"] for row in rows]
    return (numbers, names) == (wanted["number"].to_pylist(), wanted["name"].to_pylist())


@pytest.mark.parametrize("kind", ["parquet", "csv", "arrow", "stream"])
def test_every_format_gives_the_same_rows(place: Place, kind: str) -> None:
    name = f"rows.{'arrow' if kind == 'stream' else kind}"
    place.put(name, encoded(ROWS, kind))
    rows = read(place, dataset(place.source(name)))
    assert same(rows, ROWS)
    assert set(rows[0]) == {"number", "name"}  # projected: what nobody declared is not read


def test_star_reads_matching_files_by_name(place: Place) -> None:
    for part in (2, 0, 1):
        place.put(f"parts/p{part}.parquet", encoded(ROWS.slice(part * 50, 50), "parquet"))
    place.put("parts/deeper/p9.parquet", encoded(ROWS, "parquet"))
    place.put("parts/p3.csv", encoded(ROWS, "csv"))
    assert same(read(place, dataset(place.source("parts/p*.parquet"))), ROWS.slice(0, 150))


def test_large_file_comes_in_bounded_batches(place: Place) -> None:
    large = pa.table({"name": ["x"] * 200_000, "number": range(200_000)})
    place.put("large.arrow", encoded(large, "stream"))
    batches = list(open_source(dataset(place.source("large.arrow")), place.settings))
    assert max(batch.num_rows for batch in batches) <= BATCH_ROWS
    assert sum(batch.num_rows for batch in batches) == 200_000


def test_dialect_of_csv(place: Place) -> None:
    place.put("rows.txt", "7;'x;é'\nNA;'NA'\n".encode("latin-1"))
    asked = dataset(
        place.source("rows.txt"), delimiter=";", quote="'", headerless=True, null_values=["NA"], encoding="latin-1"
    )
    assert read(place, asked) == [{"number": "7", "name": "x;é"}, {"number": None, "name": None}]


def test_file_without_rows_still_shows_its_columns(place: Place) -> None:
    place.put("none.parquet", encoded(ROWS.slice(0, 0), "parquet"))
    batches = list(open_source(dataset(place.source("none.parquet")), place.settings))
    assert [set(batch.schema.names) for batch in batches] == [{"number", "name"}]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("absent.parquet", None, "absent.parquet"),
        ("none-*.parquet", None, "matches none-"),
        ("broken.parquet", b"no parquet at all", "cannot be read as parquet"),
        ("broken.csv", b"number,name\n1,2,3\n", "cannot be read as csv"),
        ("broken.arrow", b"ARROW1" + bytes(80), "cannot be read as arrow"),
        ("rows.json", b"{}", "does not end in"),
    ],
)
def test_what_cannot_be_read_is_refused(place: Place, name: str, content: bytes | None, problem: str) -> None:
    if content is not None:
        place.put(name, content)
    with pytest.raises(SourceRefusedError, match=problem):
        read(place, dataset(place.source(name)))


def test_nothing_is_read_outside_the_root(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    place = Directory(root)
    place.put("fine.parquet", encoded(ROWS, "parquet"))
    (outside / "secret.parquet").write_bytes(encoded(ROWS, "parquet"))
    (root / "link.parquet").symlink_to(outside / "secret.parquet")
    (root / "folder").symlink_to(outside)
    for name in (
        "../outside/secret.parquet",
        "/etc/passwd",
        "link.parquet",
        "l*.parquet",
        "folder/secret.parquet",
        "folder/*.parquet",
        "fine.parquet/../../outside/secret.parquet",
        "folder",
    ):
        with pytest.raises(SourceRefusedError):
            read(place, dataset(place.source(name)))
    assert same(read(place, dataset(place.source("f*.parquet"))), ROWS)


def test_no_root_and_no_credentials_serve_nothing(tmp_path: Path) -> None:
    closed = Settings(None, None)
    for source in (
        source_pb2.Source(path=source_pb2.PathSource(path="a.csv")),
        source_pb2.Source(s3=source_pb2.S3Source(bucket="lake", key="a.csv")),
    ):
        with pytest.raises(SourceRefusedError):
            list(open_source(dataset(source), closed))


@pytest.mark.parametrize("held", ["{", '{"endpoint": "x"}', '{"endpoint":"x","access_key":"k3y","secret_key":7}'])
def test_broken_credentials_are_not_told(tmp_path: Path, held: str) -> None:
    (tmp_path / "lake.json").write_text(held)
    source = source_pb2.Source(s3=source_pb2.S3Source(bucket="lake", key="a.csv", credentials="lake"))
    with pytest.raises(SourceRefusedError) as refused:
        list(open_source(dataset(source), Settings(None, tmp_path)))
    assert "k3y" not in refused.value.problem
