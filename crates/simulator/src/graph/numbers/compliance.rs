//! Who is answerable for the business, where a law asks for it.

use serde_json::{Map, Value, json};

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;

const FIELDS: &[&str] = &[
    "whatsapp_business_account_id",
    "messaging_product",
    "entity_name",
    "entity_type",
    "entity_type_custom",
    "is_registered",
    "grievance_officer_details",
    "customer_care_details",
];

/// Kinds of companies; of the names in the examples, the rest are from memory.
const ENTITY_TYPES: &[&str] = &[
    "LIMITED_LIABILITY_PARTNERSHIP",
    "SOLE_PROPRIETORSHIP",
    "PARTNERSHIP",
    "PUBLIC_COMPANY",
    "PRIVATE_COMPANY",
    "OTHER",
];

/// `GET /{phone-number-id}/business_compliance_info`: what is not known is null.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let asked = call.fields();
    let number = number_of(call);
    let whole = |name: &str| match name {
        "whatsapp_business_account_id" => number.waba_id.clone().into(),
        "messaging_product" => "whatsapp".into(),
        "is_registered" => number.compliance.get(name).cloned().unwrap_or(false.into()),
        _ => number.compliance.get(name).cloned().unwrap_or_default(),
    };
    let names = asked.unwrap_or_else(|| FIELDS.iter().map(|name| (*name).to_owned()).collect());
    if let Some(name) = names.iter().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(GraphError::of(100).message(format!("(#100) Tried accessing nonexisting field ({name})")));
    }
    let row: Map<String, Value> = names.into_iter().map(|name| (name.clone(), whole(&name))).collect();
    Ok(Reply::Json(json!({ "data": [row] })))
}

/// `POST /{phone-number-id}/business_compliance_info`.
pub(super) fn update(call: &mut Call<'_>) -> Answer {
    call.for_whatsapp()?;
    let mut info = Map::new();
    info.insert("entity_name".into(), call.required("entity_name")?.into());
    let kind = call.required("entity_type")?.to_ascii_uppercase();
    if !ENTITY_TYPES.contains(&kind.as_str()) {
        return Err(bad("Invalid parameter: entity_type must be a valid enum value"));
    }
    let custom = call.text("entity_type_custom");
    match (kind == "OTHER", &custom) {
        (true, None) => return Err(bad("Entity_type_custom is mandatory for OTHER entity type")),
        (false, Some(_)) => return Err(unfit("Entity type custom can only be used with OTHER entity type")),
        _ => {}
    }
    let registered = call.param("is_registered").cloned();
    let asks_registered = matches!(kind.as_str(), "OTHER" | "PARTNERSHIP");
    if registered.is_some() && !asks_registered {
        return Err(bad("is_registered required only when entity_type is set to Other or Partnership"));
    }
    for name in ["grievance_officer_details", "customer_care_details"] {
        let details = call.json(name)?.ok_or_else(|| super::super::call::missing(name))?;
        check_phones(&details)?;
        info.insert(name.into(), details);
    }
    info.insert("entity_type".into(), kind.into());
    info.insert("entity_type_custom".into(), json!(custom));
    info.insert("is_registered".into(), registered.unwrap_or(true.into()));
    number_of(call).compliance = info;
    Reply::success()
}

fn check_phones(details: &Value) -> Result<(), GraphError> {
    let phones = ["mobile_number", "landline_number"].into_iter().filter_map(|name| details[name].as_str());
    for phone in phones {
        let digits = phone.strip_prefix('+').unwrap_or_default();
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(unfit("Invalid phone number format. Must include country code"));
        }
    }
    Ok(())
}

fn bad(message: &str) -> GraphError {
    GraphError::of(100).message(message)
}

fn unfit(message: &str) -> GraphError {
    GraphError { http: 422, kind: "GraphMethodException", ..GraphError::of(100) }.message(message)
}
