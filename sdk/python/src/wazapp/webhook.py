"""What an endpoint is told, and whether wazapp told it."""

import json
from collections.abc import Mapping

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from .rest.models.event import Event

__all__ = ["WebhookVerificationError", "verify_webhook"]


def verify_webhook(secret: str, body: bytes, headers: Mapping[str, str]) -> list[Event]:
    """The events that a call of an endpoint tells, if the endpoint's secret signed its body within the last five minutes.

    Else it raises a `WebhookVerificationError`, or a `ValueError` where the secret is none. Give it the body as it came: JSON that was read and written again has other bytes.
    """
    # What is no secret at all is not the call's fault: this raises a ValueError.
    webhook = Webhook(secret)
    try:
        webhook.verify(body, dict(headers.items()), json_parse=False)
    except (WebhookVerificationError, ValueError) as error:
        raise WebhookVerificationError(
            "This call is not signed with the endpoint's secret, or not within the last five minutes."
        ) from error
    told = json.loads(body)
    # An endpoint that gathers tells several at once.
    return [Event.from_dict(event) for event in (told["events"] if told["type"] == "events" else [told])]
