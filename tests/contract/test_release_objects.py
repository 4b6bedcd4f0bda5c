"""One suite for the store of releases, marks and prepared data, over a directory and over a real bucket."""

import json
import os
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sfumato_executor.releases.bucket_objects import BucketObjects
from sfumato_executor.releases.directory_objects import DirectoryObjects
from sfumato_executor.releases.marks import Mark, MarkConflictError, Marks, MarkUnreadableError
from sfumato_executor.releases.objects import ObjectStore, StoreUnavailableError
from sfumato_executor.releases.opening import open_stores
from sfumato_executor.releases.prepared import BucketPrepared, DirectoryPrepared, PreparedData
from sfumato_executor.releases.store import ReleaseStore
from sfumato_executor.sources.credentials import BucketCredentials

HASH = bytes(range(32))
POPULATION = "populations/palmer"


@dataclass(frozen=True)
class Place:
    """A place for objects, opened as often as a test wants processes."""

    objects: Callable[[], ObjectStore]
    prepared: Callable[[], PreparedData]


def _directory(tmp_path: Path) -> Place:
    def objects() -> DirectoryObjects:
        return DirectoryObjects(tmp_path / "releases")

    return Place(objects, lambda: DirectoryPrepared(objects()))


def _access(url: str) -> BucketCredentials:
    parsed = urlsplit(url)
    return BucketCredentials(
        f"{parsed.hostname}:{parsed.port}", parsed.username or "", parsed.password or "", parsed.scheme == "https"
    )


def _bucket(tmp_path: Path) -> Place:
    url = os.environ.get("SFUMATO_TEST_S3_URL")
    if not url:
        pytest.fail("SFUMATO_TEST_S3_URL is not set: `make services` starts MinIO, or name your own")
    access = _access(url)
    bucket = f"releases-{uuid.uuid4().hex}"
    BucketObjects(access, bucket).make_bucket()

    def objects() -> BucketObjects:
        return BucketObjects(access, bucket, "sfumato/")

    return Place(objects, lambda: BucketPrepared(objects(), tmp_path / f"cache-{uuid.uuid4().hex}"))


