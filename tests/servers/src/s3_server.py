"""S3 by moto, on a server that keeps connections open as services do: moto's own closes each."""

import sys

from cheroot.wsgi import Server
from moto.moto_server.werkzeug_app import create_backend_app
from moto.server import DomainDispatcherApplication

application = DomainDispatcherApplication(create_backend_app)
Server(
    (sys.argv[1], int(sys.argv[2])),
    application,
    numthreads=16,
    request_queue_size=128,
    timeout=60,
).start()
