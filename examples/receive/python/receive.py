"""Hears what happens in your WhatsApp organization:  pip install standardwebhooks && WAZAPP_SECRET=whsec_… python3 receive.py

The secret is the one that was shown when the endpoint was made.
"""

import json
import os
import queue
import threading
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WAZAPP_SECRET"])
waiting: queue.SimpleQueue = queue.SimpleQueue()
# The newest ids that came. Keep them in a table, as a unique column, where a restart must not forget them.
known: OrderedDict[str, None] = OrderedDict()
lock = threading.Lock()
# More than any call has: nobody who is not wazapp has us keep what they like.
MOST = 8 << 20


def is_new(call_id):
    """Whether a call came for the first time: one whose answer was lost comes again, under the same id."""
    with lock:
        if call_id in known:
            return False
        known[call_id] = None
        if len(known) > 10_000:
            known.popitem(last=False)
        return True


def work(event):
    """What you do with an event."""
    print(f"{event['type']} {event['id']}: {(event['data'] or {}).get('text') or ''}", flush=True)


class Hook(BaseHTTPRequestHandler):
    timeout = 30  # Who says nothing for so many seconds is let go.

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit() and int(length) <= MOST):
            return self.send_error(413)
        # The signature is over the bytes as they came: JSON that is read and written again has others.
        body = self.rfile.read(int(length))
        try:
            # It is refused too if it is older than five minutes: then somebody kept it, and sends it again.
            webhook.verify(body, dict(self.headers), json_parse=False)
        except (WebhookVerificationError, ValueError):
            return self.send_error(401, "not signed by wazapp")
        # Acknowledged first, then worked on: an answer within 15 seconds means that you have it.
        if is_new(self.headers["webhook-id"]):
            waiting.put(json.loads(body))
        self.send_response(202)
        self.end_headers()


def work_on():
    while True:
        told = waiting.get()
        # An endpoint that gathers tells several at once.
        for event in told["events"] if told["type"] == "events" else [told]:
            try:
                work(event)
            except Exception as error:  # One that fails does not hold up the others.
                print(f"event {event['id']}: {error!r}", flush=True)


threading.Thread(target=work_on, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8000"))), Hook)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
