"""heyoo: every send it knows, media, and what it reads from webhooks. It answers Meta's errors as they are."""

import logging

from heyoo import WhatsApp

from simulator import (
    DIGITS,
    FILES,
    NUMBER,
    SITE,
    TOKEN,
    WAZAPP,
    Receiver,
    a_file,
    all_webhooks_taken,
    approved_template,
    customer_writes,
    fails_next,
    finish,
    one_update_a_post,
    point_webhooks_to,
    refused_handshake,
    same,
    step,
    was_read,
    was_sent,
)

# It writes refusals to the log, and some are wanted here.
logging.disable()

SHEENA = "16505551234"
wa = WhatsApp(TOKEN, phone_number_id=NUMBER)


def sent(answer, *what, **more):
    """Requires that an answer is of a send, and that Meta accepted it."""
    same((answer["messaging_product"], answer["contacts"]), ("whatsapp", [{"input": SHEENA, "wa_id": SHEENA}]))
    was_sent(answer["messages"][0]["id"], SHEENA, *what, **more)
    return answer["messages"][0]["id"]


with step("a template for it, approved"):
    body = {"type": "BODY", "text": "Hi {{1}}, your order is on its way.", "example": {"body_text": [["Ann"]]}}
    approved_template("on_its_way", [body])

# --- what it reads

receiver = Receiver()
one_update_a_post()
with step("handshake"):
    refused_handshake(receiver.port)
    point_webhooks_to(receiver.port)


def inbound(message):
    """The webhook of a message that a customer sends."""
    wamid = customer_writes(message, SHEENA)
    return receiver.bodies.wait(
        message["type"],
        lambda body: wa.changed_field(body) == "messages" and wa.is_message(body) and wa.get_message_id(body) == wamid,
    )


with step("inbound text"):
    hello = inbound({"type": "text", "text": {"body": "¡Hola! 👋"}})
    same((wa.get_message(hello), wa.get_message_type(hello)), ("¡Hola! 👋", "text"))
    same((wa.get_mobile(hello), wa.get_name(hello)), (SHEENA, "Zoë 🌻"))
    assert wa.get_message_timestamp(hello).isdigit(), hello
with step("inbound image, downloaded"):
    image = wa.get_image(inbound({"type": "image", "image": a_file("photo.png", caption="Look")}))
    same((image["mime_type"], image["caption"]), ("image/png", "Look"))
    path = wa.download_media(wa.query_media_url(image["id"]), image["mime_type"], str(FILES / "inbound"))
    same(open(path, "rb").read(), (FILES / "photo.png").read_bytes())
with step("inbound document, audio and video"):
    document = wa.get_document(inbound({"type": "document", "document": a_file("paper.pdf", filename="paper.pdf")}))
    same((document["mime_type"], document["filename"]), ("application/pdf", "paper.pdf"))
    same(wa.get_audio(inbound({"type": "audio", "audio": a_file("voice.ogg")}))["mime_type"], "audio/ogg")
    same(wa.get_video(inbound({"type": "video", "video": a_file("clip.mp4")}))["mime_type"], "video/mp4")
with step("inbound location"):
    place = wa.get_location(inbound({"type": "location", "location": {"latitude": 19.43, "longitude": -99.13}}))
    same((place["latitude"], place["longitude"]), (19.43, -99.13))
with step("inbound button reply and list reply"):
    for kind, reply in [
        ("button_reply", {"id": "yes", "title": "Yes"}),
        ("list_reply", {"id": "tea", "title": "Tea", "description": "Hot"}),
    ]:
        answer = wa.get_interactive_response(
            inbound({"type": "interactive", "interactive": {"type": kind, kind: reply}})
        )
        same((answer["type"], answer[kind]), (kind, reply))
with step("mark as read"):
    same(wa.mark_as_read(wa.get_message_id(hello)), {"success": True})
    was_read(wa.get_message_id(hello))

# --- sends

with step("text with preview, then its statuses sent, delivered and read"):
    answer = wa.send_message("Hello", SHEENA)
    wamid = sent(answer, "text", {"preview_url": True, "body": "Hello"}, recipient_type="individual")
    for status in ["sent", "delivered", "read"]:
        receiver.bodies.wait(
            status,
            lambda body: (
                not wa.is_message(body)
                and wa.get_delivery(body) == status
                and wa.preprocess(body)["statuses"][0]["id"] == wamid
            ),
        )
with step("text without preview"):
    sent(wa.send_message("Hello", SHEENA, preview_url=False), "text", {"preview_url": False, "body": "Hello"})
with step("reply"):
    answer = wa.reply_to_message(wa.get_message_id(hello), SHEENA, "Gracias")
    sent(answer, "text", {"preview_url": True, "body": "Gracias"}, reply_to=wa.get_message_id(hello))
with step("reaction"):
    answer = wa.send_reaction("😀", wa.get_message_id(hello), SHEENA)
    sent(answer, "reaction", {"message_id": wa.get_message_id(hello), "emoji": "😀"})
with step("location, its coordinates as text"):
    answer = wa.send_location("-23.564", "-46.654", "Here", "Rua dois, 123", SHEENA)
    place = {"latitude": "-23.564", "longitude": "-46.654", "name": "Here", "address": "Rua dois, 123"}
    sent(answer, "location", place)
