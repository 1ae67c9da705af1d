//! WhatsApp's own marks in a text, and addresses in it, as pieces that a template writes.
//! <https://faq.whatsapp.com/539178204879377>

/// A piece of a text, all in one manner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    /// What stands there.
    pub(crate) text: String,
    /// `*…*`
    pub(crate) bold: bool,
    /// `_…_`
    pub(crate) italic: bool,
    /// `~…~`
    pub(crate) struck: bool,
    /// `` `…` `` and ```` ```…``` ````
    pub(crate) code: bool,
    /// Where it leads: `http` or `https` alone.
    pub(crate) link: Option<String>,
}

/// What is shown of one text; more of it is cut, and said to be.
const LONGEST: usize = 70_000;

/// A text in pieces. It takes as long as the text is.
pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let text: String = text.chars().filter(|char| *char == '\n' || !char.is_control()).take(LONGEST).collect();
    let parts: Vec<&str> = text.split("```").collect();
    let mut found = Vec::new();
    for (nth, part) in parts.iter().enumerate() {
        // Every second part is fenced, but for one that nobody closed.
        let (is_fenced, is_closed) = (nth % 2 == 1, nth + 1 < parts.len());
        if is_fenced && is_closed {
            push(&mut found, part, &Piece { code: true, ..Piece::default() });
            continue;
        }
        if is_fenced {
            push(&mut found, "```", &Piece::default());
        }
        part.split_inclusive('\n').for_each(|line| marked(line, &mut found));
    }
    found
}

fn push(found: &mut Vec<Piece>, text: &str, manner: &Piece) {
    match found.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if *last == (Piece { text: last.text.clone(), ..manner.clone() }) => last.text.push_str(text),
        _ => found.push(Piece { text: text.to_owned(), ..manner.clone() }),
    }
}

/// A mark where a manner begins or ends.
type Turn = (usize, char);

/// Writes a line in the manners that its marks say.
fn marked(line: &str, found: &mut Vec<Piece>) {
    let mut manner = Piece::default();
    let mut written = 0;
    for (at, mark) in turns(line) {
        linked(&line[written..at], &manner, found);
        written = at + mark.len_utf8();
        match mark {
            '*' => manner.bold = !manner.bold,
            '_' => manner.italic = !manner.italic,
            '~' => manner.struck = !manner.struck,
            _ => manner.code = !manner.code,
        }
    }
    linked(&line[written..], &manner, found);
}

/// The marks of a line that have a pair, in their order. A mark stands at the edge of a word; pairs lie within each other
/// or side by side.
fn turns(line: &str) -> Vec<Turn> {
    let chars: Vec<Turn> = line.trim_end_matches('\n').char_indices().collect();
    let char_at = |place: usize| chars.get(place).map(|(_, char)| *char);
    let opens = |place: usize, mark: char| {
        let before = place.checked_sub(1).and_then(char_at);
        before.is_none_or(|char| !char.is_alphanumeric())
            && char_at(place + 1).is_some_and(|char| !char.is_whitespace() && char != mark)
    };
    let closes = |place: usize| {
        let before = place.checked_sub(1).and_then(char_at);
        before.is_some_and(|char| !char.is_whitespace())
            && char_at(place + 1).is_none_or(|char| !char.is_alphanumeric())
    };
    let (mut open, mut pairs): (Vec<(char, usize)>, Vec<Turn>) = (Vec::new(), Vec::new());
    let (mut place, mut more_code) = (0, true);
    while let Some((at, mark)) = chars.get(place).copied() {
        let opened = open.iter().position(|(char, _)| *char == mark);
        match mark {
            '`' if more_code && opens(place, mark) => {
                let end = (place + 2..chars.len()).find(|end| char_at(*end) == Some('`') && closes(*end));
                more_code = end.is_some();
                if let Some(end) = end {
                    pairs.extend([(at, mark), chars[end]]);
                    // What is code has no other marks.
                    place = end;
                }
            }
            '*' | '_' | '~' => match opened {
                Some(nth) if closes(place) => {
                    pairs.extend([(open[nth].1, mark), (at, mark)]);
                    open.truncate(nth);
                }
                None if opens(place, mark) => open.push((mark, at)),
                _ => {}
            },
            _ => {}
        }
        place += 1;
    }
    pairs.sort_unstable();
    pairs
}

/// Splits at addresses.
fn linked(text: &str, manner: &Piece, found: &mut Vec<Piece>) {
    let (mut rest, mut plain) = (text, 0);
    while let Some(start) = rest[plain..].find("http").map(|start| plain + start) {
        let scheme = ["http://", "https://"].into_iter().find(|scheme| rest[start..].starts_with(scheme));
        let Some(scheme) = scheme.filter(|_| !manner.code) else {
            plain = start + "http".len();
            continue;
        };
        let address = &rest[start..];
        let ends = |char: char| char.is_whitespace() || matches!(char, '<' | '>' | '"');
        let address = &address[..address.find(ends).unwrap_or(address.len())];
        let address = address.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '»', '\'']);
        if address.len() <= scheme.len() {
            plain = start + "http".len();
            continue;
        }
        push(found, &rest[..start], manner);
        found.push(Piece { text: address.to_owned(), link: Some(address.to_owned()), ..manner.clone() });
        (rest, plain) = (&rest[start + address.len()..], 0);
    }
    push(found, rest, manner);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let one = |piece: Piece| {
            let marks = [(piece.bold, 'b'), (piece.italic, 'i'), (piece.struck, 's'), (piece.code, 'c')];
            let marks: String = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect();
            let link = piece.link.map(|link| format!("→{link}")).unwrap_or_default();
            if marks.is_empty() && link.is_empty() { piece.text } else { format!("[{marks}|{}{link}]", piece.text) }
        };
        pieces(text).into_iter().map(one).collect()
    }

    #[test]
    fn marks_are_pairs_at_the_edges_of_words() {
        for (text, is) in [
            ("Hola *Ana*, _¿qué tal?_", "Hola [b|Ana], [i|¿qué tal?]"),
            ("*_ambas_* y ~no~", "[bi|ambas] y [s|no]"),
            ("2*3*4 y a_b_c", "2*3*4 y a_b_c"),
            ("* no * ni *\nesto*", "* no * ni *\nesto*"),
            ("`*tal cual*` y ```dos\nlíneas```", "[c|*tal cual*] y [c|dos\nlíneas]"),
            ("```sin fin", "```sin fin"),
            ("**", "**"),
        ] {
            assert_eq!(shown(text), is, "{text}");
        }
    }

    #[test]
    fn only_the_web_is_led_to() {
        for (text, is) in [
            ("Mira https://a.example/x?y=1.", "Mira [|https://a.example/x?y=1→https://a.example/x?y=1]."),
            ("javascript:alert(1) data:x //a", "javascript:alert(1) data:x //a"),
            ("https://", "https://"),
            ("(http://a.example)", "([|http://a.example→http://a.example])"),
            ("a\u{0}b", "ab"),
        ] {
            assert_eq!(shown(text), is, "{text}");
        }
    }

    #[test]
    fn a_text_of_marks_alone_is_read_in_a_moment() {
        let started = std::time::Instant::now();
        for hostile in ["*", "*a ", "*a* ", "_*~`", "`a ", "`a` ", "https://", "http://a ", "```", "```a\n"] {
            pieces(&hostile.repeat(70_000 / hostile.len()));
        }
        // Were it the square of their length, it would be minutes.
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "{:?}", started.elapsed());
    }
}
