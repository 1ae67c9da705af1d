//! Buttons to answer with, lists to choose from, a button that opens a page.

use super::super::limits;
use super::super::media::url;
use super::super::place::Place;
use super::super::problem::Problem;
use super::super::reader::Fields;
use super::named;

/// Page "Interactive reply buttons messages".
pub(super) fn replies(action: &mut Fields) {
    let report = action.report();
    let buttons = action.each("buttons", &limits::BUTTONS, |button| {
        button.word("type", &["reply"]);
        button.within("reply", reply)
    });
    let (ids, titles): (Vec<_>, Vec<_>) = buttons.into_iter().flatten().unzip();
    report.all_differ(ids.into_iter().flatten());
    report.all_differ(titles.into_iter().flatten());
}

type Said<'a> = Option<(Place, &'a str)>;

/// A button's id and title, and where they are.
pub(super) fn reply<'a>(reply: &mut Fields<'a>) -> (Said<'a>, Said<'a>) {
    let id = reply.text("id", limits::BUTTON_ID).map(|id| (reply.at("id"), id));
    let title = reply.text("title", limits::BUTTON).map(|title| (reply.at("title"), title));
    (id, title)
}

/// Page "Interactive list messages".
pub(super) fn list(action: &mut Fields) {
    let report = action.report();
    action.text("button", limits::BUTTON);
    let sections = action.each("sections", &limits::SECTIONS, |section| {
        let title = section.text_if_given("title", limits::SECTION).is_some();
        let rows = section.each("rows", &(1..=limits::ANY), row);
        (section.at("title"), title, rows)
    });
    titles_if_several(action, sections.iter().map(|(place, titled, _)| (place, *titled)));
    let rows: Vec<_> = sections.into_iter().flat_map(|(_, _, rows)| rows).collect();
    action.count(&action.at("sections"), rows.len(), &(0..=limits::ROWS));
    report.all_differ(rows.into_iter().flatten());
}

fn row<'a>(row: &mut Fields<'a>) -> Said<'a> {
    let id = row.text("id", limits::ROW_ID).map(|id| (row.at("id"), id));
    row.text("title", limits::ROW);
    row.text_if_given("description", limits::ROW_DESCRIPTION);
    id
}

/// With more than one section each needs a title (OpenAPI v23.0, `SectionObject`).
pub(super) fn titles_if_several<'p>(fields: &Fields, sections: impl ExactSizeIterator<Item = (&'p Place, bool)>) {
    if sections.len() > 1 {
        for (place, _) in sections.filter(|(_, titled)| !titled) {
            fields.add(Problem::missing(place));
        }
    }
}

/// Page "Interactive call-to-action URL button messages".
pub(super) fn cta_url(action: &mut Fields) {
    named(action, "cta_url", link_button);
}

/// A label and where it leads.
pub(super) fn link_button(parameters: &mut Fields) {
    parameters.text("display_text", limits::BUTTON);
    url(parameters, "url");
}
