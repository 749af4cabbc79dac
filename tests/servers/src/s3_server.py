"""S3 by moto, on a server that keeps connections open as services do: moto's own closes each."""

import io
import sys
from threading import Lock

from cheroot.wsgi import Server
from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import FakeKey
from moto.server import DomainDispatcherApplication

application = DomainDispatcherApplication(create_backend_app)
one_at_a_time = Lock()


def serve(environ, start_response):
    """Refuses a request of which the end is missing, as the server hands on what came of it; and answers one
    after the other, as moto looks whether there is an object and then makes it."""
    expected = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(expected) if expected else b""
    if len(body) < expected:
        start_response("400 Bad Request", [("Content-Length", "0")])
        return []
    environ["wsgi.input"] = io.BytesIO(body)
    with one_at_a_time:
        return application(environ, start_response)


read_all, write_all = FakeKey.value.fget, FakeKey.value.fset


def kept(key):
    """An object's bytes, kept: moto reads all of them again, 30 ms for 32 MiB, for each part that is asked for."""
    if "bytes_kept" not in key.__dict__:
        key.bytes_kept = read_all(key)
    return key.bytes_kept


def write(key, content):
    key.__dict__.pop("bytes_kept", None)
    write_all(key, content)


FakeKey.value = property(kept, write)

address = (sys.argv[1], int(sys.argv[2]))
Server(address, serve, numthreads=16, request_queue_size=128, timeout=60).start()
