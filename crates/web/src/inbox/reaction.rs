//! A reaction to a message, and taking it back.

use axum::extract;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode};
use model::act::Act;
use model::message;
use serde_json::json;
use uuid::Uuid;
use whatsapp::outgoing;

use super::Showing;
use super::compose::said;
use super::is_frame;
use super::send::{Sent, Wish, answer, queue, why};
use super::stream::{self, takes_streams};
use super::thread::{self, Found};
use super::view::Wanted;
use crate::State;
use crate::pages::{Entered, Failure, Key, PathId, Said, Visit, say};
use crate::sending;

/// Those that are a press away.
pub(super) const OFFERED: [&str; 6] = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

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
    let Found::Here(_) = thread::find(&tx, id).await? else { return Err(Failure::NotThere) };
    let target = message::these(&tx, id, vec![message_id]).await?.pop().ok_or(Failure::NotThere)?;
    let showing = Showing { visit, id, wanted, is_frame: is_frame(&headers) };
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
    let wish = Wish { conversation_id: id, id: Uuid::now_v7(), body, content, typed: None, known: None, takes: false };
    match queue(&state, &showing.visit, tx, &wish).await? {
        Sent::Queued(message) if takes_streams(&headers) => answer(&showing.visit, query, &message, true).await,
        Sent::Queued(_) => Ok(Redirect::to(&format!("/inbox/{id}?{query}&message={message_id}")).into_response()),
        Sent::Asked(question) => {
            let said = question.said(language);
            showing.complain(&headers, StatusCode::CONFLICT, said).await
        }
        Sent::Refused(refusal) => showing.complain(&headers, StatusCode::CONFLICT, say(language, why(&refusal)?)).await,
    }
}

impl Showing {
    /// Says why nothing was sent: to a page that is open beside what it shows, else on the page.
    async fn complain(self, headers: &HeaderMap, status: StatusCode, said: Said) -> Result<Response, Failure> {
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
    let is_part = |char: char| !char.is_alphabetic() && !char.is_whitespace() && !char.is_ascii_punctuation();
    let is_keycap = text.ends_with('\u{20e3}');
    let shows = |char: char| char >= '\u{203c}' && char != '\u{fe0f}' || matches!(char, '©' | '®');
    text.is_empty()
        || text.chars().count() <= LONGEST
            && text.chars().any(shows)
            && text.chars().all(|char| is_part(char) || is_keycap && matches!(char, '#' | '*'))
            && (is_keycap || !text.chars().any(|char| char.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emoji_is_told_from_words() {
        for emoji in OFFERED.into_iter().chain(["", "👩🏽‍🚒", "🇲🇽", "#️⃣", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "©️", "⭐"])
        {
            assert!(is_emoji(emoji), "{emoji}");
        }
        for text in
            ["ok", "1", "👍 gracias", "<b>", ":)", "añ", "👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍👍", "\u{fe0f}", "عمر"]
        {
            assert!(!is_emoji(text), "{text}");
        }
    }
}
