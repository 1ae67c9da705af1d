//! Meta's errors: codes, HTTP statuses and envelopes (protocol §10).

use serde_json::{Map, Value, json};

/// What a part of the simulator follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// A file of the shared Graph fixtures, without its folder.
    Fixture(&'static str),
    /// A section of the protocol reference, as `§8.1`.
    Protocol(&'static str),
    /// Nobody published it; says what stands in its place.
    Invented(&'static str),
}

/// An error that Meta is known to give.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Meta's code.
    pub code: i64,
    /// HTTP status of the answer.
    pub http: u16,
    /// The title, as in the table of error codes.
    pub title: &'static str,
    /// Where it is written.
    pub follows: Follows,
}

const fn known(code: i64, http: u16, title: &'static str) -> Known {
    Known { code, http, title, follows: Follows::Protocol("§10.2") }
}

/// The errors that the simulator gives, by itself or as a fault.
pub const TABLE: &[Known] = &[
    known(0, 401, "AuthException"),
    known(1, 400, "An unknown error has occurred"),
    known(2, 503, "Service temporarily unavailable"),
    known(3, 500, "API method"),
    known(4, 400, "Application request limit reached"),
    known(10, 403, "Application does not have permission for this action"),
    Known {
        code: 15,
        http: 400,
        title: "This method must be called with an app access_token",
        follows: Follows::Invented("the Graph API's answer to a user's token, from memory"),
    },
    known(33, 400, "Parameter value is not valid"),
    known(100, 400, "Invalid parameter"),
    Known {
        code: 101,
        http: 400,
        title: "Error validating application",
        follows: Follows::Invented("the Graph API's answer to an App it does not know, from memory"),
    },
    Known {
        code: 104,
        http: 401,
        title: "An access token is required to request this resource",
        follows: Follows::Fixture("GET_phone-number-id.json"),
    },
    known(190, 401, "Invalid OAuth access token"),
    known(200, 403, "Permissions error"),
    known(368, 403, "Temporarily blocked for policies violations"),
    known(613, 400, "Calls to this api have exceeded the rate limit"),
    Known {
        code: 803,
        http: 404,
        title: "Some of the aliases you requested do not exist",
        follows: Follows::Fixture("DELETE_phone-number-id-message-qrdls-qr-code-id.json"),
    },
    Known {
        code: 2500,
        http: 400,
        title: "Unknown path components",
        follows: Follows::Invented("the Graph API's answer to an edge it does not know, from memory"),
    },
    Known {
        code: 2200,
        http: 400,
        title: "Callback verification failed",
        follows: Follows::Invented("the Graph API's answer to a failed handshake, from memory"),
    },
    known(80007, 400, "Rate limit issues"),
    known(130403, 400, "User is blocked by the business"),
    known(130429, 400, "Rate limit hit"),
    known(130472, 400, "User's number is part of an experiment"),
    known(130497, 403, "Business account is restricted from messaging users in this country"),
    known(131000, 500, "Something went wrong"),
    known(131005, 403, "Access denied"),
    known(131008, 400, "Required parameter is missing"),
    known(131009, 400, "Parameter value is not valid"),
    known(131016, 500, "Service unavailable"),
    known(131021, 400, "Recipient cannot be sender"),
    known(131026, 400, "Message undeliverable"),
    known(131030, 400, "Recipient phone number not in allowed list"),
    known(131031, 403, "Account has been locked"),
    known(131037, 400, "WhatsApp provided number needs display name approval before message can be sent"),
    known(131041, 400, "Unknown group"),
    known(131042, 400, "Business eligibility payment issue"),
    known(131045, 500, "Incorrect certificate"),
    known(131047, 400, "Re-engagement message"),
    known(131048, 400, "Spam rate limit hit"),
    known(131049, 400, "This message was not delivered to maintain healthy ecosystem engagement"),
    known(131050, 400, "User has stopped receiving marketing messages from this business"),
    known(131051, 400, "Unsupported message type"),
    known(131052, 400, "Media download error"),
    known(131053, 400, "Media upload error"),
    known(131055, 400, "Method not allowed"),
    known(131056, 400, "(Business Account, Consumer Account) pair rate limit hit"),
    known(131057, 500, "Account in maintenance mode"),
    known(131062, 400, "Business-scoped user ids are not supported for this message"),
    known(132000, 400, "Number of parameters does not match the expected number of params"),
    known(132001, 404, "Template name does not exist in the translation"),
    known(132005, 400, "Translated text too long"),
    known(132007, 400, "Template format character policy violated"),
    known(132008, 400, "Template parameter value not valid"),
    known(132012, 400, "Parameter format does not match format in the created template"),
    known(132015, 400, "Template is paused"),
    known(132016, 400, "Template is disabled"),
    known(132018, 400, "Template parameter validation failed"),
    known(132068, 400, "Flow is blocked"),
    known(132069, 400, "Flow is throttled"),
    known(133004, 503, "Server temporarily unavailable"),
    known(133005, 400, "Two step verification PIN mismatch"),
    known(133006, 400, "Phone number re-verification needed"),
    known(133008, 400, "Too many two step verification PIN guesses"),
    known(133009, 400, "Two step verification PIN guessed too fast"),
    known(133010, 400, "Phone number not registered"),
    known(133015, 400, "Please wait a few minutes before attempting to register this phone number"),
    known(133016, 400, "Account register deregister rate limit exceeded"),
    known(134100, 400, "Only marketing messages supported"),
    known(135000, 400, "Generic user error"),
    known(136024, 400, "Request code error"),
    Known {
        code: 136025,
        http: 400,
        title: "Verify code error",
        follows: Follows::Invented("the answer to a wrong code, from memory"),
    },
    known(137000, 400, "Recipient identity key hash does not match"),
    known(138000, 400, "Calling not enabled"),
    known(138006, 400, "No approved call permission from the recipient"),
    known(139000, 400, "Flow error"),
    known(139100, 400, "Failed to block/unblock users"),
    known(139101, 400, "Block list limit reached"),
    known(139200, 400, "Direct Send is blocked"),
    known(147001, 400, "Business username error"),
    known(147002, 400, "Business username is not available"),
    known(147003, 400, "Business username belongs to another number of the business"),
    known(147004, 400, "Business username not found"),
    known(2388019, 400, "Message template limit reached"),
    Known {
        code: 2388023,
        http: 400,
        title: "Message template language is being deleted",
        follows: Follows::Invented("Meta's subcode for a deleted name that is created again, from memory"),
    },
    Known {
        code: 2388024,
        http: 400,
        title: "Content in this language already exists",
        follows: Follows::Invented("Meta's subcode for a name and language that are taken, from memory"),
    },
    known(2388039, 400, "Template category can't be changed"),
    known(2388040, 400, "Template character limit exceeded"),
    Known {
        code: 2388043,
        http: 400,
        title: "Message template \"components\" param is missing expected field(s)",
        follows: Follows::Invented("Meta's subcode for a component that lacks a field, from memory"),
    },
    known(2388047, 400, "Message header format is incorrect"),
    known(2388072, 400, "Message body format is incorrect"),
    known(2388073, 400, "Message footer format is incorrect"),
    known(2388293, 400, "Template contains too many variables for its length"),
    known(2388299, 400, "Template variables can't be at the beginning or end"),
    known(2494191, 400, "Taking the thread is not permitted"),
    Known {
        code: 2593002,
        http: 400,
        title: "Message template not found",
        follows: Follows::Invented("Meta's subcode for the deletion of an unknown template, from memory"),
    },
    known(2593107, 400, "Sync was used already"),
    known(2593108, 400, "Sync is too late"),
    known(2593109, 400, "History sync is turned off by the business from the WhatsApp Business App"),
];

/// An error as Meta would give it, in an answer or in a webhook.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GraphError {
    /// HTTP status of the answer.
    pub(crate) http: u16,
    /// Meta's code.
    pub(crate) code: i64,
    /// Meta's subcode, where there is one.
    pub(crate) subcode: Option<i64>,
    /// `OAuthException`, `GraphMethodException`, …
    pub(crate) kind: &'static str,
    /// The title, without the code in front.
    pub(crate) title: String,
    /// The whole message, where it is not `(#code) title`.
    pub(crate) message: Option<String>,
    /// `error_data.details`.
    pub(crate) details: Option<String>,
    /// Title and text for people, on management calls.
    pub(crate) user: Option<(String, String)>,
}

