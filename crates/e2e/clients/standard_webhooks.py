"""Whether PyPI's standardwebhooks takes a call as signed, and another one not. On standard input: secret, headers and body."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

call = json.load(sys.stdin)
hook = Webhook(call["secret"])
print(json.dumps(hook.verify(call["body"], call["headers"])))
try:
    hook.verify(call["body"] + " ", call["headers"])
except WebhookVerificationError:
    sys.exit(0)
sys.exit("it takes another body as signed too")
