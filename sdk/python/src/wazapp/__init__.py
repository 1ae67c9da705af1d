"""A typed client for wazapp's API, and a check of what its endpoints are told."""

from .rest.client import AuthenticatedClient
from .webhook import WebhookVerificationError, verify_webhook

__all__ = ["AuthenticatedClient", "WebhookVerificationError", "connect", "verify_webhook"]


def connect(base_url: str, api_key: str) -> AuthenticatedClient:
    """A client of one organization. `base_url` is such as `https://wa.example.com`, without the API's own path.

    Each operation is a module of `wazapp.rest.api`, with `sync`, `asyncio`, and `sync_detailed`, `asyncio_detailed` for status and headers.
    """
    return AuthenticatedClient(base_url=base_url.rstrip("/"), token=api_key, raise_on_unexpected_status=True)