impl GraphError {
    /// The known error of this code; an unknown code is a mistake of the simulator's own.
    pub(crate) fn of(code: i64) -> Self {
        let known = TABLE.iter().find(|known| known.code == code);
        let known = known.unwrap_or_else(|| panic!("code {code} is not in the table of errors"));
        Self::any(known.http, code, known.title)
    }

    /// An error of any code, for faults.
    pub(crate) fn any(http: u16, code: i64, title: &str) -> Self {
        let title = title.to_owned();
        Self { http, code, subcode: None, kind: "OAuthException", title, message: None, details: None, user: None }
    }

    /// `(#100) Invalid parameter` with these details.
    pub(crate) fn invalid(details: impl Into<String>) -> Self {
        Self::of(100).details(details)
    }

    /// The object isn't there, or the token may not see it: Meta doesn't tell which.
    pub(crate) fn no_such_object(method: &str, id: &str) -> Self {
        let method = method.to_ascii_lowercase();
        Self { kind: "GraphMethodException", ..Self::of(100) }.subcode(33).message(format!(
            "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be loaded due to missing \
             permissions, or does not support this operation. Please read the Graph API documentation at \
             https://developers.facebook.com/docs/graph-api"
        ))
    }

    /// With `error_data.details`.
    #[must_use]
    pub(crate) fn details(self, details: impl Into<String>) -> Self {
        Self { details: Some(details.into()), ..self }
    }

