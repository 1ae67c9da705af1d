//! What a path names.

/// `/v26.0/{object}/{edge}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// As the caller wrote it; empty where it wrote none.
    pub(super) version: String,
    /// An id, as a rule; empty where the path is a version alone.
    pub(super) object: String,
    /// What follows; empty: the object itself.
    pub(super) edge: String,
}

/// Words that stand where an id stands, on paths without a version too.
const WORDS: [&str; 5] = ["app", "debug_token", "me", "media-content", "oauth"];

impl Place {
    /// Of a path without escapes. Some programs leave the version out. `None`: it is no path of the Graph API.
    pub(super) fn of(path: &str) -> Option<Self> {
        let path = path.trim_matches('/');
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        let (version, rest) = if is_version(first) { (first, rest) } else { ("", path) };
        let (object, edge) = rest.split_once('/').unwrap_or((rest, ""));
        let named = !version.is_empty() || is_id(object) || WORDS.contains(&object) || object.starts_with("upload:");
        named.then(|| Self { version: version.to_owned(), object: object.to_owned(), edge: edge.to_owned() })
    }

    /// The words of the path.
    pub(super) fn words(&self) -> Vec<&str> {
        let edge = self.edge.split('/').filter(|word| !word.is_empty());
        std::iter::once(self.object.as_str()).chain(edge).collect()
    }
}

/// `v26.0`, in either case.
fn is_version(word: &str) -> bool {
    let digits = |word: &str| (1..=3).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit());
    let parts = word.strip_prefix(['v', 'V']).and_then(|rest| rest.split_once('.'));
    parts.is_some_and(|(major, minor)| digits(major) && digits(minor))
}

/// Ids of Meta's objects are decimal.
pub(super) fn is_id(word: &str) -> bool {
    (1..=32).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str) -> Option<[String; 3]> {
        Place::of(path).map(|place| [place.version, place.object, place.edge])
    }

    #[test]
    fn a_path_begins_with_a_version_or_an_id() {
        let words = |words: [&str; 3]| Some(words.map(str::to_owned));
        assert_eq!(place("v26.0/1065/messages"), words(["v26.0", "1065", "messages"]));
        assert_eq!(place("/v26.0/1065/"), words(["v26.0", "1065", ""]));
        assert_eq!(place("V9.1/1/message_qrdls/ABC"), words(["V9.1", "1", "message_qrdls/ABC"]));
        assert_eq!(place("1065/block_users"), words(["", "1065", "block_users"]));
        assert_eq!(place("1065"), words(["", "1065", ""]));
        assert_eq!(place("v13.0/"), words(["v13.0", "", ""]));
        assert_eq!(place("me"), words(["", "me", ""]));
        assert_eq!(place("upload:MTph"), words(["", "upload:MTph", ""]));
        for path in ["", "assets/a.css", "v26/1", "version/1", "v26.0.1/1", "٣/1", "docs", "favicon.ico"] {
            assert_eq!(place(path), None, "{path}");
        }
    }
}
