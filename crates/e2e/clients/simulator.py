"""What the Python scripts share: the simulator's control API, steps that are reported one by one, and receivers."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import socket
import sys
import threading
import time
import traceback
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from files import FILES as KINDS

SIMULATOR = os.environ["SIMULATOR"]
# Where wazapp answers in Meta's place, with the simulator behind it; None: the simulator answers itself.
WAZAPP = os.environ.get("WAZAPP")
# What is Meta to the client at test.
GRAPH = WAZAPP or SIMULATOR
SITE = os.environ["SITE"]
FILES = Path(os.environ["FILES"])
VERIFY_TOKEN = "a word between us"
PATIENCE = 20
failed, passed = [], []


@contextlib.contextmanager
def step(name):
    """One line of the report. A step that fails does not keep the others from being tried."""
    try:
        yield
    except Exception:
        failed.append(name)
        print(f"FAILED  {name}", traceback.format_exc(), sep="\n")
    else:
        passed.append(name)
        print(f"ok      {name}")


def skip(name, why):
    """A step that is not for this world, and why."""
    print(f"skipped {name}: {why}")


def finish():
    """Ends the script; its exit code says whether every step passed."""
    print(f"{len(passed)} passed, {len(failed)} failed", *failed, sep="\n  ")
    sys.stdout.flush()
    # Receivers run in threads that nobody waits for.
    os._exit(1 if failed or not passed else 0)


def same(actual, expected, what=""):
    assert actual == expected, f"{what}\n  is       {actual!r}\n  expected {expected!r}"


def wait_for(what, look):
    """Waits until `look` answers something true, and answers it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {PATIENCE} s for {what}"
        time.sleep(0.02)
    return found


def control(path, body=None, method=None):
    """Asks the control API."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{SIMULATOR}{path}", data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{path} answers {error.code}: {error.read().decode()}") from None


state = control("/_sim/state")
APP = state["app"]
BUSINESS, OTHER_BUSINESS = state["businesses"]
WABA, OTHER_WABA = BUSINESS["wabas"][0], OTHER_BUSINESS["wabas"][0]
if WAZAPP:
    # An API key is the access token there.
    WABA["token"], OTHER_WABA["token"] = os.environ["KEY"], os.environ["OTHER_KEY"]
NUMBER, TOKEN = WABA["numbers"][0]["phone_number_id"], WABA["token"]
DIGITS = "".join(filter(str.isdigit, WABA["numbers"][0]["display_phone_number"]))


def customer_writes(message, sender, name="Zoë 🌻", number=NUMBER):
    """A customer's phone sends Meta's message object; answers its wamid."""
    body = {"phone_number_id": number, "from": sender, "profile_name": name, **message}
    return control("/_sim/messages", body)["id"]


def a_file(name, **more):
    """A file that a customer sends."""
    mime, content = KINDS[name]
    return {"mime_type": mime, "data": base64.b64encode(content).decode(), **more}


def accepted(wamid, number=NUMBER):
    """The body of the one request that Meta accepted as this message."""
    rows = control(f"/_sim/accepted?phone_number_id={number}")["data"]
    rows = [row for row in rows if row["id"] == wamid and row["kind"] == "message"]
    same(len(rows), 1, f"accepted requests of {wamid}")
    return rows[0]["request"]


def was_read(wamid, typing=None):
    """Requires that the last read receipt that Meta accepted for a message is this one."""
    rows = control(f"/_sim/accepted?phone_number_id={NUMBER}")["data"]
    rows = [row for row in rows if row["id"] == wamid and row["kind"] == "read"]
    assert rows, f"no read receipt of {wamid} was accepted"
    same(rows[-1]["request"].get("typing_indicator"), typing, "typing_indicator")


def kept(wamid):
    """A message as wazapp's own API shows it."""
    url = f"{WAZAPP}/api/v1/messages?wamid={urllib.parse.quote(wamid)}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        rows = json.load(answer)["data"]
    same(len(rows), 1, f"messages of {wamid} in wazapp's API")
    return rows[0]


def echoed(wamid, word):
    """What Meta's statuses bring back where a send asked for this word: to wazapp its own id, and the message has the
    word."""
    if not WAZAPP:
        return word
    message = kept(wamid)
    same(message["callback_data"], word, "callback_data")
    return message["id"]


def bare(value):
    """The same without what is null or empty, some of which wazapp leaves out."""
    if isinstance(value, dict):
        return {name: bare(inner) for name, inner in value.items() if inner not in (None, "")}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def was_sent(wamid, to, kind, content, reply_to=None, **more):
    """Requires that Meta accepted exactly this message, and that wazapp, if it stands between, shows it."""
    assert wamid.startswith("wamid."), f"not a message id: {wamid}"
    request = accepted(wamid)
    if "biz_opaque_callback_data" in more:
        more["biz_opaque_callback_data"] = echoed(wamid, more["biz_opaque_callback_data"])
    if WAZAPP:
        message, content, request[kind] = kept(wamid), bare(content), bare(request[kind])
        found = (message["direction"], message["type"], bare(message["payload"][kind]))
        same(found, ("outbound", kind, content), "as wazapp's API shows it")
    same(request["messaging_product"], "whatsapp", "messaging_product")
    same(request["to"], to, "to")
    same(request["type"], kind, "type")
    same(request[kind], content, kind)
    same(request.get("context"), reply_to and {"message_id": reply_to}, "context")
    for name, value in more.items():
        same(request.get(name), value, name)


