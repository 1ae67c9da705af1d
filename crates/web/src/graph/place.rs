//! What a path names.

/// `/v26.0/{object}/{edge}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// As the caller wrote it; empty where it wrote none.
    pub(super) version: String,
    /// An id, as a rule.
    pub(super) object: String,
    /// What follows; empty: the object itself.
    pub(super) edge: String,
}

impl Place {
    /// Of a path's first word and the rest, without escapes. Some programs leave the version out. `None`: it is no path
    /// of the Graph API.
    pub(super) fn of(first: &str, rest: &str) -> Option<Self> {
        let rest = rest.trim_end_matches('/');
        let (version, object, edge) = if is_version(first) {
            let (object, edge) = rest.split_once('/').unwrap_or((rest, ""));
            (first, object, edge)
        } else if is_id(first) {
            ("", first, rest)
        } else {
            return None;
        };
        Some(Self { version: version.to_owned(), object: object.to_owned(), edge: edge.to_owned() })
    }

    /// The words of the path.
    pub(super) fn words(&self) -> Vec<&str> {
        let edge = self.edge.split('/').filter(|word| !word.is_empty());
        std::iter::once(self.object.as_str()).chain(edge).collect()
    }
}

/// `v26.0`.
fn is_version(word: &str) -> bool {
    let digits = |word: &str| (1..=3).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
    let parts = word.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    parts.is_some_and(|(major, minor)| digits(major) && digits(minor))
}

/// Ids of Meta's objects are decimal.
pub(super) fn is_id(word: &str) -> bool {
    (1..=32).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(first: &str, rest: &str) -> Option<[String; 3]> {
        Place::of(first, rest).map(|place| [place.version, place.object, place.edge])
    }

    #[test]
    fn a_path_begins_with_a_version_or_an_id() {
        let words = |words: [&str; 3]| Some(words.map(str::to_owned));
        assert_eq!(place("v26.0", "1065/messages"), words(["v26.0", "1065", "messages"]));
        assert_eq!(place("v26.0", "1065/"), words(["v26.0", "1065", ""]));
        assert_eq!(place("v9.1", "1/message_qrdls/ABC"), words(["v9.1", "1", "message_qrdls/ABC"]));
        assert_eq!(place("1065", "block_users"), words(["", "1065", "block_users"]));
        for (first, rest) in [("assets", "a.css"), ("v26", "1"), ("version", "1"), ("v26.0.1", "1"), ("٣", "1")] {
            assert_eq!(place(first, rest), None, "{first}/{rest}");
        }
    }
}