@pytest.fixture(params=["directory", pytest.param("bucket", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return {"directory": _directory, "bucket": _bucket}[request.param](tmp_path)


@pytest.fixture
def objects(place: Place) -> ObjectStore:
    return place.objects()


def test_small_objects_of_a_directory_are_at_hand(objects: ObjectStore) -> None:
    objects.put_if_absent("releases/ab/one", b"x" * 100)
    at_hand = b"x" * 100 if isinstance(objects, DirectoryObjects) else None
    assert objects.read_at_once("releases/ab/one", 100) == at_hand
    assert objects.read_at_once("releases/ab/one", 99) is None
    assert objects.read_at_once("releases/ab/none", 99) is None


def test_put_is_once(objects: ObjectStore) -> None:
    assert objects.put_if_absent("releases/ab/one", b"first")
    assert not objects.put_if_absent("releases/ab/one", b"second")
    stored = objects.read("releases/ab/one")
    assert stored is not None
    assert stored.data == b"first"
    assert objects.read("releases/ab/two") is None
    assert objects.read("releases/ab") is None


def test_put_once_has_one_winner(place: Place) -> None:
    stores = [place.objects() for _ in range(16)]
    barrier = threading.Barrier(len(stores))

    def put(index: int) -> bool:
        barrier.wait()
        return stores[index].put_if_absent("releases/ab/race", b"%d" % index)

    with ThreadPoolExecutor(len(stores)) as pool:
        won = list(pool.map(put, range(len(stores))))
    assert won.count(True) == 1
    stored = stores[0].read("releases/ab/race")
    assert stored is not None
    assert stored.data == b"%d" % won.index(True)


def test_replace_asks_for_the_version(objects: ObjectStore) -> None:
    assert not objects.replace("marks/one", b"x", "version-of-nothing")
    assert objects.replace("marks/one", b"1", None)
    assert not objects.replace("marks/one", b"2", None)
    first = objects.read("marks/one")
    assert first is not None
    assert objects.replace("marks/one", b"2", first.version)
    assert not objects.replace("marks/one", b"3", first.version)
    second = objects.read("marks/one")
    assert second is not None
    assert second.data == b"2"


def test_keys_come_in_order_and_go_on_after_any(objects: ObjectStore) -> None:
    keys = sorted(["a/b/one", "a/b.two", "a/bc/three", "a/c", "b/d"])
    for key in reversed(keys):
        objects.put_if_absent(key, b"")
    assert [each.key for each in objects.keys("")] == keys
    assert [each.key for each in objects.keys("a/")] == [key for key in keys if key.startswith("a/")]
    assert [each.key for each in objects.keys("a/b")] == [key for key in keys if key.startswith("a/b")]
    for position in keys:
        assert [each.key for each in objects.keys("", after=position)] == [key for key in keys if key > position]
    age = datetime.now(UTC) - next(iter(objects.keys("a/c"))).modified
    assert abs(age) < timedelta(minutes=1)


def test_delete_twice(objects: ObjectStore) -> None:
    objects.put_if_absent("releases/ab/one", b"x")
    objects.delete("releases/ab/one")
    objects.delete("releases/ab/one")
    assert objects.read("releases/ab/one") is None
    assert list(objects.keys("")) == []


def test_files(objects: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(6 << 20))
    objects.put_file("prepared/x/file", path)
    assert objects.get_file("prepared/x/file", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()
    assert not objects.get_file("prepared/x/other", tmp_path / "other")


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "../a", "a/../b", "a//b", ".hidden", "a/.b", "a b", "a\0", "ä", "x" * 600]
)
def test_no_key_leaves_the_root(objects: ObjectStore, key: str) -> None:
    for call in (objects.read, objects.delete, lambda name: objects.put_if_absent(name, b"")):
        with pytest.raises(ValueError, match="key"):
            call(key)


def test_writable(objects: ObjectStore) -> None:
    objects.check_writable()
    objects.check_writable()


def test_releases(objects: ObjectStore) -> None:
    store = ReleaseStore(objects)
    named = sorted((str(uuid.uuid4()), str(uuid.uuid4())) for _ in range(5))
    for query, attempt in named:
        assert store.put_if_absent(query, attempt, query.encode())
        assert not store.put_if_absent(query, attempt, b"other")
    listed = list(store.list_attempts())
    assert [(each.query_id, each.attempt) for each in listed] == named
    assert [each.query_id for each in store.list_attempts(after=listed[2].position)] == [
        query for query, _ in named[3:]
    ]
    assert store.get(*named[0]) == named[0][0].encode()
    store.delete(*named[0])
    assert store.get(*named[0]) is None
    assert [each.query_id for each in store.list_attempts()] == [query for query, _ in named[1:]]
    with pytest.raises(ValueError, match="UUID"):
        store.get("../../etc", named[0][1])


def test_mark_is_only_raised(objects: ObjectStore) -> None:
    marks = Marks(objects)
    assert marks.get(POPULATION) is None
    low, high = Mark(POPULATION, 3, HASH), Mark(POPULATION, 7, HASH)
    assert marks.raise_to(low) == low
    assert marks.raise_to(high) == high
    assert marks.raise_to(low) == high
    assert marks.get(POPULATION) == high
    with pytest.raises(MarkConflictError):
        marks.raise_to(Mark(POPULATION, 7, bytes(32)))
    assert marks.get(POPULATION) == high
    assert marks.get("populations/other") is None


def test_mark_of_many_writers_is_the_highest(place: Place) -> None:
    def raise_one(sequence: int) -> None:
        Marks(place.objects()).raise_to(Mark(POPULATION, sequence, HASH))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(raise_one, [5, 1, 9, 12, 3, 11, 2, 8, 10, 4, 7, 6]))
    mark = Marks(place.objects()).get(POPULATION)
    assert mark is not None
    assert mark.sequence == 12


@pytest.mark.parametrize(
    "data", [b"", b"{", b"{}", b'{"seq": "1", "hash": "00"}', json.dumps({"seq": "-1", "hash": HASH.hex()}).encode()]
)
def test_a_spoilt_mark_is_not_taken_for_none(objects: ObjectStore, data: bytes) -> None:
    objects.put_if_absent("marks/palmer.json", data)
    with pytest.raises(MarkUnreadableError):
        Marks(objects).get(POPULATION)
    with pytest.raises(MarkUnreadableError):
        Marks(objects).raise_to(Mark(POPULATION, 1, HASH))


def _filled(prepared: PreparedData, text: bytes) -> Path:
    folder = prepared.new_folder()
    folder.mkdir()
    (folder / "rows-0.arrow").write_bytes(text)
    (folder / "layout.json").write_bytes(b"{}")
    return folder


def test_prepared_is_published_once(place: Place) -> None:
    preparation = str(uuid.uuid4())
    first, second = place.prepared(), place.prepared()
    assert first.fetch(preparation) is None
    folders = [_filled(first, b"one"), _filled(second, b"two")]
    assert first.publish(preparation, folders[0])
    assert not second.publish(preparation, folders[1])
    assert not any(folder.exists() for folder in folders)
    for prepared in (first, second, place.prepared()):
        for _ in range(2):
            folder = prepared.fetch(preparation)
            assert folder is not None
            assert (folder / "rows-0.arrow").read_bytes() == b"one"
            assert (folder / "layout.json").exists()
    assert list(first.list_preparations()) == [preparation]
    first.delete(preparation)
    first.delete(preparation)
    assert place.prepared().fetch(preparation) is None
    assert list(first.list_preparations()) == []


def test_leftovers_go_and_published_data_stay(place: Place) -> None:
    preparation = str(uuid.uuid4())
    prepared = place.prepared()
    prepared.publish(preparation, _filled(prepared, b"one"))
    prepared.sweep_leftovers(datetime.now(UTC) + timedelta(minutes=5))
    folder = place.prepared().fetch(preparation)
    assert folder is not None
    assert (folder / "rows-0.arrow").read_bytes() == b"one"


def test_leftovers_of_a_directory(tmp_path: Path) -> None:
    directory = DirectoryObjects(tmp_path)
    prepared = DirectoryPrepared(directory)
    folder = _filled(prepared, b"half")
    prepared.sweep_leftovers(datetime.now(UTC) - timedelta(hours=1))
    assert folder.exists()
    prepared.sweep_leftovers(datetime.now(UTC) + timedelta(hours=1))
    assert not folder.exists()


@pytest.mark.servers
def test_leftovers_of_a_bucket(tmp_path: Path) -> None:
    place = _bucket(tmp_path)
    preparation, objects = str(uuid.uuid4()), place.objects()
    (tmp_path / "file").write_bytes(b"half")
    objects.put_file(f"prepared/{preparation}/copy/rows-0.arrow", tmp_path / "file")
    place.prepared().sweep_leftovers(datetime.now(UTC) - timedelta(hours=1))
    assert len(list(objects.keys("prepared/"))) == 1
    place.prepared().sweep_leftovers(datetime.now(UTC) + timedelta(hours=1))
    assert list(objects.keys("prepared/")) == []


def test_a_directory_that_cannot_be_written_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreUnavailableError):
        DirectoryObjects(tmp_path / "file" / "releases")
    store = DirectoryObjects(tmp_path / "releases")
    for folder in (".staging", ".locks"):
        (tmp_path / "releases" / folder).rmdir()
    with pytest.raises(StoreUnavailableError):
        store.check_writable()
    with pytest.raises(StoreUnavailableError):
        store.put_if_absent("releases/ab/one", b"x")


