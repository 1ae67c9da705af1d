//! New templates and changed ones, checked before Meta reviews them (page "Template management").
//!
//! What Meta would refuse at once is refused here, with everything that is wrong. How many words a text needs for its
//! variables (2388293) is not published, and is left to Meta, as is what its reviewers think.

mod authentication;
mod button;
mod carousel;
mod component;
mod header;
mod text;

use std::ops::RangeInclusive;

use serde_json::Value;

use super::super::limits::ANY;
use super::super::media::MediaUse;
use super::super::place::Place;
use super::super::problem::{Problem, Problems, Rule};
use super::super::reader::Fields;
use super::super::report::Report;
use super::super::without_nul;

/// A template that Meta should take for review.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTemplate {
    /// Its name.
    pub name: String,
    /// Its language, as `es` or `en_US`.
    pub language: String,
    /// `AUTHENTICATION`, `MARKETING` or `UTILITY`.
    pub category: &'static str,
    /// `POSITIONAL` or `NAMED`; `None`: it was not said, which is positional.
    pub parameter_format: Option<&'static str>,
    /// Meta's body: nothing in it that Meta does not know, no `null`, no NUL.
    pub body: Value,
    /// The samples of headers that are files: their handles, and where in `body` these stand.
    pub samples: Vec<MediaUse>,
}

/// A change of a template that Meta should take for review.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateEdit {
    /// Meta's body, as in [`NewTemplate`].
    pub body: Value,
    /// As in [`NewTemplate`].
    pub samples: Vec<MediaUse>,
}

const CATEGORIES: [&str; 3] = ["AUTHENTICATION", "MARKETING", "UTILITY"];
const FORMATS: [&str; 2] = ["POSITIONAL", "NAMED"];

/// Keys that Meta takes and that say nothing of what is checked here.
const MORE: [&str; 8] = [
    "allow_category_change",
    "cta_url_link_tracking_opted_out",
    "sub_category",
    "is_primary_device_delivery_only",
    "display_format",
    "degrees_of_freedom_spec",
    "creative_sourcing_spec",
    "bid_spec",
];

/// What the components are measured by.
#[derive(Clone, Copy)]
struct Rules {
    /// In capitals; `None`: it could not be read, so nothing is said of what hangs on it.
    category: Option<&'static str>,
    /// Whether variables have names.
    named: bool,
}

impl Rules {
    fn is_authentication(&self) -> bool {
        self.category == Some("AUTHENTICATION")
    }
}

/// Checks the body of a new template.
pub fn check_template(body: &Value) -> Result<NewTemplate, Problems> {
    let body = without_nul(body);
    let report = Report::default();
    let read = Fields::read(&report, Place::root(), &body, |body| {
        let name = super::name(body, "name");
        let language = language(body);
        let category = body.word_in_any_case("category", &CATEGORIES);
        let (parameter_format, rules) = format(body, category, false);
        ttl(body, category);
        if !library(body) {
            component::list(body, &rules);
        }
        more(body);
        Some((name?, language?, category?, parameter_format))
    });
    let samples = report.finish()?;
    let (read, body) = read.unwrap_or_default();
    let (name, language, category, parameter_format) = read.expect("a body that could not be read has a problem");
    Ok(NewTemplate { name, language, category, parameter_format, body, samples })
}

/// Checks what is to change of a template that has this category and format of parameters.
pub fn check_template_edit(
    body: &Value,
    category: Option<&str>,
    parameter_format: Option<&str>,
) -> Result<TemplateEdit, Problems> {
    let body = without_nul(body);
    let report = Report::default();
    let read = Fields::read(&report, Place::root(), &body, |body| {
        let known = category.and_then(|known| CATEGORIES.into_iter().find(|word| *word == known));
        let category = body.word_in_any_case_if_given("category", &CATEGORIES).or(known);
        let (_, rules) = format(body, category, parameter_format == Some("NAMED"));
        ttl(body, category);
        if body.has("components") {
            component::list(body, &rules);
        } else {
            body.peek("components");
        }
        if !["components", "category", "message_send_ttl_seconds"].iter().any(|key| body.has(key)) {
            let en = "changes nothing: give `components` (all of them), `category`, or both.";
            let es = "no cambia nada: da `components` (todos), `category`, o los dos.";
            body.add(Problem::at(body.here(), Rule::Missing, en, es));
        }
        for key in ["name", "language"] {
            let en = "of a template cannot be changed: leave it out, or create another template.";
            let es = "de una plantilla no se puede cambiar: quítalo, o crea otra plantilla.";
            body.forbid(key, en, es);
        }
        more(body);
    });
    let samples = report.finish()?;
    let (_, body) = read.expect("a body that could not be read has a problem");
    Ok(TemplateEdit { body, samples })
}

fn language(body: &mut Fields) -> Option<String> {
    let code = body.text("language", ANY)?;
    if !super::is_language(code) {
        let en = "must be a language as Meta writes it: `es`, `en_US`, `pt_BR`.";
        let es = "tiene que ser un idioma como lo escribe Meta: `es`, `en_US`, `pt_BR`.";
        body.add(Problem::format(&body.at("language"), en, es));
        return None;
    }
    Some(code.to_owned())
}

fn format(body: &mut Fields, category: Option<&'static str>, known_named: bool) -> (Option<&'static str>, Rules) {
    let given = body.word_in_any_case_if_given("parameter_format", &FORMATS);
    let named = given.map_or(known_named, |given| given == "NAMED");
    (given, Rules { category, named })
}

/// How long Meta tries to deliver: page "Time-to-live". -1 stands for 30 days.
fn ttl(body: &mut Fields, category: Option<&str>) {
    let span: RangeInclusive<i64> = match category {
        Some("AUTHENTICATION") => 30..=900,
        Some("UTILITY") => 30..=43_200,
        Some(_) => 43_200..=2_592_000,
        None => i64::MIN..=i64::MAX,
    };
    let forever = category != Some("MARKETING");
    let key = "message_send_ttl_seconds";
    let Some(seconds) = body.whole_if_given(key, &(i64::MIN..=i64::MAX)) else {
        return;
    };
    let fits = span.contains(&seconds) || forever && seconds == -1;
    if !fits {
        body.add(Problem::out_of_range(&body.at(key), &span));
    }
}

/// A template of Meta's library: its components are there. What is put into them only Meta can measure, so it is passed on
/// (page "Template library"). `false`: it is none.
fn library(body: &mut Fields) -> bool {
    const INPUTS: [&str; 2] = ["library_template_button_inputs", "library_template_body_inputs"];
    if !body.has("library_template_name") {
        body.peek("library_template_name");
        for key in INPUTS {
            let en = "goes with `library_template_name`: name the template of Meta's library, or remove it.";
            let es = "va con `library_template_name`: nombra la plantilla de la biblioteca de Meta, o quítalo.";
            body.forbid(key, en, es);
        }
        return false;
    }
    super::name(body, "library_template_name");
    for key in INPUTS {
        body.anything_if_given(key);
    }
    let en = "does not go with `library_template_name`, whose components are Meta's: remove one of the two.";
    let es = "no va con `library_template_name`, cuyos componentes son de Meta: quita uno de los dos.";
    body.forbid("components", en, es);
    true
}

fn more(body: &mut Fields) {
    for key in MORE {
        body.anything_if_given(key);
    }
}
