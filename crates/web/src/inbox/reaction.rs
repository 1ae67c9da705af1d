//! A reaction to a message, and taking it back.

use std::sync::LazyLock;

use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use model::act::Act;
use regex::Regex;
use serde_json::json;
use uuid::Uuid;
use whatsapp::outgoing;

use super::Showing;
use super::compose::said;
use super::is_frame;
use super::send::{Sent, Wish, answer, queue, why};
use super::stream::{self, takes_streams};
use super::thread;
use super::view::Wanted;
use crate::State;
use crate::pages::{Entered, Failure, Key, PathId, Said, Visit, say};
use crate::sending;

/// Those that are a press away.
pub(super) const OFFERED: [&str; 6] = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

/// One emoji, as Unicode has it: a flag, a keycap, or pictures that are joined to one. A sign that is drawn as a letter unless it
/// is said otherwise is none by itself (©, ♂, ↔).
/// <https://www.unicode.org/reports/tr51/#EBNF_and_Regex>
const EMOJI: &str = r"(?x)^(?:
    \p{Regional_Indicator}{2}
  | [0-9\#*] \x{FE0F}? \x{20E3}
  | (?: [\p{Emoji_Presentation}--\p{Regional_Indicator}] \x{FE0F}?
      | [\p{Emoji}--[0-9\#*\p{Regional_Indicator}]] (?: \x{FE0F} | \p{Emoji_Modifier} )
      | \x{2764} )
    \p{Emoji_Modifier}? (?: [\x{E0020}-\x{E007E}]+ \x{E007F} )?
    (?: \x{200D} [\p{Emoji}--[0-9\#*]] \x{FE0F}? \p{Emoji_Modifier}? )*
  )$";

/// The longest emoji, with all that joins it, in characters.
const LONGEST: usize = 16;

/// Reacts, or takes the reaction back where none is chosen.
pub(super) async fn react(
    extract::State(state): extract::State<State>,
    visit: Visit,
    PathId((id, message_id)): PathId<(Uuid, Uuid)>,
    wanted: Wanted,
    headers: HeaderMap,
    entered: Entered,
) -> Result<Response, Failure> {
    let (language, query) = (visit.page.language, wanted.query());
    let tx = visit.begin(Act::Send).await?;
    let (found, target) = thread::message_of(&tx, id, message_id).await?;
    let at = found.id;
    let showing = Showing { visit, id: at, wanted, is_frame: is_frame(&headers) };
    let written = entered.text("other");
    let emoji = if written.is_empty() { entered.text("emoji") } else { written };
    let refused = match (&target.wamid, is_emoji(emoji)) {
        (None, _) => Some(Key("react-too-soon")),
        (Some(_), false) => Some(Key("react-no-emoji")),
        (Some(_), true) => None,
    };
    if let Some(key) = refused {
        tx.close();
        return showing.complain(&headers, StatusCode::UNPROCESSABLE_ENTITY, say(language, key)).await;
    }
    let body = json!({ "type": "reaction", "reaction": { "message_id": target.wamid, "emoji": emoji } });
    let content = match outgoing::check(&body) {
        Ok(checked) => sending::content(checked),
        Err(problems) => {
            tx.close();
            let said = said(problems, language);
            return showing.complain(&headers, StatusCode::UNPROCESSABLE_ENTITY, said).await;
        }
    };
    let wish = Wish {
        conversation_id: at,
        id: Uuid::now_v7(),
        body,
        content,
        typed: None,
        known: None,
        takes: false,
        reads: true,
        send_at: None,
        again: None,
    };
    match queue(&state, &showing.visit, tx, &wish).await? {
        Sent::Queued(message) if takes_streams(&headers) => answer(&showing.visit, query, (id, &message), true).await,
        Sent::Queued(_) => Ok(Redirect::to(&format!("/inbox/{id}?{query}&message={message_id}")).into_response()),
        Sent::Asked(question) => {
            let said = question.said(language);
            showing.complain(&headers, StatusCode::CONFLICT, said).await
        }
        Sent::Unfit(key) => showing.complain(&headers, StatusCode::UNPROCESSABLE_ENTITY, say(language, key)).await,
        Sent::Refused(refusal) => showing.complain(&headers, StatusCode::CONFLICT, say(language, why(&refusal)?)).await,
    }
}

impl Showing {
    /// Says why nothing was sent: to a page that is open beside what it shows, else on the page.
    pub(super) async fn complain(
        self,
        headers: &HeaderMap,
        status: StatusCode,
        said: Said,
    ) -> Result<Response, Failure> {
        if takes_streams(headers) {
            return Ok(stream::alert(status, said));
        }
        let tx = self.visit.begin(Act::Read).await?;
        let mut entered = Entered::default();
        entered.fault("body", said);
        self.refused(tx, status, entered, None).await
    }
}

/// Whether it is one emoji, or none: what else WhatsApp is given it refuses.
fn is_emoji(text: &str) -> bool {
    static ONE: LazyLock<Regex> = LazyLock::new(|| Regex::new(EMOJI).expect("the pattern is sound"));
    text.is_empty() || text.chars().count() <= LONGEST && ONE.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emoji_is_told_from_words() {
        for emoji in OFFERED.into_iter().chain([
            "",
            "👩🏽‍🚒",
            "🇲🇽",
            "#️⃣",
            "1️⃣",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
            "©️",
            "⭐",
            "❤",
            "☺️",
            "♂️",
            "🏃‍♂",
            "🏳️‍🌈",
            "❤️‍🔥",
            "🧑‍🤝‍🧑",
            "👁️‍🗨️",
            "☝🏽",
        ]) {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for text in [
            "ok",
            "1",
            "👍 gracias",
            "<b>",
            ":)",
            "añ",
            "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍",
            "\u{fe0f}",
            "عمر",
            "→",
            "→→→",
            "👍👍",
            "€",
            "★",
            "♂",
            "🇲",
            "🏽‍",
            "7",
        ] {
            assert!(!is_emoji(text), "{text}");
        }
    }
}