def test_a_bucket_that_is_away_says_nothing_of_its_secrets() -> None:
    access = BucketCredentials("127.0.0.1:9", "name", "very-secret", secure=False)
    assert "very-secret" not in repr(access)
    with pytest.raises(StoreUnavailableError) as caught:
        BucketObjects(access, "bucket").check_writable()
    assert "very-secret" not in str(caught.value)


@pytest.mark.servers
def test_a_bucket_that_is_not_there_is_away() -> None:
    objects = BucketObjects(_access(os.environ["SFUMATO_TEST_S3_URL"]), f"missing-{uuid.uuid4().hex}")
    with pytest.raises(StoreUnavailableError):
        objects.put_if_absent("releases/ab/one", b"x")
    with pytest.raises(StoreUnavailableError):
        objects.check_writable()
    with pytest.raises(StoreUnavailableError):
        objects.read("releases/ab/one")


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    (tmp_path / "credentials").mkdir()
    return tmp_path / "credentials"


def test_places(tmp_path: Path, credentials: Path) -> None:
    stores = open_stores(str(tmp_path / "here"), cache=tmp_path / "cache", credentials=None, credentials_name="")
    stores.releases.check_writable()
    assert isinstance(stores.prepared, DirectoryPrepared)
    with pytest.raises(ValueError, match="no credentials"):
        open_stores("s3://bucket", cache=tmp_path / "cache", credentials=None, credentials_name="store")
    with pytest.raises(ValueError, match="store"):
        open_stores("s3://bucket", cache=tmp_path / "cache", credentials=credentials, credentials_name="store")
    (credentials / "store.json").write_text(
        json.dumps({"endpoint": "127.0.0.1:9", "access_key": "a", "secret_key": "b", "secure": False})
    )
    stores = open_stores(
        "s3://bucket/deep", cache=tmp_path / "cache", credentials=credentials, credentials_name="store"
    )
    assert isinstance(stores.prepared, BucketPrepared)
