//! Lists, page by page.

use http::Method;
use serde_json::Value;

use super::call::Call;
use super::{Credential, Failure, Graph};
use crate::json::Read;

/// A list that never ends is not read forever.
const MOST_PAGES: usize = 1_000;

impl Graph {
    /// Up to `most` rows of a list, in Meta's order. `read` skips what is no row.
    ///
    /// The next page is asked for by its cursor. Meta's `paging.next` is not followed: it is a URL, and may have the
    /// token in it.
    pub(super) async fn rows<T>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        credential: &Credential,
        most: usize,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, Failure> {
        let mut rows = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut query = query.to_vec();
            query.extend(after.as_deref().map(|cursor| ("after", cursor)));
            let page = self.ask(Call { query: &query, ..Call::new(Method::GET, path, credential) }).await?;
            rows.extend(page.list("data").iter().filter_map(&read));
            match following(&page).filter(|next| rows.len() < most && after.as_ref() != Some(next)) {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        rows.truncate(most);
        Ok(rows)
    }
}

/// The cursor of the page after this one. The last page has a cursor too, but no `next`.
pub(super) fn following(page: &Value) -> Option<String> {
    let paging = page.get("paging").filter(|paging| paging.text("next").is_some())?;
    paging.get("cursors")?.text("after").filter(|_| !page.list("data").is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_page_has_no_next() {
        let page = |data: Value, paging: Value| following(&json!({ "data": data, "paging": paging }));
        let cursors = json!({ "after": "MTAx", "before": "MTAw" });
        let next = "https://graph.facebook.com/1?after=MTAx&access_token=EAA";
        assert_eq!(page(json!([{}]), json!({ "cursors": cursors, "next": next })).as_deref(), Some("MTAx"));
        assert_eq!(page(json!([{}]), json!({ "cursors": cursors })), None);
        assert_eq!(page(json!([]), json!({ "cursors": cursors, "next": next })), None);
        assert_eq!(page(json!([{}]), json!({ "next": next })), None);
        assert_eq!(following(&json!({ "data": [] })), None);
    }
}
