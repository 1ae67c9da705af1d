//! Flows: forms that a customer fills in, made as drafts, published, and retired (§9).

use http::Method;
use serde_json::{Map, Value, json};

use super::call::missing;
use super::{Answer, Call, Needs, Object, Operation, Reply, op};
use crate::error::Follows::Fixture;
use crate::error::GraphError;
use crate::world::Flow;

pub(super) const OPERATIONS: &[Operation] = &[
    op(Method::POST, Object::Waba, "flows", Needs::Management, Fixture("POST_waba-id-flows.json"), create),
    op(Method::GET, Object::Waba, "flows", Needs::Management, Fixture("GET_waba-id-flows.json"), list),
    op(Method::GET, Object::Flow, "", Needs::Management, Fixture("GET_flow-id.json"), show),
    op(Method::POST, Object::Flow, "", Needs::Management, Fixture("POST_flow-id.json"), update),
    op(Method::DELETE, Object::Flow, "", Needs::Management, Fixture("DELETE_flow-id.json"), delete),
    op(Method::GET, Object::Flow, "assets", Needs::Management, Fixture("GET_flow-id-assets.json"), assets),
    op(Method::POST, Object::Flow, "assets", Needs::Management, Fixture("POST_flow-id-assets.json"), upload),
    op(Method::POST, Object::Flow, "publish", Needs::Management, Fixture("POST_flow-id-publish.json"), publish),
    op(Method::POST, Object::Flow, "deprecate", Needs::Management, Fixture("POST_flow-id-deprecate.json"), deprecate),
];

/// Meta's categories.
const CATEGORIES: [&str; 8] = [
    "SIGN_UP",
    "SIGN_IN",
    "APPOINTMENT_BOOKING",
    "LEAD_GENERATION",
    "CONTACT_US",
    "CUSTOMER_SUPPORT",
    "SURVEY",
    "OTHER",
];

/// A form's screens, in bytes.
const LONGEST: usize = 10 << 20;

/// The fields of one without `fields=`.
const SHOWN: &[&str] = &["id", "name", "status", "categories", "validation_errors"];

fn create(call: &mut Call<'_>) -> Answer {
    let name = call.required("name")?;
    let categories = categories(call)?.ok_or_else(|| missing("categories"))?;
    let json = call.text("flow_json");
    check(json.as_deref().map_or(0, str::len))?;
    let publish = call.text("publish").is_some_and(|word| word.eq_ignore_ascii_case("true"));
    if publish && json.is_none() {
        return Err(GraphError::invalid("A flow without screens can't be published."));
    }
    let id = call.world.chance.id();
    let status = if publish { "PUBLISHED" } else { "DRAFT" };
    let flow = Flow { id: id.clone(), waba_id: call.object.clone(), name, status, categories, json };
    call.world.flows.insert(id.clone(), flow);
    Ok(Reply::Json(json!({ "id": id, "success": true, "validation_errors": [] })))
}

fn categories(call: &Call<'_>) -> Result<Option<Vec<String>>, GraphError> {
    let Some(given) = call.json("categories")? else { return Ok(None) };
    let words: Option<Vec<String>> =
        given.as_array().map(|list| list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect());
    let known = |word: &String| CATEGORIES.contains(&word.as_str());
    match words.filter(|words| !words.is_empty() && words.iter().all(known)) {
        Some(words) => Ok(Some(words)),
        None => Err(GraphError::invalid(format!("Param categories must be a list of {{{}}}", CATEGORIES.join(", ")))),
    }
}

fn check(length: usize) -> Result<(), GraphError> {
    if length <= LONGEST { Ok(()) } else { Err(GraphError::invalid("The flow's JSON is longer than 10 MB.")) }
}

fn list(call: &mut Call<'_>) -> Answer {
    let of_waba = call.world.flows.values().filter(|flow| flow.waba_id == call.object);
    let rows: Result<Vec<Value>, GraphError> = of_waba.map(|flow| call.pick(&fields(flow), SHOWN)).collect();
    call.page(rows?, "flows").map(Reply::Json)
}

fn fields(flow: &Flow) -> Map<String, Value> {
    let json = flow.json.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let all = json!({
        "id": flow.id,
        "name": flow.name,
        "status": flow.status,
        "categories": flow.categories,
        "validation_errors": [],
        "json_version": json.map(|json| json["version"].clone()),
        "whatsapp_business_account": { "id": flow.waba_id },
        "preview": { "preview_url": format!("https://business.facebook.com/wa/manage/flows/{}/preview/", flow.id) },
    });
    let Value::Object(all) = all else { unreachable!("an object was written") };
    all
}

fn flow<'a>(call: &'a mut Call<'_>) -> &'a mut Flow {
    call.world.flows.get_mut(&call.object).expect("the path named a flow")
}

fn show(call: &mut Call<'_>) -> Answer {
    let whole = fields(&call.world.flows[&call.object]);
    call.pick(&whole, SHOWN).map(Reply::Json)
}

fn update(call: &mut Call<'_>) -> Answer {
    let (name, categories) = (call.text("name"), categories(call)?);
    let flow = flow(call);
    flow.name = name.unwrap_or_else(|| flow.name.clone());
    flow.categories = categories.unwrap_or_else(|| flow.categories.clone());
    Reply::success()
}

fn delete(call: &mut Call<'_>) -> Answer {
    if flow(call).status != "DRAFT" {
        return Err(GraphError::invalid("Only a draft can be deleted: deprecate a published flow."));
    }
    call.world.flows.shift_remove(&call.object);
    Reply::success()
}

fn assets(call: &mut Call<'_>) -> Answer {
    let url = format!("https://scontent.xx.fbcdn.net/m1/v/t0.57323-24/{}", call.object);
    let row = json!({ "name": "flow.json", "asset_type": "FLOW_JSON", "download_url": url });
    let rows = if flow(call).json.is_some() { vec![row] } else { Vec::new() };
    call.page(rows, "assets").map(Reply::Json)
}

fn upload(call: &mut Call<'_>) -> Answer {
    if call.required("asset_type")? != "FLOW_JSON" {
        return Err(GraphError::invalid("Param asset_type must be one of {FLOW_JSON}"));
    }
    call.required("name")?;
    let file = call.body.file.take().ok_or_else(|| missing("file"))?;
    check(file.bytes.len())?;
    let text = String::from_utf8(file.bytes.to_vec()).ok();
    let text = text.filter(|text| serde_json::from_str::<Value>(text).is_ok_and(|json| json.is_object()));
    let text = text.ok_or_else(|| GraphError::invalid("Param file must be a JSON object."))?;
    let flow = flow(call);
    if flow.status != "DRAFT" {
        return Err(GraphError::invalid("A published flow can't be changed."));
    }
    flow.json = Some(text);
    Ok(Reply::Json(json!({ "success": true, "validation_errors": [] })))
}

fn publish(call: &mut Call<'_>) -> Answer {
    let flow = flow(call);
    if flow.status != "DRAFT" || flow.json.is_none() {
        return Err(GraphError::invalid("Only a draft with screens can be published."));
    }
    flow.status = "PUBLISHED";
    Reply::success()
}

fn deprecate(call: &mut Call<'_>) -> Answer {
    let flow = flow(call);
    if flow.status != "PUBLISHED" {
        return Err(GraphError::invalid("Only a published flow can be deprecated."));
    }
    flow.status = "DEPRECATED";
    Reply::success()
}
