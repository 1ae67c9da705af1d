//! What answers look like, for the OpenAPI document.

use model::event::Kind;
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
        "group_subject": null,
        "state": "active",
        "unread_count": 1,
        "last_message": {
            "id": "019a0b1c-0000-7000-8000-00000000d001",
            "type": "text",
            "direction": "inbound",
            "preview": "Hola, ¿abren hoy?",
            "status": null,
            "timestamp": "2026-11-24T14:03:05Z",
        },
        "last_inbound_at": "2026-11-24T14:03:05Z",
        "window_expires_at": "2026-11-25T14:03:05Z",
        "assignee_id": null,
        "team_id": null,
        "blocked_at": null,
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
        "sender_id": null,
        "media": null,
        "send_at": null,
        "status": null,
        "error": null,
        "callback_data": null,
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

/// As it is once Meta took it.
pub(super) fn accepted() -> Value {
    let mut message = queued();
    message["wamid"] = json!("wamid.HBgLNTQ5MTE1NTU1MTIzNBUCABEYEjQyRkEyMDkz");
    message["status"] = json!("accepted");
    message
}

pub(super) fn planned() -> Value {
    let mut message = queued();
    message["send_at"] = json!("2026-11-25T15:00:00Z");
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
        "quality_rating": "GREEN",
        "messaging_limit": "TIER_2K",
        "throughput": "STANDARD",
        "platform_type": "CLOUD_API",
        "is_on_biz_app": false,
        "name_status": null,
        "settings": null,
        "history": null,
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "meta_status": "CONNECTED",
        "is_on_biz_app": false,
        "health": {
            "can_send_message": "AVAILABLE",
            "entities": [{"entity_type": "PHONE_NUMBER", "id": "106540352242922", "can_send_message": "AVAILABLE"}],
        },
        "token_expires_at": "2026-12-01T09:30:00Z",
        "checked_at": "2026-11-24T14:00:00.318114Z",
        "problem": {
            "code": "token_expires",
            "at": "2026-12-01T09:30:00Z",
            "days": 7,
            "message": "The access token ends at 2026-12-01T09:30:00Z.",
            "advice": {
                "en": "Connect the number again before then, best with a token that does not expire.",
                "es": "Conecta el número otra vez antes, mejor con un token que no caduque.",
            },
        },
        "webhooks": { "application": "https://wa.example.com/webhook" },
        "send_paused": null,
        "bulk_paused": null,
        "author_line": "none",
        "token_expires_at": null,
        "token_checked_at": "2026-11-24T13:58:00.912034Z",
        "connected_at": "2026-11-24T13:58:01.447120Z",
        "disconnected_at": null,
    })
}

pub(super) fn template() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000f001",
        "waba_id": "102290129340398",
        "template_id": "564750795574598",
        "name": "order_ready",
        "language": "es_AR",
        "status": "PENDING",
        "category": "UTILITY",
        "previous_category": null,
        "quality": "UNKNOWN",
        "reason": null,
        "sends": {
            "now": false,
            "why": {
                "en": "Meta is still reviewing it, which takes minutes, or up to a day. It can be sent once it is approved.",
                "es": "Meta todavía la está revisando, lo que tarda minutos, o hasta un día. Se podrá enviar cuando esté aprobada.",
            },
        },
        "preview": {
            "header": null,
            "body": "Hola Ana, tu pedido 77 está listo.",
            "footer": null,
            "buttons": [{"type": "QUICK_REPLY", "text": "Gracias", "value": null}],
            "cards": [],
        },
        "parameters": [
            {"component": "body", "card": null, "button": null, "sub_type": null, "name": "1", "named": false,
             "type": "text", "required": true, "sample": "Ana"},
            {"component": "body", "card": null, "button": null, "sub_type": null, "name": "2", "named": false,
             "type": "text", "required": true, "sample": "77"},
            {"component": "button", "card": null, "button": 0, "sub_type": "quick_reply", "name": null, "named": false,
             "type": "payload", "required": false, "sample": null},
        ],
        "parameter_format": "POSITIONAL",
        "components": new_template()["components"],
        "message_send_ttl_seconds": null,
        "created_at": "2026-11-24T14:12:40.002187Z",
        "updated_at": "2026-11-24T14:12:40.002187Z",
    })
}

pub(super) fn new_template() -> Value {
    json!({
        "number_id": "019a0b1c-0000-7000-8000-00000000a001",
        "name": "order_ready",
        "language": "es_AR",
        "category": "UTILITY",
        "components": [
            {"type": "BODY", "text": "Hola {{1}}, tu pedido {{2}} está listo.", "example": {"body_text": [["Ana", "77"]]}},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Gracias"}]},
        ],
    })
}

pub(super) fn template_change() -> Value {
    json!({
        "components": [{"type": "BODY", "text": "Hola {{1}}, tu pedido ya está.", "example": {"body_text": [["Ana"]]}}],
    })
}

