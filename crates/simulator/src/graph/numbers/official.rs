//! The badge of an official business account.

use serde_json::{Map, Value, json};

use super::super::{Answer, Call, Reply};
use super::number_of;
use crate::error::GraphError;

/// `GET /{phone-number-id}/official_business_account`.
pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let whole = of(call);
    call.pick(&whole, &["oba_status", "status_message"]).map(Reply::Json)
}

fn of(call: &mut Call<'_>) -> Map<String, Value> {
    let number = number_of(call);
    let message = match number.official {
        "PENDING" => "Your Official Business Account application is under review",
        "APPROVED" => "Your Official Business Account has been approved",
        "REJECTED" => {
            "Your Official Business Account application was rejected. Please review the requirements and reapply."
        }
        "CANCELLED" => "Official Business Account application has been cancelled",
        _ => "No Official Business Account application was submitted",
    };
    let all = [("id", number.id.as_str()), ("oba_status", number.official), ("status_message", message)];
    all.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// `POST /{phone-number-id}/official_business_account`: an application goes in, or is taken back.
pub(super) fn apply(call: &mut Call<'_>) -> Answer {
    let action = call.required("action")?;
    let standing = number_of(call).official;
    let (next, message) = match action.as_str() {
        "SUBMIT_APPLICATION" | "RESUBMIT_APPLICATION" => {
            if matches!(standing, "PENDING" | "APPROVED") {
                return Err(bad("Cannot submit application: An active application already exists"));
            }
            check(call, &action)?;
            ("PENDING", "Official Business Account application submitted successfully")
        }
        "WITHDRAW_APPLICATION" if standing == "PENDING" => {
            ("CANCELLED", "Official Business Account application withdrawn successfully")
        }
        "WITHDRAW_APPLICATION" => {
            let error = GraphError { http: 409, kind: "GraphMethodException", ..GraphError::of(100) };
            return Err(error.message("Cannot withdraw application: No pending application found"));
        }
        _ => {
            return Err(bad(
                "(#100) Param action must be one of {SUBMIT_APPLICATION, RESUBMIT_APPLICATION, WITHDRAW_APPLICATION}",
            ));
        }
    };
    number_of(call).official = next;
    let tracking_id = format!("oba_req_{}", call.world.chance.hex(8));
    let standing = of(call);
    Ok(Reply::Json(
        json!({ "success": true, "message": message, "updated_status": standing, "tracking_id": tracking_id }),
    ))
}

fn check(call: &Call<'_>, action: &str) -> Result<(), GraphError> {
    let data = call.json("application_data")?.unwrap_or_default();
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    let unfit = |message: &str| {
        Err(GraphError { http: 422, kind: "GraphMethodException", ..GraphError::of(100) }.message(message))
    };
    match text("business_name").chars().count() {
        0 => Err(bad(&format!("Missing required application data: business_name is required for {action}"))),
        256.. => unfit("Business name cannot exceed 255 characters"),
        _ if !text("website_url").is_empty() && !text("website_url").starts_with("https://") => {
            unfit("Invalid website URL format: URL must be a valid HTTPS URL")
        }
        _ => Ok(()),
    }
}

fn bad(message: &str) -> GraphError {
    GraphError::of(100).message(message)
}
