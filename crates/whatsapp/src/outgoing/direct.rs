//! Direct Send: utility and authentication messages without a template made beforehand
//! (Meta's pages "Direct Send", July 2026).

use super::limits;
use super::problem::Problem;
use super::reader::Fields;
use super::template;

/// What a message's `category` makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    /// The ordinary message within the service window.
    Service,
    /// Outside of it, charged as utility.
    Utility,
    /// Outside of it, to phones only.
    Authentication,
}

impl Category {
    pub(super) fn is_direct(self) -> bool {
        self != Category::Service
    }
}

/// Reads the members that belong to Direct Send.
pub(super) fn check(fields: &mut Fields) -> Category {
    let category = match fields.word_if_given("category", &["utility", "authentication", "service"]) {
        Some("utility") => Category::Utility,
        Some("authentication") => Category::Authentication,
        _ => Category::Service,
    };
    match category {
        Category::Service => {
            let en = "only goes with a `category` of Direct Send: remove it, or add `category`.";
            let es = "solo va con una `category` de Direct Send: quítalo, o añade `category`.";
            fields.forbid("ttl_seconds", en, es);
            fields.forbid("direct_send_config", en, es);
        }
        Category::Utility => {
            fields.whole_if_given("ttl_seconds", &limits::DIRECT_TTL);
            fields.within_if_given("direct_send_config", |config| template::name(config, "template_name"));
        }
        Category::Authentication => {
            fields.whole_if_given("ttl_seconds", &limits::DIRECT_AUTHENTICATION_TTL);
            let en = "only goes with `category` `utility`: remove it.";
            fields.forbid("direct_send_config", en, "solo va con `category` `utility`: quítalo.");
        }
    }
    category
}

/// Notes a message of a kind that Direct Send does not take.
pub(super) fn note_kind(fields: &Fields, category: Category, kind: &str, subtype: Option<&str>) {
    let taken = matches!((kind, subtype), ("text", _) | ("interactive", Some("button" | "cta_url") | None));
    if category.is_direct() && !taken {
        let en = "only goes with a text, reply buttons or a `cta_url` button: remove it, or send a template.";
        let es = "solo va con un texto, botones de respuesta o un botón `cta_url`: quítalo, o envía una plantilla.";
        fields.add(Problem::not_allowed(&fields.at("category"), en, es));
    }
}
