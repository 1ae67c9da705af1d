//! Events as a stream of server-sent events.
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>

use bytes::Bytes;
use model::event::Event;

/// An event under its number, which a reader that comes again names.
pub(crate) fn event(event: &Event) -> Bytes {
    let json = serde_json::to_string(event).expect("an event is JSON");
    frame(event.sequence, &event.r#type.word(), &json)
}

/// That the stream is alive, and how far it is.
pub(crate) fn heartbeat(sequence: i64) -> Bytes {
    frame(sequence, "heartbeat", &format!("{{\"sequence\":{sequence}}}"))
}

/// Both texts are one line: a line break in JSON stands between its words only, and one in a kind is no word of anybody's.
fn frame(id: i64, kind: &str, json: &str) -> Bytes {
    let one_line = |text: &str| text.replace(['\r', '\n'], " ");
    format!("id: {id}\nevent: {}\ndata: {}\n\n", one_line(kind), one_line(json)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_ends_no_frame() {
        assert_eq!(frame(7, "meta.a\nb", "{\r\n\"a\":1}"), "id: 7\nevent: meta.a b\ndata: {  \"a\":1}\n\n");
        assert_eq!(heartbeat(7), "id: 7\nevent: heartbeat\ndata: {\"sequence\":7}\n\n");
    }
}
