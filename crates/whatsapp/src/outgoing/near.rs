//! "Did you mean …?"

/// Longer words are no slips of a pen, and comparing them costs.
const LONGEST: usize = 40;

/// The known word that was probably meant, if one is close enough.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given: Vec<char> = given.chars().take(LONGEST + 1).flat_map(char::to_lowercase).collect();
    if given.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .map(|word| (distance(&given, &word.to_lowercase().chars().collect::<Vec<_>>()), word))
        .filter(|(distance, word)| *distance <= slips(word))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// What other APIs call what stands beside a message here.
const SYNONYMS: &[(&str, &[&str])] = &[
    (
        "send_at",
        &[
            "scheduled_at",
            "schedule_at",
            "scheduledat",
            "scheduled_for",
            "schedule",
            "send_time",
            "sendtime",
            "send_after",
            "send_on",
            "deliver_at",
            "deliver_after",
            "not_before",
            "delay_until",
            "start_at",
        ],
    ),
    (
        "deadline",
        &[
            "expires_at",
            "expiresat",
            "expire_at",
            "expiry",
            "expiration",
            "valid_until",
            "validity_period",
            "ttl",
            "timeout",
            "not_after",
            "give_up_at",
        ],
    ),
    ("on_unknown", &["on_timeout", "on_failure", "retry", "resend"]),
    ("bulk", &["priority", "low_priority", "is_bulk", "campaign", "batch"]),
    ("when_window_closed", &["fallback", "fallback_template", "on_window_closed"]),
    ("biz_opaque_callback_data", &["callback_data", "metadata", "reference", "client_reference", "custom_data"]),
];

/// The known word that other APIs call this, if it is one of these.
pub(super) fn synonym(given: &str, known: &[&'static str]) -> Option<&'static str> {
    let given = given.to_lowercase().replace('-', "_");
    let found = SYNONYMS.iter().find(|(_, others)| others.contains(&given.as_str()));
    found.map(|(word, _)| *word).filter(|word| known.contains(word))
}

/// How many slips still leave a word recognisable.
fn slips(word: &str) -> usize {
    match word.len() {
        0..=2 => 0,
        3..=6 => 1,
        _ => 2,
    }
}

/// Letters added, lost, changed or swapped with their neighbour (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let mut rows = vec![(0..width).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i; width];
        for j in 1..width {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        let known = ["body", "preview_url", "id", "link", "caption"];
        for (given, meant) in [
            ("boddy", Some("body")),
            ("bdoy", Some("body")),
            ("Body", Some("body")),
            ("previewUrl", Some("preview_url")),
            ("preview_ulr", Some("preview_url")),
            ("captions", Some("caption")),
            ("ID", Some("id")),
            ("i", None),
            ("text", None),
            ("", None),
            ("lank", Some("link")),
        ] {
            assert_eq!(nearest(given, known), meant, "{given}");
        }
        assert_eq!(nearest(&"b".repeat(1_000_000), known), None);
    }
}
