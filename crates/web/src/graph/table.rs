//! What may be asked of Meta through us, and of what. What is not here is not asked: webhooks are wazapp's to direct,
//! messages go through the queue, and people and portfolios are nobody's business here.

use http::Method;

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    /// A connected number of the organization.
    Number,
    /// An account that a connected number of the organization is in.
    Account,
    /// A portfolio: only its accounts are shown, and of those only the organization's.
    Portfolio,
    /// A template of an account of the organization's.
    Template,
    /// A form of the organization's.
    Flow,
}

use Object::{Account, Flow, Number, Portfolio, Template};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const DELETE: Method = Method::DELETE;

/// Object, edge, methods. A `*` at the end stands for any one word.
const OPERATIONS: &[(Object, &str, &[Method])] = &[
    (Number, "", &[GET, POST]),
    (Number, "block_users", &[GET, POST, DELETE]),
    (Number, "business_compliance_info", &[GET, POST]),
    (Number, "call_permissions", &[GET]),
    (Number, "conversational_automation", &[GET, POST]),
    (Number, "deregister", &[POST]),
    (Number, "message_qrdls", &[GET, POST]),
    (Number, "message_qrdls/*", &[GET, POST, DELETE]),
    (Number, "official_business_account", &[GET, POST]),
    (Number, "register", &[POST]),
    (Number, "request_code", &[POST]),
    (Number, "settings", &[GET, POST]),
    (Number, "username", &[GET, POST, DELETE]),
    (Number, "username_suggestions", &[GET]),
    (Number, "verify_code", &[POST]),
    (Number, "whatsapp_business_encryption", &[GET, POST]),
    (Number, "whatsapp_business_profile", &[GET, POST]),
    (Number, "whatsapp_commerce_settings", &[GET, POST]),
    (Account, "", &[GET, POST]),
    (Account, "analytics", &[GET]),
    (Account, "conversation_analytics", &[GET]),
    (Account, "flows", &[GET, POST]),
    (Account, "message_template_previews", &[GET]),
    (Account, "message_templates", &[GET, POST, DELETE]),
    (Account, "phone_numbers", &[GET]),
    (Account, "pricing_analytics", &[GET]),
    (Account, "subscribed_apps", &[GET, POST]),
    (Account, "template_analytics", &[GET]),
    (Account, "upsert_message_templates", &[POST]),
    (Portfolio, "client_whatsapp_business_accounts", &[GET]),
    (Portfolio, "owned_whatsapp_business_accounts", &[GET]),
    (Template, "", &[GET, POST]),
    (Template, "compare", &[GET]),
    (Template, "unpause", &[POST]),
    (Flow, "", &[GET, POST, DELETE]),
    (Flow, "assets", &[GET, POST]),
    (Flow, "deprecate", &[POST]),
    (Flow, "publish", &[POST]),
];

/// What Meta has and is not carried: edges of people, portfolios, calls and phones.
pub(super) const ELSEWHERE: &[(Object, &str)] = &[
    (Number, "assigned_users"),
    (Number, "calls"),
    (Number, "groups"),
    (Number, "marketing_messages"),
    (Number, "smb_app_data"),
    (Number, "set_solution_migration_intent"),
    (Account, "activities"),
    (Account, "agencies"),
    (Account, "assigned_users"),
    (Account, "audiences"),
    (Account, "dcc_config"),
    (Account, "groups"),
    (Account, "migrate_flows"),
    (Account, "migrate_message_templates"),
    (Account, "payment_configurations"),
    (Account, "payment_configuration"),
    (Account, "product_catalogs"),
    (Account, "schedules"),
    (Account, "set_solution_migration_intent"),
    (Account, "solutions"),
];

/// Whether this may be asked.
pub(super) fn allows(object: Object, edge: &str, method: &Method) -> bool {
    OPERATIONS.iter().any(|(on, wanted, methods)| *on == object && fits(wanted, edge) && methods.contains(method))
}

/// Whether this may be asked of an object of this kind, whatever the id.
pub(super) fn allows_edge(object: Object, edge: &str) -> bool {
    OPERATIONS.iter().any(|(on, wanted, _)| *on == object && fits(wanted, edge))
}

fn fits(wanted: &str, edge: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(before) => edge.strip_prefix(before).is_some_and(|rest| !rest.is_empty() && !rest.contains('/')),
        None => wanted == edge,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_is_not_asked() {
        assert!(allows(Number, "message_qrdls/ABC", &DELETE) && allows(Number, "", &POST));
        for (object, edge, method) in [
            (Number, "messages", POST),
            (Number, "message_qrdls/", GET),
            (Number, "message_qrdls/A/B", GET),
            (Number, "", DELETE),
            (Account, "subscribed_apps", DELETE),
            (Account, "assigned_users", GET),
            (Portfolio, "", GET),
            (Template, "", DELETE),
        ] {
            assert!(!allows(object, edge, &method), "{method} {object:?} {edge}");
        }
    }
}
