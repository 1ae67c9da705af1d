//! Reply buttons and lists.

use super::super::Check;
use super::super::part::{Part, refused, short, unique, within};
use crate::error::GraphError;

const BUTTONS: usize = 3;
const BUTTON_ID_CHARACTERS: usize = 256;
const BUTTON_TITLE_CHARACTERS: usize = 20;

const SECTIONS: usize = 10;
const ROWS: usize = 10;
const LIST_BUTTON_CHARACTERS: usize = 20;
const SECTION_TITLE_CHARACTERS: usize = 24;
const ROW_ID_CHARACTERS: usize = 200;
const ROW_TITLE_CHARACTERS: usize = 24;
const ROW_DESCRIPTION_CHARACTERS: usize = 72;

/// `button`: one to three replies, told apart by id and by title.
pub(super) fn buttons(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["buttons"])?;
    let buttons = action.need("buttons")?.list()?;
    if !(1..=BUTTONS).contains(&buttons.len()) {
        let details = format!("Invalid buttons count. Min allowed buttons: 1, Max allowed buttons: {BUTTONS}");
        return Err(refused(details));
    }
    replies(&buttons, "reply")
}

/// Buttons `{type, <type>: {id, title}}`.
pub(super) fn replies(buttons: &[Part<'_>], kind: &'static str) -> Result<(), GraphError> {
    let (mut ids, mut titles) = (Vec::new(), Vec::new());
    for button in buttons {
        button.keys(&["type", kind])?;
        button.need("type")?.one_of(&[kind])?;
        let reply = button.need(kind)?;
        reply.keys(&["id", "title"])?;
        let (id, title) = (reply.words("id")?, reply.words("title")?);
        within(id, BUTTON_ID_CHARACTERS, "Button id")?;
        within(title, BUTTON_TITLE_CHARACTERS, "Button title")?;
        ids.push(id);
        titles.push(title);
    }
    unique(ids, "button id")?;
    unique(titles, "button title")
}

/// `list`: at most ten rows in all, in sections that have titles where there are several.
pub(super) fn list(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["button", "sections"])?;
    within(action.words("button")?, LIST_BUTTON_CHARACTERS, "Button label")?;
    let sections = action.need("sections")?.list()?;
    titled(&sections, &["title", "rows"])?;
    let mut ids = Vec::new();
    for section in &sections {
        let rows = section.need("rows")?.list()?;
        if rows.is_empty() {
            return Err(refused(format!("{}['rows']: a section has at least one row", section.at)));
        }
        for row in rows {
            ids.push(self::row(&row)?);
        }
    }
    if ids.len() > ROWS {
        return Err(refused(format!("Total row count exceed max allowed count: {ROWS}")));
    }
    unique(ids, "row id")
}

fn row<'a>(row: &Part<'a>) -> Result<&'a str, GraphError> {
    row.keys(&["id", "title", "description"])?;
    let id = row.words("id")?;
    short(id, ROW_ID_CHARACTERS, "Row id")?;
    short(row.words("title")?, ROW_TITLE_CHARACTERS, "Row title")?;
    short(row.may("description")?.unwrap_or(""), ROW_DESCRIPTION_CHARACTERS, "Row description")?;
    Ok(id)
}

/// One to ten sections; several have titles.
pub(super) fn titled(sections: &[Part<'_>], keys: &[&str]) -> Result<(), GraphError> {
    if !(1..=SECTIONS).contains(&sections.len()) {
        let details = format!("Invalid sections count. Min allowed sections: 1, Max allowed sections: {SECTIONS}");
        return Err(refused(details));
    }
    for section in sections {
        section.keys(keys)?;
        let title = section.may("title")?.unwrap_or("");
        if title.is_empty() && sections.len() > 1 {
            return Err(refused(format!("{}['title']: Section title is required with more than one", section.at)));
        }
        short(title, SECTION_TITLE_CHARACTERS, "Section title")?;
    }
    Ok(())
}