with step("contacts"):
    contacts = [
        {
            "name": {"formatted_name": "Ann Lee", "first_name": "Ann"},
            "phones": [{"phone": "+16505557777", "type": "HOME"}],
        }
    ]
    sent(wa.send_contacts(contacts, SHEENA), "contacts", contacts)
with step("template"):
    components = [{"type": "body", "parameters": [{"type": "text", "text": "Zoë"}]}]
    answer = wa.send_template("on_its_way", SHEENA, components, lang="en_US")
    sent(answer, "template", {"name": "on_its_way", "language": {"code": "en_US"}, "components": components})

for kind, send, name, more in [
    ("image", wa.send_image, "photo.png", {"caption": "A photo"}),
    ("video", wa.send_video, "clip.mp4", {"caption": "A clip"}),
    ("audio", wa.send_audio, "voice.ogg", {}),
    ("sticker", wa.send_sticker, "sticker.webp", {}),
]:
    with step(f"{kind} by link"):
        sent(send(f"{SITE}/{name}", SHEENA, **more), kind, {"link": f"{SITE}/{name}", **more})
    with step(f"{kind} by id"):
        media = wa.upload_media(str(FILES / name))["id"]
        sent(send(media, SHEENA, link=False, **more), kind, {"id": media, **more})
with step("an image without a caption"):
    sent(wa.send_image(f"{SITE}/photo.png", SHEENA), "image", {"link": f"{SITE}/photo.png", "caption": None})
with step("document by link"):
    answer = wa.send_document(f"{SITE}/paper.pdf", SHEENA, caption="A paper", filename="paper.pdf")
    sent(answer, "document", {"link": f"{SITE}/paper.pdf", "caption": "A paper", "filename": "paper.pdf"})
with step("document by id"):
    media = wa.upload_media(str(FILES / "paper.pdf"))["id"]
    sent(
        wa.send_document(media, SHEENA, caption="A paper", link=False), "document", {"id": media, "caption": "A paper"}
    )
with step("list"):
    action = {
        "button": "Teas",
        "sections": [{"title": "All", "rows": [{"id": "green", "title": "Green", "description": ""}]}],
    }
    answer = wa.send_button({"header": "Tea", "body": "Choose", "footer": "Hot", "action": action}, SHEENA)
    parts = {"header": {"type": "text", "text": "Tea"}, "body": {"text": "Choose"}, "footer": {"text": "Hot"}}
    sent(answer, "interactive", {"type": "list", "action": action, **parts})
with step("reply buttons"):
    buttons = [
        {"type": "reply", "reply": {"id": "yes", "title": "Yes"}},
        {"type": "reply", "reply": {"id": "no", "title": "No"}},
    ]
    content = {"type": "button", "body": {"text": "Well?"}, "action": {"buttons": buttons}}
    sent(wa.send_reply_button(content, SHEENA), "interactive", content)
with step("a body of one's own: a URL button"):
    parameters = {"display_text": "Open", "url": "https://example.com"}
    content = {"type": "cta_url", "body": {"text": "Shop"}, "action": {"name": "cta_url", "parameters": parameters}}
    body = {"messaging_product": "whatsapp", "type": "interactive", "interactive": content}
    sent(wa.send_custom_json(body, SHEENA), "interactive", content)

# --- media

with step("media: upload, look up, download, delete"):
    media = wa.upload_media(str(FILES / "photo.png"))["id"]
    url = wa.query_media_url(media)
    assert url.startswith("https://graph.facebook.com/") or url.startswith("https://lookaside.fbsbx.com/"), url
    path = wa.download_media(url, "image/png", str(FILES / "downloaded"))
    same(open(path, "rb").read(), (FILES / "photo.png").read_bytes())
    same(wa.delete_media(media), {"success": True})
    same((wa.query_media_url(media), wa.delete_media(media)), (None, None))

# --- errors

with step("error: a token that is none"):
    error = WhatsApp("EAAwrong", phone_number_id=NUMBER).send_message("Hi", SHEENA)["error"]
    same((error["code"], error["type"]), (190, "OAuthException"))
    assert error["message"] and error["fbtrace_id"], error
with step("error: to oneself"):
    same(wa.send_message("Hi", DIGITS)["error"]["code"], 131021)
with step("error: a recipient that is no number"):
    assert wa.send_message("Hi", "nobody")["error"]["code"] in (100, 131009)
with step("error: no such template"):
    same(wa.send_template("no_such_template", SHEENA, [])["error"]["code"], 132001)
with step("error: a template's parameters are missing"):
    same(wa.send_template("on_its_way", SHEENA, [])["error"]["code"], 132000)
with step("error: rate limit hit"):
    fails_next(code=130429)
    answer = wa.send_message("Hi", SHEENA)
    if WAZAPP:
        # It waits, and sends it then.
        sent(answer, "text", {"preview_url": True, "body": "Hi"})
    else:
        error = answer["error"]
        same((error["code"], error["error_data"]["messaging_product"]), (130429, "whatsapp"))

with step("every webhook was taken at the first try"):
    all_webhooks_taken()
finish()
