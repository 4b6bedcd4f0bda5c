"""A mesh's rooms on the servers that it shares with others: made before it starts, taken away when it is to be gone."""

from urllib.parse import urlsplit

import pymongo
from celery import Celery
from minio import Minio
from minio.deleteobjects import DeleteObject

from scripts.mesh.layout import Names, Servers


def object_store(s3: str) -> Minio:
    """Return a client of an S3 store that is named as http://KEY:SECRET@HOST:PORT."""
    server = urlsplit(s3)
    endpoint = f"{server.hostname}:{server.port}"
    return Minio(endpoint, access_key=server.username, secret_key=server.password, secure=server.scheme == "https")


def make_buckets(client: Minio, names: Names) -> None:
    """Make the mesh's two buckets, unless they are there."""
    for name in (names.releases, names.lake):
        if not client.bucket_exists(name):
            client.make_bucket(name)


def take_away(servers: Servers, names: Names) -> None:
    """Remove all that a mesh has left on the servers. Its processes are to have ended."""
    client = object_store(servers.s3)
    for name in (names.releases, names.lake):
        if client.bucket_exists(name):
            objects = [DeleteObject(str(each.object_name)) for each in client.list_objects(name, recursive=True)]
            for error in client.remove_objects(name, objects):
                raise RuntimeError(f"{name}: {error}")
            client.remove_bucket(name)
    with pymongo.MongoClient[dict[str, object]](servers.mongodb) as database:
        database.drop_database(names.database)
    options = {"global_keyprefix": f"{names.queues}."} if servers.broker.startswith("redis") else {}
    app = Celery("cleaning", broker=servers.broker, set_as_current=False, broker_transport_options=options)
    with app.connection_for_write() as connection, connection.channel() as channel:
        for kind in ("queries", "preparations"):
            channel.queue_delete(f"{names.queues}.{kind}")
            channel.exchange_delete(f"{names.queues}.{kind}")
