//! Message templates: how they are judged, paused and lost, and what Apps hear of it (§9.1, §7).

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Task, World};
use crate::webhook::Update;

/// What Meta may do to a template, and the status that follows, if another one does (§7).
const EVENTS: &[(&str, Option<&str>)] = &[
    ("APPROVED", Some("APPROVED")),
    ("ARCHIVED", Some("ARCHIVED")),
    ("UNARCHIVED", Some("APPROVED")),
    ("DELETED", None),
    ("DISABLED", Some("DISABLED")),
    ("FLAGGED", None),
    ("IN_APPEAL", Some("IN_APPEAL")),
    ("LIMIT_EXCEEDED", Some("LIMIT_EXCEEDED")),
    ("LOCKED", Some("LOCKED")),
    ("PAUSED", Some("PAUSED")),
    ("PENDING", Some("PENDING")),
    ("REINSTATED", Some("APPROVED")),
    ("PENDING_DELETION", Some("PENDING_DELETION")),
    ("REJECTED", Some("REJECTED")),
];

/// Why a template is rejected (§7).
const REASONS: &[&str] =
    &["ABUSIVE_CONTENT", "INCORRECT_CATEGORY", "INVALID_FORMAT", "PROMOTIONAL", "SCAM", "TAG_CONTENT_MISMATCH"];

/// How a template was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Review {
    Approve,
    /// With Meta's reason, as `INVALID_FORMAT`.
    Reject(&'static str),
}

impl Review {
    /// The one rule of review: a template whose name contains `reject` is rejected, for the reason that its name
    /// contains in small letters, as `sale_rejected_incorrect_category`, else for `INVALID_FORMAT`. All others are
    /// approved, and so is each after it was edited.
    pub(crate) fn of(name: &str) -> Self {
        if !name.contains("reject") {
            return Self::Approve;
        }
        let reason = REASONS.iter().find(|reason| name.contains(&reason.to_ascii_lowercase()));
        Self::Reject(reason.copied().unwrap_or("INVALID_FORMAT"))
    }
}

/// A message template in one language.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) id: String,
    pub(crate) waba_id: String,
    pub(crate) name: String,
    pub(crate) language: String,
    /// `AUTHENTICATION`, `MARKETING` or `UTILITY`.
    pub(crate) category: String,
    pub(crate) previous_category: Option<String>,
    /// `PENDING`, `APPROVED`, `REJECTED`, `PAUSED`, `DISABLED`, …
    pub(crate) status: String,
    pub(crate) rejected_reason: String,
    /// `POSITIONAL` or `NAMED`.
    pub(crate) parameter_format: String,
    /// As created, types in capitals.
    pub(crate) components: Vec<Value>,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    pub(crate) quality: String,
    pub(crate) quality_at: Timestamp,
    /// How long Meta tries to deliver, in seconds.
    pub(crate) ttl_seconds: Option<i64>,
    pub(crate) updated_at: Timestamp,
    /// When it was edited while approved (§9.1).
    pub(crate) edits: VecDeque<Timestamp>,
    /// How its review is to end.
    pub(crate) review: Review,
    /// When its review or its pause ends.
    pub(crate) due: Option<Timestamp>,
    /// How often it was paused: the third time it is disabled.
    pub(crate) pauses: u32,
}

impl Template {
    /// A component by its type in capitals.
    pub(crate) fn component(&self, kind: &str) -> Option<&Value> {
        self.components.iter().find(|component| component["type"] == kind)
    }
}

/// What a business says of a template that it creates.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) category: String,
    pub(crate) parameter_format: String,
    pub(crate) components: Vec<Value>,
    pub(crate) ttl_seconds: Option<i64>,
}

impl World {
    /// Enters a template, approved already or to be reviewed in some seconds; answers its id.
    pub(crate) fn create_template(&mut self, waba_id: &str, draft: Draft, approved: bool, now: Timestamp) -> String {
        let id = self.chance.id();
        let template = Template {
            id: id.clone(),
            waba_id: waba_id.into(),
            review: Review::of(&draft.name),
            name: draft.name,
            language: draft.language,
            category: draft.category,
            previous_category: None,
            status: if approved { "APPROVED" } else { "PENDING" }.into(),
            rejected_reason: "NONE".into(),
            parameter_format: draft.parameter_format,
            components: draft.components,
            quality: "UNKNOWN".into(),
            quality_at: now,
            ttl_seconds: draft.ttl_seconds,
            updated_at: now,
            edits: VecDeque::new(),
            due: None,
            pauses: 0,
        };
        self.templates.insert(id.clone(), template);
        if !approved {
            self.submit_template(&id, now);
        }
        id
    }