def fails_next(**fault):
    """Meta fails the next call like this."""
    control("/_sim/faults", [{"kind": "error", "count": 1, **fault}])


def graph(method, path, body=None, token=TOKEN):
    """A call that the client at test does not know."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{GRAPH}/v23.0/{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def one_update_a_post():
    """For receivers that read only the first update of a POST: Meta sends each alone."""
    control("/_sim/batching", {"share": 0})


def new_number(phone):
    """A number is added to the account, as its owner does; it has neither a code nor a registration yet."""
    return graph("POST", f"{WABA['id']}/phone_numbers", {"cc": "1", "phone_number": phone, "verified_name": "Lucero"})[
        "id"
    ]


def code_sent_to(number):
    """The code that Meta sent to a number by SMS."""
    businesses = control("/_sim/state")["businesses"]
    numbers = [row for business in businesses for waba in business["wabas"] for row in waba["numbers"]]
    return next(row["code"] for row in numbers if row["phone_number_id"] == number)


def approve(template):
    """Meta's review of a template ends well."""
    control(f"/_sim/templates/{template}", {"event": "APPROVED"})


def approved_template(name, components, category="UTILITY", language="en_US"):
    """Creates a template, for clients that know none, and has it approved."""
    body = {"name": name, "language": language, "category": category, "components": components}
    template = graph("POST", f"{WABA['id']}/message_templates", body)["id"]
    approve(template)
    same(graph("GET", template)["status"], "APPROVED")
    return template


def all_webhooks_taken():
    """Requires that the receiver said 200 to every webhook at the first try."""

    def tried():
        posts = control("/_sim/ledger")["posts"]
        return posts if all(post["tries"] for post in posts) else None

    posts = wait_for("a try of every webhook", tried)
    assert posts, "no webhook was sent"
    tries = [(post["fields"], [made["status"] for made in post["tries"]], post["body"]) for post in posts]
    same([post for post in tries if post[1] != [200]], [], "webhooks that were not taken at once")


def point_webhooks_to(port, path="/webhook"):
    """Meta shakes hands with a receiver here, and delivers there from now on."""
    control("/_sim/callback", {"url": forked(port, path), "verify_token": VERIFY_TOKEN})


def forked(port, path):
    """Webhooks go to wazapp too, if it stands between."""
    url = f"http://127.0.0.1:{port}{path}"
    return f"{os.environ['FORK']}/?{urllib.parse.urlencode({'to': url})}" if WAZAPP else url


def refused_handshake(port, path="/webhook"):
    """Meta comes with a word that is not the receiver's."""
    body = {"url": forked(port, path), "verify_token": "another word"}
    try:
        control("/_sim/callback", body)
    except AssertionError as error:
        assert "answers 400" in str(error), error
    else:
        raise AssertionError("a receiver took a wrong verify token")


def signature(body):
    return "sha256=" + hmac.new(APP["secret"].encode(), body, hashlib.sha256).hexdigest()


def checks_signatures(port, path="/webhook"):
    """Requires that a receiver refuses a forged signature and takes Meta's, of the status of an unknown message."""
    status = {"id": "wamid.unknown", "status": "read", "timestamp": "1", "recipient_id": "16505550000"}
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": DIGITS, "phone_number_id": NUMBER},
        "contacts": [{"profile": {"name": "Ann"}, "wa_id": "16505550000", "user_id": "US.1"}],
        "statuses": [status],
    }
    entry = {"id": WABA["id"], "changes": [{"field": "messages", "value": value}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()

    def post(signature):
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signature}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    forged = post("sha256=" + "0" * 64)
    assert forged in (401, 403), f"a forged signature is answered {forged}"
    same(post(signature(body)), 200, "Meta's own signature")


def free_port():
    """A listening socket on a free port of loopback."""
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


class Received:
    """What a receiver got, for the script to wait for."""

    def __init__(self):
        self.items = []

    def add(self, item):
        self.items.append(item)

    def wait(self, what, wanted):
        return wait_for(what, lambda: next((item for item in self.items if wanted(item)), None))


class Receiver:
    """For a client without one: shakes hands, checks signatures, keeps bodies."""

    def __init__(self):
        self.bodies = bodies = Received()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                known = query.get("hub.verify_token") == VERIFY_TOKEN and query.get("hub.mode") == "subscribe"
                self.answer(*((200, query["hub.challenge"]) if known else (403, "")))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not hmac.compare_digest(self.headers["X-Hub-Signature-256"], signature(body)):
                    return self.answer(401, "")
                bodies.add(json.loads(body))
                return self.answer(200, "")

            def answer(self, status, text):
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
