"""What a client sees inside the namespaces of `run`: Meta's names, with TLS in front of the simulator, or of wazapp with
the simulator behind it, and a web site with files that messages link to."""

import asyncio
import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from functools import partial
from pathlib import Path

import trustme

from files import FILES, SITE
from wazapp import FORK, SERVER, Wazapp

HERE = Path(__file__).parent
SIMULATOR = 8090
META = ["graph.facebook.com", "lookaside.fbsbx.com"]
SCRIPTS = {
    "pywa": [sys.executable, "pywa_client.py"],
    "heyoo": [sys.executable, "heyoo_client.py"],
    "kapso": ["node", "kapso.mjs"],
    "great-detail": ["node", "great-detail.mjs"],
    "whatsapp-api-js": ["node", "whatsapp-api-js.mjs"],
}
START_SECONDS, RUN_SECONDS, STOP_SECONDS = 30, 150, 10


def resolve_names(folder):
    """Makes this machine the one that Meta's names, and the web site's, lead to."""
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 " + " ".join(["localhost", SITE, *META]) + "\n")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)


def certify(folder):
    """A test authority, known to clients by the file it answers, and a TLS server of Meta's names."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*META).configure_cert(server)
    return folder / "authority.pem", server


async def pump(reader, writer):
    while chunk := await reader.read(1 << 16):
        writer.write(chunk)
        await writer.drain()


async def head_with(reader, *headers):
    """The head of a message, with headers in place of its own of the same name."""
    replaced = tuple(header.split(b":")[0].lower() + b":" for header in headers)
    head = await reader.readuntil(b"\r\n\r\n")
    lines = [line for line in head.strip().split(b"\r\n") if not line.lower().startswith(replaced)]
    return b"\r\n".join([*lines, *headers, b"", b""])


async def terminate_tls(port, reader, writer):
    """Passes one request on to the server at a port and says, as a proxy in front does, that it came by HTTPS."""
    with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        head = await head_with(reader, b"X-Forwarded-Proto: https", b"Connection: close")
        onward_reader, onward = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(onward):
            onward.write(head)
            request = asyncio.create_task(pump(reader, onward))
            # One request a connection: the client must not send another one while this one closes.
            writer.write(await head_with(onward_reader, b"Connection: close"))
            await pump(onward_reader, writer)
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)


async def serve_files(reader, writer):
    """The web site: `GET /NAME`."""
    with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        name = head.split(b" ")[1].decode().lstrip("/")
        mime, content = FILES.get(name, ("text/plain", b"there is no such file"))
        status = "200 OK" if name in FILES else "404 Not Found"
        answer = (
            f"HTTP/1.1 {status}\r\nContent-Type: {mime}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(answer.encode() + content)
        await writer.drain()


def state():
    """What the simulator says of itself, once it answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{SIMULATOR}/_sim/state", timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


async def start_simulator(folder):
    log = (folder / "simulator.log").open("wb")
    arguments = ["simulator", "--listen", f"127.0.0.1:{SIMULATOR}", "--seed", "1"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WAZAPP_")}
    environment["WAZAPP_DATA_DIR"] = str(folder / "data")
    simulator = await asyncio.create_subprocess_exec(
        os.environ["WAZAPP_BIN"], *arguments, stdout=log, stderr=log, env=environment
    )
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while not await asyncio.to_thread(state):
        if simulator.returncode is not None:
            raise SystemExit(f"the simulator ended ({simulator.returncode}) before it answered")
        if asyncio.get_running_loop().time() > deadline:
            raise SystemExit(f"the simulator does not answer after {START_SECONDS} s")
        await asyncio.sleep(0.02)
    return simulator


async def stop(process):
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


async def put_in_front(folder):
    """Starts wazapp between the client and the simulator; answers it, and what the script is told of it."""
    known = await asyncio.to_thread(state)
    meta = f"http://127.0.0.1:{SIMULATOR}"
    wazapp = Wazapp(folder, meta, known)
    await wazapp.start()
    key, other_key = [await wazapp.organization(business) for business in known["businesses"]]
    told = {"WAZAPP": f"http://127.0.0.1:{SERVER}", "KEY": key, "OTHER_KEY": other_key}
    return wazapp, told | {"FORK": f"http://127.0.0.1:{FORK}"}


async def run(client, in_front, folder):
    resolve_names(folder)
    authority, tls = certify(folder)
    for name, (_, content) in FILES.items():
        (folder / name).write_bytes(content)
    meta = SERVER if in_front else SIMULATOR
    servers = [
        await asyncio.start_server(partial(terminate_tls, meta), "127.0.0.1", 443, ssl=tls),
        await asyncio.start_server(serve_files, "127.0.0.1", 80),
    ]
    simulator = await start_simulator(folder)
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    for name in ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE"]:
        environment[name] = str(authority)
    environment.pop("SSL_CERT_DIR", None)
    environment |= {
        "SIMULATOR": f"http://127.0.0.1:{SIMULATOR}",
        "SITE": f"http://{SITE}",
        "FILES": str(folder),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    wazapp = None
    if in_front:
        wazapp, told = await put_in_front(folder)
        environment |= told
        servers.append(await asyncio.start_server(wazapp.forked, "127.0.0.1", FORK))
    script = await asyncio.create_subprocess_exec(*SCRIPTS[client], cwd=HERE, env=environment)
    try:
        return await asyncio.wait_for(script.wait(), RUN_SECONDS)
    except TimeoutError:
        print(f"{client} was not done after {RUN_SECONDS} s")
        return 1
    finally:
        await stop(script)
        if wazapp:
            await stop(wazapp.process)
        await stop(simulator)
        for server in servers:
            server.close()


def main():
    # The first process of a namespace hears only the signals that it handles.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="wazapp-client-") as folder:
        result = 1
        try:
            result = asyncio.run(run(sys.argv[1], "wazapp" in sys.argv[2:], Path(folder)))
        finally:
            for name in ["simulator", "wazapp"]:
                log = Path(folder, f"{name}.log")
                if result != 0 and log.exists():
                    print(f"--- {name} said:", *log.read_text(errors="replace").splitlines()[-40:], sep="\n")
    sys.exit(result)


if __name__ == "__main__":
    main()