    /// Puts a template under review, for two to five seconds.
    pub(crate) fn submit_template(&mut self, id: &str, now: Timestamp) {
        let wait = SignedDuration::from_millis(self.chance.between(2000, 5000) as i64);
        let Some(template) = self.templates.get_mut(id) else { return };
        template.status = "PENDING".into();
        template.rejected_reason = "NONE".into();
        template.due = Some(now + wait);
        self.at(now + wait, Task::Review { template_id: id.into() });
    }

    /// A template's review ends, or its pause.
    pub(crate) fn review(&mut self, id: &str, now: Timestamp) {
        let Some(template) = self.templates.get_mut(id).filter(|template| template.due.is_some_and(|due| due <= now))
        else {
            return;
        };
        template.due = None;
        let (event, reason) = match (template.status.as_str(), template.review) {
            ("PENDING", Review::Reject(reason)) => ("REJECTED", Some(reason)),
            ("PENDING" | "PAUSED", _) => ("APPROVED", None),
            _ => return,
        };
        // The template is there and the event is known: nothing can go wrong.
        let _ = self.template_event(id, event, reason, now);
    }

    /// Meta does something to a template, and says so (§7). `reason` is of a rejection. Errors, in words: an unknown
    /// template, event or reason.
    pub(crate) fn template_event(
        &mut self,
        id: &str,
        event: &str,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Result<(), String> {
        let template = self.templates.get_mut(id).ok_or_else(|| format!("there is no template {id}"))?;
        let (event, status) = EVENTS.iter().find(|(known, _)| *known == event).ok_or_else(|| {
            let known: Vec<&str> = EVENTS.iter().map(|(event, _)| *event).collect();
            format!("event is one of {}", known.join(", "))
        })?;
        let reason = match (*event, reason) {
            ("REJECTED", None) => "INVALID_FORMAT",
            (_, None) => "NONE",
            (_, Some(reason)) => REASONS
                .iter()
                .find(|known| **known == reason)
                .ok_or_else(|| format!("reason is one of {}", REASONS.join(", ")))?,
        };
        let unpaused = *event == "APPROVED" && template.status == "PAUSED";
        if let Some(status) = status {
            template.status = (*status).into();
            template.rejected_reason = reason.into();
            template.updated_at = now;
            template.due = None;
        }
        let mut event = *event;
        if event == "PAUSED" {
            template.pauses += 1;
            // Pauses last 3 and 6 hours; then the template is lost (§9.1).
            match template.pauses {
                pauses @ (1 | 2) => template.due = Some(now + SignedDuration::from_hours(i64::from(3 * pauses))),
                _ => (event, template.status) = ("DISABLED", "DISABLED".into()),
            }
        }
        let (due, waba) = (template.due, template.waba_id.clone());
        let value = status_value(template, event, reason, unpaused, now);
        if event == "DELETED" {
            self.templates.shift_remove(id);
        }
        if let Some(due) = due {
            self.at(due, Task::Review { template_id: id.into() });
        }
        self.emit(Update::account(&waba, "message_template_status_update", value, now.as_second()));
        Ok(())
    }

    /// Customers' feedback gives a template another quality, and Apps hear of it (§7).
    pub(crate) fn template_quality(&mut self, id: &str, quality: &str, now: Timestamp) -> Result<(), String> {
        const KNOWN: [&str; 4] = ["GREEN", "YELLOW", "RED", "UNKNOWN"];
        let template = self.templates.get_mut(id).ok_or_else(|| format!("there is no template {id}"))?;
        if !KNOWN.contains(&quality) {
            return Err(format!("quality is one of {}", KNOWN.join(", ")));
        }
        let previous = std::mem::replace(&mut template.quality, quality.into());
        template.quality_at = now;
        let mut value = json!({ "previous_quality_score": previous, "new_quality_score": quality });
        name(&mut value, template);
        let update = Update::account(&template.waba_id, "message_template_quality_update", value, now.as_second());
        self.emit(update);
        Ok(())
    }

    /// Meta moves a template to another category, and says so (§7).
    pub(crate) fn template_category(&mut self, id: &str, category: &str, now: Timestamp) -> Result<(), String> {
        const KNOWN: [&str; 3] = ["AUTHENTICATION", "MARKETING", "UTILITY"];
        let template = self.templates.get_mut(id).ok_or_else(|| format!("there is no template {id}"))?;
        if !KNOWN.contains(&category) {
            return Err(format!("category is one of {}", KNOWN.join(", ")));
        }
        let previous = std::mem::replace(&mut template.category, category.into());
        template.previous_category = Some(previous.clone());
        let mut value = json!({});
        name(&mut value, template);
        value["previous_category"] = previous.into();
        value["new_category"] = category.into();
        let update = Update::account(&template.waba_id, "template_category_update", value, now.as_second());
        self.emit(update);
        Ok(())
    }

    /// The templates out of the box, all approved: `order_update` in the account's own language, the others in English.
    pub(crate) fn furnish_templates(&mut self, waba_id: &str, language: &str, now: Timestamp) {
        for draft in furnished(language) {
            self.create_template(waba_id, draft, true, now);
        }
    }
}

/// The `value` of `message_template_status_update` (§7): the id is a number there.
fn status_value(template: &Template, event: &str, reason: &str, unpaused: bool, now: Timestamp) -> Value {
    let mut value = json!({ "event": event });
    name(&mut value, template);
    value["reason"] = reason.into();
    value["message_template_category"] = template.category.clone().into();
    let other = |title: &str, description: &str| json!({ "title": title, "description": description });
    match event {
        "REJECTED" => {
            value["rejection_info"] = json!({
                "reason": format!("The template was rejected: {reason}."),
                "recommendation": "Change what was found wrong, and submit the template again.",
            });
        }
        "DISABLED" => {
            value["disable_info"] = json!({ "disable_date": now.strftime("%B %-d, %Y").to_string() });
            value["other_info"] = other("DISABLED", "The template was disabled for its low quality.");
        }
        "PAUSED" => {
            let (title, hours) = if template.pauses == 1 { ("FIRST_PAUSE", 3) } else { ("SECOND_PAUSE", 6) };
            value["other_info"] = other(title, &format!("The template is paused for {hours} hours."));
        }
        "APPROVED" if unpaused => value["other_info"] = other("UNPAUSED", "The template can be sent again."),
        _ => {}
    }
    value
}

/// Says which template.
fn name(value: &mut Value, template: &Template) {
    value["message_template_id"] = template.id.parse::<u64>().map_or_else(|_| template.id.clone().into(), Value::from);
    value["message_template_name"] = template.name.clone().into();
    value["message_template_language"] = template.language.clone().into();
}

/// The words that Meta puts into authentication templates: the body, with the advice or without, and the footer (§9.1,
/// `doc_template-preview.json`). Other languages than Spanish are shown in English.
pub(crate) fn authentication_words(language: &str, advice: bool, minutes: Option<i64>) -> (String, Option<String>) {
    let spanish = language == "es" || language.starts_with("es_");
    let (code, safety) = if spanish {
        ("Tu código de verificación es *{{1}}*.", " Por tu seguridad, no lo compartas.")
    } else {
        ("*{{1}}* is your verification code.", " For your security, do not share this code.")
    };
    let footer = minutes.map(|minutes| match spanish {
        true => format!("Este código caduca en {minutes} minutos."),
        false => format!("This code expires in {minutes} minutes."),
    });
    (format!("{code}{}", if advice { safety } else { "" }), footer)
}

fn furnished(language: &str) -> Vec<Draft> {
    let draft = |name: &str, language: &str, category: &str, components: Value| Draft {
        name: name.into(),
        language: language.into(),
        category: category.into(),
        parameter_format: "POSITIONAL".into(),
        components: components.as_array().cloned().unwrap_or_default(),
        ttl_seconds: None,
    };
    let sample = |kind: &str| json!({ "header_handle": [format!("4::{kind}:ARbGFwdG9wLXNhbXBsZQ:e:1893456000:1:1:ARc2FtcGxl")] });
    let card = |word: &str| {
        json!({ "components": [
            { "type": "HEADER", "format": "IMAGE", "example": sample("aW1hZ2UvanBlZw") },
            { "type": "BODY", "text": format!("{word} for {{{{1}}}} today, while it lasts."),
                "example": { "body_text": [["$6"]] } },
            { "type": "BUTTONS", "buttons": [
                { "type": "QUICK_REPLY", "text": "More like this" },
                { "type": "URL", "text": "Order", "url": "https://example.com/menu/{{1}}", "example": ["latte"] },
            ] },
        ]})
    };
    let order = if language.starts_with("es") {
        json!([
            { "type": "BODY", "text": "Hola {{1}}, tu pedido {{2}} ya va en camino y llega hoy por la tarde.",
                "example": { "body_text": [["Ana", "A-1042"]] } },
            { "type": "FOOTER", "text": "Responde si algo cambia" },
            { "type": "BUTTONS", "buttons": [
                { "type": "QUICK_REPLY", "text": "Gracias" },
                { "type": "QUICK_REPLY", "text": "Necesito ayuda" },
            ] },
        ])
    } else {
        json!([
            { "type": "BODY", "text": "Hi {{1}}, your order {{2}} is on its way and will arrive this afternoon.",
                "example": { "body_text": [["Ann", "A-1042"]] } },
            { "type": "FOOTER", "text": "Reply if anything changes" },
            { "type": "BUTTONS", "buttons": [
                { "type": "QUICK_REPLY", "text": "Thank you" },
                { "type": "QUICK_REPLY", "text": "I need help" },
            ] },
        ])
    };
    vec![
        draft(
            "hello_world",
            "en_US",
            "UTILITY",
            json!([
                { "type": "HEADER", "format": "TEXT", "text": "Hello World" },
                { "type": "BODY", "text": "Welcome and congratulations!! This message demonstrates your ability to \
                    send a message notification from the Cloud API. Thank you for taking the time to test with us." },
                { "type": "FOOTER", "text": "WhatsApp Business Platform sample message" },
            ]),
        ),
        draft("order_update", language, "UTILITY", order),
        draft(
            "promo_image",
            "en_US",
            "MARKETING",
            json!([
                { "type": "HEADER", "format": "IMAGE", "example": sample("aW1hZ2UvanBlZw") },
                { "type": "BODY", "text": "Hi {{1}}, this week everything from the oven is {{2}} off. See you soon!",
                    "example": { "body_text": [["Ann", "20%"]] } },
                { "type": "FOOTER", "text": "Until Sunday" },
                { "type": "BUTTONS", "buttons": [
                    { "type": "URL", "text": "See the offer", "url": "https://example.com/offers/{{1}}",
                        "example": ["https://example.com/offers/oven"] },
                    { "type": "QUICK_REPLY", "text": "Stop promotions" },
                ] },
            ]),
        ),
        draft(
            "login_code",
            "en_US",
            "AUTHENTICATION",
            json!([
                { "type": "BODY", "add_security_recommendation": true },
                { "type": "FOOTER", "code_expiration_minutes": 10 },
                { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code" }] },
            ]),
        ),
        draft(
            "menu_cards",
            "en_US",
            "MARKETING",
            json!([
                { "type": "BODY", "text": "New on the menu, {{1}}: have a look at what we bake and brew this month.",
                    "example": { "body_text": [["Ann"]] } },
                { "type": "CAROUSEL", "cards": [card("Oat latte"), card("Almond croissant")] },
            ]),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn draft(name: &str) -> Draft {
        Draft {
            name: name.into(),
            language: "en_US".into(),
            category: "UTILITY".into(),
            parameter_format: "POSITIONAL".into(),
            components: vec![json!({ "type": "BODY", "text": "Hello" })],
            ttl_seconds: None,
        }
    }

    #[test]
    fn names_ask_for_a_verdict() {
        assert_eq!(Review::of("order_update"), Review::Approve);
        assert_eq!(Review::of("sale_rejected"), Review::Reject("INVALID_FORMAT"));
        assert_eq!(Review::of("rejected_incorrect_category"), Review::Reject("INCORRECT_CATEGORY"));
    }

    #[test]
    fn pauses_end_by_themselves_twice() {
        let mut world = World::furnished(3, None, None, NOW);
        let waba = world.wabas.keys().next().expect("an account").clone();
        let id = world.create_template(&waba, draft("greeting"), false, NOW);
        let five = NOW + SignedDuration::from_secs(5);
        world.review(&id, five);
        assert_eq!(world.templates[&id].status, "APPROVED");

        for hours in [3, 6] {
            world.template_event(&id, "PAUSED", None, five).expect("paused");
            world.review(&id, five + SignedDuration::from_hours(hours) - SignedDuration::from_secs(1));
            assert_eq!(world.templates[&id].status, "PAUSED");
            world.review(&id, five + SignedDuration::from_hours(hours));
            assert_eq!(world.templates[&id].status, "APPROVED");
        }
        world.template_event(&id, "PAUSED", None, five).expect("known");
        assert_eq!(world.templates[&id].status, "DISABLED");
        let events: Vec<_> = world.outgoing.iter().map(|update| update.value["event"].clone()).collect();
        assert_eq!(events, ["APPROVED", "PAUSED", "APPROVED", "PAUSED", "APPROVED", "DISABLED"]);
    }

    #[test]
    fn what_is_not_known_is_told_in_words() {
        let mut world = World::furnished(3, None, None, NOW);
        let id = world.templates.keys().next().expect("a template").clone();
        assert!(world.template_event("1", "PAUSED", None, NOW).is_err());
        assert!(world.template_event(&id, "SHREDDED", None, NOW).is_err());
        assert!(world.template_event(&id, "REJECTED", Some("UGLY"), NOW).is_err());
        assert!(world.template_quality(&id, "PURPLE", NOW).is_err());
    }
}