    /// With a subcode.
    #[must_use]
    pub(crate) fn subcode(self, subcode: i64) -> Self {
        Self { subcode: Some(subcode), ..self }
    }

    /// With this whole message in place of `(#code) title`.
    #[must_use]
    pub(crate) fn message(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }

    /// With a title and a text for people.
    #[must_use]
    pub(crate) fn user(self, title: impl Into<String>, text: impl Into<String>) -> Self {
        Self { user: Some((title.into(), text.into())), ..self }
    }

    /// The answer's envelope (§10.1).
    pub(crate) fn envelope(&self, fbtrace_id: &str) -> Value {
        let message = match &self.message {
            Some(message) => message.clone(),
            None => format!("(#{}) {}", self.code, self.title),
        };
        let mut error = Map::new();
        error.insert("message".into(), message.into());
        error.insert("type".into(), self.kind.into());
        error.insert("code".into(), self.code.into());
        if let Some(details) = &self.details {
            error.insert("error_data".into(), json!({"messaging_product": "whatsapp", "details": details}));
        }
        if let Some(subcode) = self.subcode {
            error.insert("error_subcode".into(), subcode.into());
        }
        if let Some((title, text)) = &self.user {
            error.insert("is_transient".into(), false.into());
            error.insert("error_user_title".into(), title.clone().into());
            error.insert("error_user_msg".into(), text.clone().into());
        }
        error.insert("fbtrace_id".into(), fbtrace_id.into());
        json!({ "error": error })
    }

    /// As it stands in a webhook's `errors[]` (§4.6).
    pub(crate) fn in_webhook(&self) -> Value {
        let mut error = json!({ "code": self.code, "title": self.title, "message": self.title });
        if let Some(details) = &self.details {
            error["error_data"] = json!({ "details": details });
        }
        error["href"] = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/".into();
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_known_once() {
        let mut codes: Vec<i64> = TABLE.iter().map(|known| known.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), TABLE.len());
    }
}
