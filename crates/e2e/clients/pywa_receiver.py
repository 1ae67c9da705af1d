"""pywa's own receiver behind endpoints of the format `meta`: says of every body what came of it, a line of JSON each.

SECRETS: the endpoints' secrets by path, as JSON; VERIFY_TOKEN: the word of the handshake.
"""

import contextvars
import hashlib
import json
import logging
import os
import socket

import uvicorn
from pywa import WhatsApp, handlers
from starlette.applications import Starlette

# What becomes of the body that is at work; pywa works behind its answer, in the same context.
at_work = contextvars.ContextVar("at_work")


class Complaints(logging.Handler):
    """What pywa says of a body that it cannot read goes to its log alone."""

    def emit(self, record):
        error = record.exc_info[1] if record.exc_info else None
        at_work.get()["complaints"].append(repr(error) if error else str(record.msg))


logging.getLogger("pywa").addHandler(Complaints(logging.WARNING))


def note(_, update):
    read = {"kind": type(update).__name__, "id": getattr(update, "id", None)}
    at_work.get()["read"].append(read)


def receiver(path, secret):
    """One WhatsApp client of pywa, with a handler for all that it knows."""
    server = Starlette()
    client = WhatsApp(
        server=server,
        verify_token=os.environ["VERIFY_TOKEN"],
        app_secret=secret,
        filter_updates=False,
        skip_duplicate_updates=False,  # A body comes through wazapp, and then as Meta would send it.
    )
    kinds = [kind for kind in vars(handlers).values() if isinstance(kind, type) and issubclass(kind, handlers.Handler)]
    bases = {base for kind in kinds for base in kind.__mro__[1:]}
    client.add_handlers(*(kind(note) for kind in kinds if kind not in bases))
    return server


RECEIVERS = {path: receiver(path, secret) for path, secret in json.loads(os.environ["SECRETS"]).items()}


async def app(scope, receive, send):
    """Leads each path to its receiver, and looks on."""
    if scope["type"] != "http" or scope["path"] not in RECEIVERS:
        raise LookupError(scope)
    body, became = hashlib.sha256(), {"path": scope["path"], "method": scope["method"], "read": [], "complaints": []}
    at_work.set(became)

    async def received():
        message = await receive()
        body.update(message.get("body", b""))
        return message

    async def sent(message):
        if message["type"] == "http.response.start":
            became["status"] = message["status"]
        await send(message)

    try:
        await RECEIVERS[scope["path"]]({**scope, "path": "/"}, received, sent)
    except Exception as error:  # Behind its answer, which is 200.
        became["complaints"].append(repr(error))
    print(json.dumps({**became, "body": body.hexdigest()}), flush=True)


listener = socket.create_server(("127.0.0.1", 0))
print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off")).run(sockets=[listener])
