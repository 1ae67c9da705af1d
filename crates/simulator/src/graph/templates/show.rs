//! Templates shown: one, many, compared, and as they would look.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::create::{limit, one_of};
use crate::error::GraphError;
use crate::graph::call::missing;
use crate::graph::{Answer, Call, Reply};
use crate::world::{Template, World, authentication_words};

/// What is shown where no fields are asked for, as in Meta's samples.
const DEFAULT: &[&str] =
    &["name", "parameter_format", "components", "language", "status", "category", "previous_category", "id"];

pub(super) fn one(call: &mut Call<'_>) -> Answer {
    call.pick(&whole(&call.world.templates[&call.object]), DEFAULT).map(Reply::Json)
}

/// Those of the account that fit all filters: `status`, `category`, `language` and `quality_score` are one word or a
/// list, `name` is part of the name, `content` part of a text, `name_or_content` part of either.
pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let wanted = |param: &str| call.text(param).map(|text| text.to_ascii_lowercase());
    let (name, content, either) = (wanted("name"), wanted("content"), wanted("name_or_content"));
    let (status, category) = (words(call, "status"), words(call, "category"));
    let (language, quality) = (words(call, "language"), words(call, "quality_score"));
    let among = |list: &Option<Vec<String>>, word: &str| {
        list.as_ref().is_none_or(|list| list.iter().any(|wanted| wanted.eq_ignore_ascii_case(word)))
    };
    let fits = |template: &&Template| {
        let named = |part: &String| template.name.contains(part.as_str());
        let says = |part: &String| texts(&template.components).iter().any(|text| text.to_lowercase().contains(part));
        template.waba_id == call.object
            && among(&status, &template.status)
            && among(&category, &template.category)
            && among(&language, &template.language)
            && among(&quality, &template.quality)
            && name.as_ref().is_none_or(named)
            && content.as_ref().is_none_or(says)
            && either.as_ref().is_none_or(|part| named(part) || says(part))
    };
    let found = call.world.templates.values().filter(fits);
    let rows = found.map(|template| call.pick(&whole(template), DEFAULT)).collect::<Result<Vec<_>, _>>()?;
    let total = rows.len();
    let mut page = call.page(rows, "message_templates")?;
    if let Some(summary) = summary(call, total) {
        page["summary"] = summary;
    }
    Ok(Reply::Json(page))
}

/// The counts that `summary` names: those of the filters, and those of the account.
fn summary(call: &Call<'_>, total: usize) -> Option<Value> {
    let asked = words(call, "summary")?;
    let many = call.world.templates.values().filter(|template| template.waba_id == call.object).count();
    let known = [
        ("total_count", Value::from(total)),
        ("message_template_count", many.into()),
        ("message_template_limit", limit(call.world, &call.object).into()),
        ("are_translations_complete", true.into()),
    ];
    let wanted = known.into_iter().filter(|(name, _)| asked.iter().any(|word| word == name));
    Some(wanted.map(|(name, value)| (name.to_owned(), value)).collect())
}

/// A filter: one word, several with commas between, or a list in JSON.
fn words(call: &Call<'_>, param: &str) -> Option<Vec<String>> {
    let list = match call.param(param)? {
        Value::Array(list) => list.clone(),
        Value::String(text) => match serde_json::from_str(text) {
            Ok(Value::Array(list)) => list,
            _ => text.split(',').map(|word| word.trim().into()).collect(),
        },
        other => vec![other.clone()],
    };
    Some(list.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect())
}