pub(super) fn template_sync() -> Value {
    json!({
        "waba_id": "102290129340398",
        "synced_at": "2026-11-24T14:00:02.300187Z",
        "due_at": "2026-11-24T20:00:03.102200Z",
        "error": null,
    })
}

pub(super) fn connection() -> Value {
    let step = |name: &str, state: &str, en: &str, es: &str| {
        let detail = (!en.is_empty()).then(|| json!({"en": en, "es": es}));
        json!({
            "name": name, "state": state, "at": "2026-11-24T13:58:01.447120Z", "detail": detail, "error": null,
            "warning": null,
        })
    };
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000f001",
        "how": "token",
        "state": "running",
        "phone_number_id": "106540352242922",
        "waba_id": "102290129340398",
        "app_id": null,
        "number_id": "019a0b1c-0000-7000-8000-00000000a001",
        "steps": [
            step("claim", "done", "The number is connected.", "El número está conectado."),
            step("subscribe", "running", "", ""),
        ],
        "awaits": null,
        "created_at": "2026-11-24T13:58:00.120411Z",
        "updated_at": "2026-11-24T13:58:01.447120Z",
        "ended_at": null,
    })
}

pub(super) fn number_and_connection() -> Value {
    let mut connection = connection();
    connection["state"] = json!("done");
    connection["steps"][1]["state"] = json!("done");
    connection["ended_at"] = json!("2026-11-24T13:58:02.004410Z");
    let mut number = number();
    number["warnings"] = json!([]);
    number["connection"] = connection;
    number
}

pub(super) fn number_left() -> Value {
    let mut left = number_and_connection();
    left["status"] = json!("disconnected");
    left["disconnected_at"] = json!("2026-11-24T18:20:00.004410Z");
    left["connection"]["how"] = json!("disconnection");
    left["connection"]["steps"] = json!([{
        "name": "release", "state": "done", "at": "2026-11-24T18:20:00.004410Z",
        "detail": {"en": "The number is disconnected; its history stays.",
                   "es": "El número está desconectado; su historial queda."},
        "error": null, "warning": null,
    }]);
    left
}

pub(super) fn costs() -> Value {
    json!({
        "month": "2026-11",
        "currency": "USD",
        "data": [{
            "number_id": null,
            "category": "marketing",
            "type": null,
            "country": null,
            "messages": 1200,
            "billable": 1200,
            "unpriced": 0,
            "amount": "74.16",
        }],
        "total": {"messages": 1200, "billable": 1200, "unpriced": 0, "amount": "74.16"},
    })
}

pub(super) fn prices() -> Value {
    json!({
        "currency": "USD",
        "data": [{"category": "marketing", "country": "AR", "from": "2026-10", "amount": "0.0618"}],
    })
}

pub(super) fn event() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000e001",
        "sequence": 42,
        "type": model::event::Kind::MessageReceived,
        "timestamp": "2026-11-24T14:03:05Z",
        "conversation_id": message()["conversation_id"],
        "number_id": "019a0b1c-0000-7000-8000-00000000a001",
        "data": message(),
    })
}

pub(super) fn organization() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-000000000001",
        "slug": "panaderia-nandu",
        "name": "Panadería Ñandú",
        "media_retention_days": null,
        "event_retention_days": 90,
        "status_retention_days": null,
        "message_retention_days": null,
        "second_factor": false,
        "suspended_at": null,
        "created_at": "2026-11-24T13:57:12.004410Z",
    })
}

pub(super) fn overview() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-000000000001",
        "slug": "panaderia-nandu",
        "name": "Panadería Ñandú",
        "members": 4,
        "numbers": [{
            "phone_number_id": "106540352242922",
            "display_phone_number": "5215512345678",
            "status": "connected",
            "paused": false,
        }],
        "conversations": 1_204,
        "events": 48_112,
        "media_bytes": 48_213_007,
        "queued_messages": 12,
        "suspended_at": null,
        "created_at": "2026-11-24T13:57:12.004410Z",
    })
}

pub(super) fn me() -> Value {
    json!({
        "organization": organization(),
        "user": null,
        "key": { "id": "019a0b1c-0000-7000-8000-000000009001", "name": "CRM" },
        "role": null,
        "scopes": ["read", "send"],
        "sees": "all",
        "number_ids": null,
        "acts": ["read", "members.read", "send", "conversations.change", "contacts.change", "costs.read"],
        "quotas": {
            "media_bytes": { "used": 48_213_007, "limit": 21_474_836_480_u64 },
            "queued_messages": { "used": 12, "limit": 200_000 },
            "uploads_a_day": { "used": 3, "limit": 20_000 },
            "connections_a_day": { "used": 0, "limit": 200 },
        },
        "gone": { "events": 41_805, "statuses": 0, "messages": 0 },
        "api_version": "v1",
        "version": "0.1.0",
    })
}

