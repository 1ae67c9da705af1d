"""wazapp in front of the simulator: the server, its organizations with their numbers and keys, and a fork of Meta's
webhooks, which wazapp needs as much as the receiver at test does."""

import asyncio
import contextlib
import json
import os
import urllib.error
import urllib.parse
import urllib.request

SERVER, FORK = 8080, 8070
PATIENCE = 20


class Wazapp:
    """A server at work, to which organizations are added."""

    def __init__(self, folder, meta, state):
        self.folder, self.numbers, self.process = folder, {}, None
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WAZAPP_")}
        self.environment = environment | {
            "WAZAPP_DATABASE_URL": os.environ["WAZAPP_DATABASE_URL"],
            "WAZAPP_DATA_DIR": str(folder / "wazapp"),
            "WAZAPP_LISTEN": f"127.0.0.1:{SERVER}",
            "WAZAPP_PUBLIC_URL": "https://graph.facebook.com",
            "WAZAPP_GRAPH_URL": meta,
            "WAZAPP_META_APP_ID": state["app"]["id"],
            "WAZAPP_META_APP_SECRET": state["app"]["secret"],
            "WAZAPP_META_VERIFY_TOKEN": "a word of its own",
        }

    async def start(self):
        log = (self.folder / "wazapp.log").open("wb")
        self.process = await asyncio.create_subprocess_exec(
            os.environ["WAZAPP_BIN"], "serve", stdout=log, stderr=log, env=self.environment
        )
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while await asyncio.to_thread(ask, f"http://127.0.0.1:{SERVER}/readyz") != 200:
            if self.process.returncode is not None:
                raise SystemExit(f"wazapp ended ({self.process.returncode}) before it was ready")
            if asyncio.get_running_loop().time() > deadline:
                raise SystemExit(f"wazapp is not ready after {PATIENCE} s")
            await asyncio.sleep(0.02)

    async def command(self, *arguments):
        process = await asyncio.create_subprocess_exec(
            os.environ["WAZAPP_BIN"], *arguments, "--json", stdout=asyncio.subprocess.PIPE, env=self.environment
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise SystemExit(f"wazapp {' '.join(arguments[:2])} failed ({process.returncode})")
        return json.loads(said)

    async def organization(self, business):
        """An organization with all of a portfolio's numbers; answers its API key."""
        slug = (await self.command("org", "create", business["name"]))["slug"]
        key = (await self.command("key", "create", "--org", slug))["key"]
        for waba in business["wabas"]:
            for number in waba["numbers"]:
                ids = ["--phone-number-id", number["phone_number_id"], "--waba-id", waba["id"]]
                await self.command(
                    "number", "connect", "--org", slug, *ids, "--token", waba["token"], "--skip-checks"
                )
                self.numbers[number["phone_number_id"]] = key
        return key

    async def forked(self, reader, writer):
        """Takes one request of Meta's: a handshake is the receiver's, a webhook is wazapp's first and then the
        receiver's, which hears of a message when wazapp knows it."""
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            headers = {name.lower(): value for name, value in headers.items()}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            query = urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query, keep_blank_values=True)
            to = dict(query)["to"]
            if method == "GET":
                handshake = urllib.parse.urlencode([pair for pair in query if pair[0] != "to"])
                status, text = await asyncio.to_thread(exchange, f"{to}?{handshake}", None, {})
            else:
                kept = {name: value for name, value in headers.items() if name.startswith(("content-type", "x-hub-"))}
                status, text = await asyncio.to_thread(
                    exchange, f"http://127.0.0.1:{SERVER}/webhook", body, kept
                )
                if status == 200:
                    await self.knows(json.loads(body))
                    status, text = await asyncio.to_thread(exchange, to, body, kept)
            answer = f"HTTP/1.1 {status} Answer\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
            writer.write(answer.encode() + text)
            await writer.drain()

    async def knows(self, webhook):
        """Waits until wazapp's API shows the messages of a webhook."""
        for change in [change for entry in webhook["entry"] for change in entry["changes"]]:
            value = change["value"]
            key = self.numbers.get(value.get("metadata", {}).get("phone_number_id"))
            for message in value.get("messages", []) if key else []:
                wamid = urllib.parse.quote(message["id"])
                url = f"http://127.0.0.1:{SERVER}/api/v1/messages?wamid={wamid}"
                deadline = asyncio.get_running_loop().time() + PATIENCE
                while not await asyncio.to_thread(found, url, key):
                    if asyncio.get_running_loop().time() > deadline:
                        raise SystemExit(f"wazapp does not know {message['id']} after {PATIENCE} s")
                    await asyncio.sleep(0.01)


def exchange(url, body, headers):
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def ask(url):
    try:
        return exchange(url, None, {})[0]
    except OSError:
        return None


def found(url, key):
    status, text = exchange(url, None, {"Authorization": f"Bearer {key}"})
    assert status == 200, text
    return json.loads(text)["data"]
