//! Products, catalogs and orders. Whether a catalog has a product isn't looked up.

use super::super::Check;
use super::super::part::{Part, refused};
use super::choices::titled;
use super::named;
use crate::error::GraphError;

/// Products in all sections.
const ITEMS: usize = 30;

/// Currencies of the countries that have payments: Brazil, India, Singapore.
const CURRENCIES: [&str; 3] = ["BRL", "INR", "SGD"];

/// `product`: one product.
pub(super) fn product(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["catalog_id", "product_retailer_id"])?;
    action.words("catalog_id")?;
    action.words("product_retailer_id").map(|_| ())
}

/// `product_list`: up to thirty, in sections.
pub(super) fn product_list(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["catalog_id", "sections"])?;
    action.words("catalog_id")?;
    sections(&action.need("sections")?)
}

/// Sections of products, as here and in a template's button.
pub(in crate::graph::messages) fn sections(part: &Part<'_>) -> Result<(), GraphError> {
    let sections = part.list()?;
    titled(&sections, &["title", "product_items"])?;
    let mut count = 0;
    for section in &sections {
        let items = section.need("product_items")?.list()?;
        if items.is_empty() {
            return Err(refused(format!("{}['product_items']: a section has at least one product", section.at)));
        }
        for item in &items {
            item.keys(&["product_retailer_id"])?;
            item.words("product_retailer_id")?;
        }
        count += items.len();
    }
    match count {
        count if count <= ITEMS => Ok(()),
        _ => Err(refused(format!("Total product count exceed max allowed count: {ITEMS}"))),
    }
}

/// `catalog_message`: the whole catalog, with one product's picture.
pub(super) fn catalog(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["name", "parameters"])?;
    named(action, "catalog_message")?;
    let Some(parameters) = action.get("parameters") else { return Ok(()) };
    parameters.keys(&["thumbnail_product_retailer_id"])?;
    parameters.may("thumbnail_product_retailer_id").map(|_| ())
}

/// `order_details`: an order to pay. Of its many fields, those that every order has are checked.
pub(super) fn order_details(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    action.keys(&["name", "parameters"])?;
    named(action, "review_and_pay")?;
    let parameters = action.need("parameters")?;
    parameters.words("reference_id")?;
    parameters.need("type")?.one_of(&["digital-goods", "physical-goods"])?;
    let currency = parameters.words("currency")?;
    if !CURRENCIES.contains(&currency) {
        let why = format!("must be one of {}: no other country has payments", CURRENCIES.join(", "));
        return Err(parameters.need("currency")?.refused(&why));
    }
    amount(&parameters.need("total_amount")?)?;
    let order = parameters.need("order")?;
    order.words("status")?;
    amount(&order.need("subtotal")?)?;
    let items = order.need("items")?.list()?;
    if items.is_empty() {
        return Err(order.need("items")?.refused("an order has at least one item"));
    }
    for item in items {
        item.words("retailer_id")?;
        item.words("name")?;
        item.need("quantity")?.whole()?;
        amount(&item.need("amount")?)?;
    }
    Ok(())
}

/// Money: a whole number of hundredths.
fn amount(part: &Part<'_>) -> Result<(), GraphError> {
    part.need("value")?.whole()?;
    match part.need("offset")?.whole()? {
        100 => Ok(()),
        _ => Err(part.need("offset")?.refused("must be 100")),
    }
}

/// `order_status`: what became of an order.
pub(super) fn order_status(_: &mut Check<'_>, action: &Part<'_>) -> Result<(), GraphError> {
    const STATUSES: &[&str] = &["pending", "processing", "partially_shipped", "shipped", "completed", "canceled"];
    action.keys(&["name", "parameters"])?;
    named(action, "review_order")?;
    let parameters = action.need("parameters")?;
    parameters.words("reference_id")?;
    let order = parameters.need("order")?;
    order.need("status")?.one_of(STATUSES)?;
    order.may("description").map(|_| ())
}