pub(super) fn member() -> Value {
    json!({
        "user_id": "019a0b1c-0000-7000-8000-00000000e001",
        "name": "Luis Prado",
        "email": "luis@example.com",
        "role": "agent",
        "sees": "teams",
        "number_ids": null,
        "team_ids": ["019a0b1c-0000-7000-8000-000000008001"],
        "last_seen_at": "2026-11-24T14:03:00Z",
        "open_conversations": 4,
        "created_at": "2026-11-24T13:57:12.004410Z",
    })
}

pub(super) fn invitation() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-000000007001",
        "email": "luis@example.com",
        "role": "agent",
        "invited_by_name": "Marta Ruiz",
        "created_at": "2026-11-24T13:57:12.004410Z",
        "expires_at": "2026-12-01T13:57:12.004410Z",
        "mail": { "state": "sent", "since": "2026-11-24T13:57:14.210370Z", "error": null },
    })
}

/// One object with another's members besides.
fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    object[name] = value.into();
    object
}

pub(super) fn invited() -> Value {
    with(invitation(), "link", "https://wazapp.example.com/invitation/wi_…")
}

pub(super) fn team() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-000000008001",
        "name": "Ventas",
        "member_ids": ["019a0b1c-0000-7000-8000-00000000e001"],
        "created_at": "2026-11-24T13:57:12.004410Z",
    })
}

pub(super) fn key() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-000000009001",
        "name": "CRM",
        "hint": "x7Qk",
        "scopes": ["read", "send"],
        "number_ids": null,
        "created_by_id": "019a0b1c-0000-7000-8000-00000000e001",
        "created_at": "2026-11-24T13:57:12.004410Z",
        "expires_at": null,
        "last_used_at": "2026-11-24T14:03:00Z",
        "revoked_at": null,
    })
}

pub(super) fn endpoint() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000a001",
        "url": "https://example.com/hook",
        "format": "wazapp",
        "kinds": [Kind::MessageReceived],
        "number_ids": null,
        "description": "CRM",
        "rate": null,
        "concurrency": 8,
        "in_order": false,
        "gather": null,
        "header_names": ["Authorization"],
        "state": "on",
        "trouble": null,
        "state_at": "2026-11-24T13:57:12.004410Z",
        "failing_since": null,
        "failures": 0,
        "last_success_at": "2026-11-24T14:03:06.004410Z",
        "cursor": 1204,
        "former_secret_until": null,
        "created_at": "2026-11-24T13:57:12.004410Z",
    })
}

pub(super) fn made_endpoint() -> Value {
    with(endpoint(), "secret", "whsec_…")
}

pub(super) fn delivery() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-00000000b001",
        "endpoint_id": "019a0b1c-0000-7000-8000-00000000a001",
        "sequence": 1204,
        "kind": Kind::MessageReceived,
        "conversation_id": "019a0b1c-0000-7000-8000-000000001001",
        "state": "delivered",
        "tries": 1,
        "due_at": null,
        "last_attempt": attempt(),
        "created_at": "2026-11-24T14:03:05.904410Z",
        "ended_at": "2026-11-24T14:03:06.104410Z",
    })
}

pub(super) fn delivery_with_attempts() -> Value {
    with(delivery(), "attempts", json!([attempt()]))
}

fn attempt() -> Value {
    json!({
        "number": 1, "at": "2026-11-24T14:03:05.954410Z", "took_ms": 142, "status": 200, "error": null, "answer": "ok",
    })
}

pub(super) fn made_key() -> Value {
    with(key(), "key", "wz_…")
}

pub(super) fn audit() -> Value {
    json!({
        "id": "019a0b1c-0000-7000-8000-000000006001",
        "at": "2026-11-24T14:03:05Z",
        "actor": {
            "kind": "user",
            "id": "019a0b1c-0000-7000-8000-00000000e002",
            "name": "Marta Ruiz",
            "address": "203.0.113.7",
        },
        "act": "members.manage/change",
        "subject_id": "019a0b1c-0000-7000-8000-00000000e001",
        "subject_name": "Luis Prado",
        "before": { "role": "viewer", "sees": "all", "number_ids": null },
        "after": { "role": "agent", "sees": "teams", "number_ids": null },
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
/// A merge of two contacts.
pub(super) fn merge() -> Value {
    json!({
        "id": "019ab8f2-0a0b-7c0c-8d0d-0e0f1a1b1c1d",
        "merged_id": "019ab8f2-1a2b-7c3d-8e4f-5a6b7c8d9e0f",
        "contact_id": contact()["id"],
        "merged_at": "2026-11-24T10:15:30Z",
        "undo_until": "2026-12-24T10:15:30Z",
        "undone_at": null,
    })
}
