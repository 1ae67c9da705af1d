//! What pages say, in both languages. The texts are in `crates/web/words/`.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use model::user::Language;
use unic_langid::LanguageIdentifier;

type Bundle = FluentBundle<FluentResource>;

static SPANISH: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::Es, include_str!("../../words/es.ftl")));
static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::En, include_str!("../../words/en.ftl")));

/// The name of a text, where code chooses between several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) &'static str);

impl From<&'static str> for Key {
    fn from(name: &'static str) -> Self {
        Self(name)
    }
}

/// Templates hand on what they have by reference.
impl From<&Self> for Key {
    fn from(key: &Self) -> Self {
        *key
    }
}

impl From<&&Self> for Key {
    fn from(key: &&Self) -> Self {
        **key
    }
}

/// A text with what it speaks of, in a language.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    language: Language,
    key: Key,
    args: Vec<(&'static str, FluentValue<'static>)>,
}

/// The text of this name.
pub(crate) fn say(language: Language, key: impl Into<Key>) -> Said {
    Said { language, key: key.into(), args: Vec::new() }
}

impl Said {
    /// The same, speaking of this number.
    pub(crate) fn count(mut self, name: &'static str, count: impl Into<FluentValue<'static>>) -> Self {
        self.args.push((name, count.into()));
        self
    }

    /// The same, speaking of this, as somebody wrote it.
    pub(crate) fn with(mut self, name: &'static str, text: impl fmt::Display) -> Self {
        self.args.push((name, FluentValue::String(Cow::Owned(apart(&text.to_string())))));
        self
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bundle: &Bundle = match self.language {
            Language::Es => &SPANISH,
            Language::En => &ENGLISH,
        };
        let Some(pattern) = bundle.get_message(self.key.0).and_then(|message| message.value()) else {
            // A test looks for every name that is used, so this is seen by whoever writes it.
            return f.write_str(self.key.0);
        };
        let args: FluentArgs<'_> = self.args.iter().map(|(name, value)| (*name, value.clone())).collect();
        f.write_str(&bundle.format_pattern(pattern, Some(&args), &mut Vec::new()))
    }
}

/// What is written from right to left, or turns what follows it round, does so within its own bounds.
fn apart(text: &str) -> String {
    let turns = |char: char| matches!(char, '\u{590}'..='\u{8ff}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fb1d}'..='\u{fefc}');
    if !text.chars().any(turns) {
        return text.to_owned();
    }
    let plain: String = text.chars().filter(|char| !matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')).collect();
    format!("\u{2068}{plain}\u{2069}")
}

fn bundle(language: Language, text: &str) -> Bundle {
    let resource = FluentResource::try_new(text.to_owned()).expect("a test reads these words");
    let language: LanguageIdentifier = language.word().parse().expect("a language's word is its tag");
    let mut bundle = Bundle::new_concurrent(vec![language]);
    // Texts are read by people and by tests as they are written; `apart` isolates what needs it.
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).expect("a test finds no name twice");
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_speaks_the_language_and_names_whom_it_is_about() {
        assert_eq!(say(Language::Es, "wait").count("seconds", 40).to_string(), "Espera 40 s.");
        assert_eq!(say(Language::En, "wait").count("seconds", 40).to_string(), "Wait 40 s.");
    }

    #[test]
    fn what_turns_text_round_turns_only_itself() {
        assert_eq!(apart("Panadería La Espiga"), "Panadería La Espiga");
        assert_eq!(apart("عمر"), "\u{2068}عمر\u{2069}");
        assert_eq!(apart("a\u{202e}b"), "\u{2068}ab\u{2069}");
    }
}
