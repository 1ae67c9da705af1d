//! Message templates of an account.

use http::Method;
use serde_json::Value;

use super::call::{Body, Call, digits};
use super::page::following;
use super::{Credential, Failure, Graph};
use crate::json::Read;

/// What is asked for without fields of one's own.
const FIELDS: &str = "id,name,language,status,category,previous_category,components,parameter_format,quality_score,\
                      rejected_reason,message_send_ttl_seconds";

/// A template as Meta shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Its id: one for each name and language.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its language, as `es_MX`.
    pub language: Option<String>,
    /// `APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, `DISABLED`, …
    pub status: Option<String>,
    /// `AUTHENTICATION`, `MARKETING`, `UTILITY`.
    pub category: Option<String>,
    /// The category that Meta took it out of.
    pub previous_category: Option<String>,
    /// `POSITIONAL` or `NAMED`.
    pub parameter_format: Option<String>,
    /// Why it was rejected.
    pub rejected_reason: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality: Option<String>,
    /// How long Meta tries to deliver it, in seconds.
    pub ttl_seconds: Option<i64>,
    /// Its parts, as Meta writes them.
    pub components: Value,
    /// Meta's object, unchanged.
    pub whole: Value,
}

impl Template {
    /// Reads Meta's object. `None`: it has no id or no name.
    pub fn read(object: &Value) -> Option<Self> {
        Some(Self {
            id: object.text("id")?,
            name: object.text("name")?,
            language: object.text("language"),
            status: capitals(object, "status"),
            category: capitals(object, "category"),
            previous_category: capitals(object, "previous_category"),
            parameter_format: capitals(object, "parameter_format"),
            rejected_reason: capitals(object, "rejected_reason").filter(|reason| reason != "NONE"),
            quality: object.get("quality_score").and_then(|quality| quality.text("score")),
            ttl_seconds: object.int("message_send_ttl_seconds"),
            components: object.get("components").cloned().unwrap_or(Value::Null),
            whole: object.clone(),
        })
    }
}

/// Meta's words, which its own examples write in either case.
fn capitals(object: &Value, key: &str) -> Option<String> {
    object.text(key).map(|word| word.to_ascii_uppercase())
}

/// Which templates are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemplateQuery<'a> {
    /// Of this status.
    pub status: Option<&'a str>,
    /// With this in the name.
    pub name: Option<&'a str>,
    /// Of this language.
    pub language: Option<&'a str>,
    /// With these fields, `id` and `name` always among them.
    pub fields: Option<&'a str>,
}

impl<'a> TemplateQuery<'a> {
    fn pairs(&self) -> Vec<(&'static str, &'a str)> {
        let given = [("status", self.status), ("name", self.name), ("language", self.language)];
        let given = given.into_iter().filter_map(|(name, value)| Some((name, value?)));
        [("limit", "100"), ("fields", self.fields.unwrap_or(FIELDS))].into_iter().chain(given).collect()
    }
}

/// A part of an account's templates.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplatePage {
    /// Them, in Meta's order.
    pub templates: Vec<Template>,
    /// What to ask for the next part with; `None`: this was the last.
    pub next: Option<String>,
}

/// What became of a new template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTemplate {
    /// Its id.
    pub id: String,
    /// `PENDING`, `APPROVED` or `REJECTED`.
    pub status: Option<String>,
    /// The category it is charged by.
    pub category: Option<String>,
}

impl CreatedTemplate {
    /// Reads Meta's answer. `None`: it has no id.
    pub fn read(answer: &Value) -> Option<Self> {
        Some(Self { id: answer.text("id")?, status: answer.text("status"), category: answer.text("category") })
    }
}

impl Graph {
    /// Up to `most` templates of an account.
    pub async fn templates(
        &self,
        credential: &Credential,
        waba_id: &str,
        query: TemplateQuery<'_>,
        most: usize,
    ) -> Result<Vec<Template>, Failure> {
        let path = [digits(waba_id)?, "message_templates"];
        self.rows(&path, &query.pairs(), credential, most, Template::read).await
    }

    /// Up to a hundred templates of an account; `after` is what the part before this one ended with.
    pub async fn template_page(
        &self,
        credential: &Credential,
        waba_id: &str,
        query: TemplateQuery<'_>,
        after: Option<&str>,
    ) -> Result<TemplatePage, Failure> {
        let path = [digits(waba_id)?, "message_templates"];
        let mut query = query.pairs();
        query.extend(after.map(|cursor| ("after", cursor)));
        let page = self.ask(Call { query: &query, ..Call::new(Method::GET, &path, credential) }).await?;
        if !page.get("data").is_some_and(Value::is_array) {
            return Err(Failure::unreadable(200, "it is no list"));
        }
        let templates = page.list("data").iter().filter_map(Template::read).collect();
        Ok(TemplatePage { templates, next: following(&page).filter(|next| Some(next.as_str()) != after) })
    }

    /// One template.
    pub async fn template(&self, credential: &Credential, template_id: &str) -> Result<Template, Failure> {
        let (path, query) = ([digits(template_id)?], [("fields", FIELDS)]);
        let call = Call { query: &query, ..Call::new(Method::GET, &path, credential) };
        self.bring(call, Template::read, "it is no template").await
    }

    /// Creates a template; `body` is Meta's: name, language, category, components.
    pub async fn create_template(
        &self,
        credential: &Credential,
        waba_id: &str,
        body: &Value,
    ) -> Result<CreatedTemplate, Failure> {
        let path = [digits(waba_id)?, "message_templates"];
        let call = Call { body: Body::Json(body), ..Call::new(Method::POST, &path, credential) };
        self.bring(call, CreatedTemplate::read, "it names no template").await
    }

    /// Changes a template: its components as a whole, or its category. It is reviewed again.
    pub async fn edit_template(&self, credential: &Credential, template_id: &str, body: &Value) -> Result<(), Failure> {
        let path = [digits(template_id)?];
        self.command(Call { body: Body::Json(body), ..Call::new(Method::POST, &path, credential) }).await
    }

    /// Deletes a template: of this id alone, or the name in all languages. The name is not free for 30 days.
    pub async fn delete_template(
        &self,
        credential: &Credential,
        waba_id: &str,
        name: &str,
        template_id: Option<&str>,
    ) -> Result<(), Failure> {
        let path = [digits(waba_id)?, "message_templates"];
        let mut query = vec![("name", name)];
        if let Some(id) = template_id {
            query.push(("hsm_id", digits(id)?));
        }
        self.command(Call { query: &query, ..Call::new(Method::DELETE, &path, credential) }).await
    }
}
