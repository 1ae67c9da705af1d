"""A mail server for tests: keeps what it is handed as a line of JSON each in the file named first, on the port named second.

USER and PASSWORD: asks for a sign-in. CERTIFICATE and KEY: offers STARTTLS. IMPLICIT: encrypts from the start. Recipients that begin with
refused@ are refused for good, later@ for now. While the file HANG_UP is there, it keeps a mail and breaks off before it answers."""

import asyncio
import email
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused@"):
            return "550 5.1.1 there is nobody of that name"
        if address.startswith("later@"):
            return "451 4.2.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: mail.get_body((kind,)).get_content()
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": [[name, str(value)] for name, value in mail.items()],
            "subject": mail["subject"],
            "id": mail["message-id"],
            "text": part("plain"),
            "html": part("html"),
            "encrypted": session.ssl is not None,
        }
        with open(sys.argv[1], "a") as file:
            file.write(json.dumps(kept) + "\n")
        if os.path.exists(os.environ.get("HANG_UP", "")):
            server.transport.abort()
        return "250 kept"


def sign_in(server, session, envelope, mechanism, login):
    with open(sys.argv[1] + ".log", "a") as file:
        file.write(f"sign-in {login.login.decode()}\n")
    good = (login.login.decode(), login.password.decode()) == (os.environ["USER"], os.environ["PASSWORD"])
    return AuthResult(success=good, handled=good)


async def main():
    context = None
    if "CERTIFICATE" in os.environ:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.environ["CERTIFICATE"], os.environ["KEY"])
    implicit = "IMPLICIT" in os.environ
    asks = "PASSWORD" in os.environ

    def serve():
        return SMTP(
            Handler(),
            hostname="mail.example.com",
            enable_SMTPUTF8=True,
            authenticator=sign_in if asks else None,
            auth_required=asks,
            auth_require_tls=False,
            tls_context=None if implicit else context,
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(serve, "0.0.0.0", int(sys.argv[2]), ssl=context if implicit else None)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
