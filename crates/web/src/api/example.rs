//! What answers look like, for the OpenAPI document.

use serde_json::{Value, json};

pub(super) fn page(row: Value) -> Value {
    json!({"data": [row], "next_cursor": null})
}

pub(super) fn conversation() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000c001",
        "number_id": "019a0b1c-0000-7000-8000-00000000a001",
        "phone_number_id": "106540352242922",
        "contact": {
            "id": "019a0b1c-0000-7000-8000-00000000b001",
            "name": "Ana",
            "wa_id": "5491155551234",
            "user_id": "AR.13491208655302741918",
            "username": "ana",
        },
        "group_id": null,
        "state": "active",
        "unread_count": 1,
        "last_message": {
            "id": "019a0b1c-0000-7000-8000-00000000d001",
            "type": "text",
            "direction": "inbound",
            "preview": "Hola, ¿abren hoy?",
            "timestamp": "2026-11-24T14:03:05Z",
        },
        "last_inbound_at": "2026-11-24T14:03:05Z",
        "window_expires_at": "2026-11-25T14:03:05Z",
        "assignee_id": null,
        "referral": null,
        "created_at": "2026-11-24T14:03:06.120411Z",
        "updated_at": "2026-11-24T14:03:06.120411Z",
    })
}

pub(super) fn message() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000d001",
        "conversation_id": "019a0b1c-0000-7000-8000-00000000c001",
        "sequence": 1,
        "direction": "inbound",
        "origin": "webhook",
        "type": "text",
        "text": "Hola, ¿abren hoy?",
        "payload": {
            "from": "5491155551234",
            "id": "wamid.HBgLNTQ5MTE1NTU1MTIzNBUCABIYFjNFQjA=",
            "timestamp": "1795529385",
            "type": "text",
            "text": {"body": "Hola, ¿abren hoy?"},
        },
        "wamid": "wamid.HBgLNTQ5MTE1NTU1MTIzNBUCABIYFjNFQjA=",
        "reply_to_wamid": null,
        "contact_id": null,
        "media": null,
        "status": null,
        "error": null,
        "reactions": [],
        "versions": [],
        "edited_at": null,
        "revoked_at": null,
        "timestamp": "2026-11-24T14:03:05Z",
        "received_at": "2026-11-24T14:03:06.098115Z",
    })
}

pub(super) fn queued() -> Value {
    let mut message = message();
    let body = json!({"type": "text", "text": {"body": "Sí, hasta las 20."}});
    for (name, value) in [
        ("id", json!("019a0b1c-0000-7000-8000-00000000d002")),
        ("sequence", json!(2)),
        ("direction", json!("outbound")),
        ("origin", json!("api")),
        ("text", body["text"]["body"].clone()),
        ("payload", body),
        ("wamid", Value::Null),
        ("status", json!("queued")),
        ("timestamp", json!("2026-11-24T14:05:09Z")),
        ("received_at", json!("2026-11-24T14:05:09.310422Z")),
    ] {
        message[name] = value;
    }
    message
}

pub(super) fn media() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000f001",
        "state": "stored",
        "mime_type": "image/jpeg",
        "filename": null,
        "size": 48_213,
        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "thumbnail": true,
        "error": null,
    })
}

pub(super) fn pending_media() -> Value {
    let mut media = media();
    media["state"] = json!("pending");
    media["size"] = Value::Null;
    media["thumbnail"] = json!(false);
    media
}

pub(super) fn status() -> Value {
    json!({
        "wamid": "wamid.HBgLNTQ5MTE1NTU1MTIzNBUCABIYFjNFQjA=",
        "message_id": "019a0b1c-0000-7000-8000-00000000d002",
        "status": "delivered",
        "participant": null,
        "timestamp": "2026-11-24T14:05:11Z",
        "received_at": "2026-11-24T14:05:11.612034Z",
        "payload": {
            "id": "wamid.HBgLNTQ5MTE1NTU1MTIzNBUCABIYFjNFQjA=",
            "status": "delivered",
            "timestamp": "1795529511",
            "recipient_id": "5491155551234",
        },
    })
}

pub(super) fn contact() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000b001",
        "name": "Ana, Café Sur",
        "profile_name": "Ana",
        "own_name": "Ana, Café Sur",
        "notes": null,
        "wa_id": "5491155551234",
        "user_id": "AR.13491208655302741918",
        "parent_user_id": null,
        "username": "ana",
        "created_at": "2026-11-24T14:03:06.120411Z",
        "updated_at": "2026-11-24T14:10:40.002187Z",
    })
}

pub(super) fn number() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000a001",
        "phone_number_id": "106540352242922",
        "waba_id": "102290129340398",
        "status": "connected",
        "display_phone_number": "541150001234",
        "verified_name": "Panadería Ñandú",
        "username": null,
        "quality_event": null,
        "messaging_limit": "TIER_2K",
        "throughput": "STANDARD",
        "name_status": null,
        "settings": null,
        "history": null,
        "send_paused": null,
        "connected_at": "2026-11-24T13:58:01.447120Z",
        "disconnected_at": null,
    })
}

pub(super) fn event() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000e001",
        "sequence": 42,
        "type": "message.received",
        "timestamp": "2026-11-24T14:03:05Z",
        "data": message(),
    })
}

pub(super) fn me() -> Value {
    json!({
        "organization": {
            "id": "019a0b1c-0000-7000-8000-000000000001",
            "slug": "panaderia-nandu",
            "name": "Panadería Ñandú",
            "media_retention_days": null,
            "created_at": "2026-11-24T13:57:12.004410Z",
        },
        "api_version": "v1",
        "version": "0.1.0",
    })
}

pub(super) fn uploaded() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000f001",
        "state": "stored",
        "mime_type": "image/png",
        "filename": "menu.png",
        "size": 48211,
        "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "thumbnail": false,
        "error": null,
    })
}
