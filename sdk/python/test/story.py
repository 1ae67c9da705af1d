"""What somebody does with the client, on a server: lists, sends, is refused, and hears. Its types are checked too."""

import json
import sys

from wazapp import WebhookVerificationError, connect, verify_webhook
from wazapp.rest.api.conversations import list_conversations, send_in_conversation
from wazapp.rest.api.me import get_me
from wazapp.rest.models.conversation_state import ConversationState
from wazapp.rest.models.message import Message
from wazapp.rest.models.new_message import NewMessage
from wazapp.rest.models.page_conversation import PageConversation
from wazapp.rest.models.problem import Problem

told = json.load(sys.stdin)
client = connect(told["baseUrl"] + "/", told["apiKey"])

page = list_conversations.sync(client=client, unread=True)
assert isinstance(page, PageConversation), page
conversation = page.data[0]
assert conversation.state in (ConversationState.ACTIVE, ConversationState.WAITING), conversation

hello = NewMessage.from_dict({"type": "text", "text": {"body": "Hello from Python"}})
sent = [
    send_in_conversation.sync_detailed(conversation.id, client=client, body=hello, idempotency_key="story-python")
    for _ in range(2)
]
first, again = sent[0].parsed, sent[1].parsed
assert isinstance(first, Message) and isinstance(again, Message), sent
assert (sent[0].status_code, again.id) == (202, first.id), "sent twice it is one message"

refused = get_me.sync(client=connect(told["baseUrl"], "wz_none"))
assert isinstance(refused, Problem) and refused.status == 401, refused

secret, body, headers = told["secret"], told["body"].encode(), told["headers"]
(event,) = verify_webhook(secret, body, headers)
assert event.type_ == "message.received", event
for text, said in [
    (body + b" ", headers),
    (body, {}),
    (body, {**headers, "webhook-timestamp": "1"}),
    (body, {**headers, "webhook-signature": "v1"}),
]:
    try:
        verify_webhook(secret, text, said)
    except WebhookVerificationError:
        continue
    raise AssertionError(f"it is taken as signed: {said}")
print(first.id)