/// Every text of components, on cards and buttons as well.
fn texts(components: &[Value]) -> Vec<&str> {
    fn collect<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                for (key, value) in object {
                    match value {
                        Value::String(text) if key == "text" => into.push(text),
                        _ => collect(value, into),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, into)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    components.iter().for_each(|component| collect(component, &mut found));
    found
}

/// A template with all its fields; those that are null can be asked for and are left out.
fn whole(template: &Template) -> Map<String, Value> {
    let quality = json!({ "score": template.quality, "date": template.quality_at.as_second() });
    let fields = json!({
        "id": template.id,
        "name": template.name,
        "language": template.language,
        "status": template.status,
        "category": template.category,
        "previous_category": template.previous_category,
        "correct_category": null,
        "sub_category": null,
        "parameter_format": template.parameter_format,
        "components": shown(template),
        "quality_score": quality,
        "rejected_reason": template.rejected_reason,
        "message_send_ttl_seconds": template.ttl_seconds,
        "last_updated_time": template.updated_at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string(),
        "library_template_name": null,
        "cta_url_link_tracking_opted_out": null,
        "is_primary_device_delivery_only": null,
        "degrees_of_freedom_spec": null,
        "creative_sourcing_spec": null,
        "bid_spec": null,
    });
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The components; those of an authentication template with Meta's words in them.
fn shown(template: &Template) -> Vec<Value> {
    let mut components = template.components.clone();
    if template.category != "AUTHENTICATION" {
        return components;
    }
    let find = |kind: &str, key: &str| template.component(kind).map(|part| part[key].clone()).unwrap_or_default();
    let advice = find("BODY", "add_security_recommendation") == true;
    let minutes = find("FOOTER", "code_expiration_minutes").as_i64();
    let (body, footer) = authentication_words(&template.language, advice, minutes);
    for component in &mut components {
        if component["type"] == "BODY" {
            component["text"] = body.clone().into();
            component["example"] = json!({ "body_text": [["123456"]] });
        } else if component["type"] == "FOOTER" {
            component["text"] = footer.clone().into();
        }
    }
    components
}

/// Authentication templates as they would look in some languages.
pub(super) fn previews(call: &mut Call<'_>) -> Answer {
    one_of("category", &["AUTHENTICATION"], &call.required("category")?)?;
    let advice = call.text("add_security_recommendation").is_some_and(|word| word == "true");
    let minutes = call.text("code_expiration_minutes").and_then(|minutes| minutes.parse().ok());
    let languages = words(call, "languages").or_else(|| words(call, "language"));
    let rows = languages.unwrap_or_else(|| vec!["en_US".into(), "es_ES".into()]).into_iter().map(|language| {
        let (body, footer) = authentication_words(&language, advice, minutes);
        let (autofill, copy) = match language.starts_with("es") {
            true => ("Autocompletar", "Copiar código"),
            false => ("Autofill", "Copy code"),
        };
        let mut row = json!({ "body": body, "buttons": [{ "autofill_text": autofill, "text": copy }] });
        if let Some(footer) = footer {
            row["footer"] = footer.into();
        }
        row["language"] = language.into();
        row
    });
    Ok(Reply::Json(json!({ "data": rows.collect::<Vec<_>>() })))
}

/// How often two templates were sent in a span of time. Nobody blocks a business for a template here, so the order by
/// rate of blocks is that of the call.
pub(super) fn compare(call: &mut Call<'_>) -> Answer {
    let mut ids = words(call, "template_ids").ok_or_else(|| missing("template_ids"))?;
    let (start, end) = (moment(call, "start")?, moment(call, "end")?);
    if ids.len() != 1 {
        return Err(GraphError::of(100).message("(#100) Param template_ids must name one template to compare with."));
    }
    ids.push(call.object.clone());
    let waba = &call.world.templates[&call.object].waba_id;
    for id in &ids {
        if call.world.templates.get(id).is_none_or(|template| template.waba_id != *waba) {
            return Err(GraphError::no_such_object("get", id));
        }
    }
    let sends = |id: &String| json!({ "key": id, "value": sends(call.world, &call.world.templates[id], start, end) });
    let reason = |id: &String| json!({ "key": id, "value": "UNKNOWN_BLOCK_REASON" });
    Ok(Reply::Json(json!({ "data": [
        { "metric": "BLOCK_RATE", "type": "RELATIVE", "order_by_relative_metric": ids },
        { "metric": "MESSAGE_SENDS", "type": "NUMBER_VALUES", "number_values": ids.iter().map(sends).collect::<Vec<_>>() },
        { "metric": "TOP_BLOCK_REASON", "type": "STRING_VALUES",
            "string_values": ids.iter().map(reason).collect::<Vec<_>>() },
    ]})))
}

/// A time in seconds; Meta's sample has milliseconds.
fn moment(call: &Call<'_>, param: &str) -> Result<Timestamp, GraphError> {
    let number = call.required(param)?.parse::<i64>().ok();
    let time = number.and_then(|number| {
        if number < 100_000_000_000 { Timestamp::from_second(number) } else { Timestamp::from_millisecond(number) }.ok()
    });
    time.ok_or_else(|| GraphError::of(100).message(format!("(#100) Param {param} must be a UNIX timestamp.")))
}

fn sends(world: &World, template: &Template, start: Timestamp, end: Timestamp) -> usize {
    let same = |message: &&crate::world::Message| {
        message.kind == "template"
            && message.content["name"] == template.name.as_str()
            && message.content["language"]["code"] == template.language.as_str()
            && (start..=end).contains(&message.at)
            && world.waba_of(&message.phone_number_id).is_some_and(|waba| waba.id == template.waba_id)
    };
    world.messages.values().filter(same).count()
}
