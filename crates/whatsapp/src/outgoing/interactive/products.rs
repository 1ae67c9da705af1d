//! Products of a catalog (page "Share products").

use super::super::limits::{self, ANY};
use super::super::reader::Fields;
use super::buttons::titles_if_several;

pub(super) fn one(action: &mut Fields) {
    action.id("catalog_id");
    action.id("product_retailer_id");
}

pub(super) fn list(action: &mut Fields) {
    action.id("catalog_id");
    sections(action);
}

/// Sections of products, in a message or behind a template's button.
pub(in super::super) fn sections(fields: &mut Fields) {
    let sections = fields.each("sections", &limits::SECTIONS, |section| {
        let titled = section.text_if_given("title", limits::SECTION).is_some();
        let products = section.each("product_items", &(1..=ANY), |item| item.id("product_retailer_id"));
        (section.at("title"), titled, products.len())
    });
    titles_if_several(fields, sections.iter().map(|(place, titled, _)| (place, *titled)));
    let products = sections.iter().map(|(_, _, products)| products).sum();
    fields.count(&fields.at("sections"), products, &(0..=limits::PRODUCTS));
}

pub(super) fn catalog(action: &mut Fields) {
    action.word("name", &["catalog_message"]);
    action.within_if_given("parameters", |parameters| parameters.id_if_given("thumbnail_product_retailer_id"));
}
