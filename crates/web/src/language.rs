//! What `Accept-Language` asks for.

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;
use model::user::Language;

/// Of the languages that there are the one that is wanted most, if any is.
pub(crate) fn asked(headers: &HeaderMap) -> Option<Language> {
    headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).and_then(most_wanted)
}

fn most_wanted(header: &str) -> Option<Language> {
    let wanted = header.split(',').filter_map(|range| {
        let mut parts = range.split(';');
        let tag = parts.next()?.trim().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        Some((weight, Some(Language::of(tag.split('-').next()?)?)))
    });
    // Of equals the first.
    wanted.fold((0.0_f64, None), |best, next| if next.0 > best.0 { next } else { best }).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_wanted_of_both_is_spoken() {
        let (es, en) = (Some(Language::Es), Some(Language::En));
        for (header, language) in [
            ("es", es),
            ("es-AR,es;q=0.9,en;q=0.8", es),
            ("en-GB, es;q=0.5", en),
            ("es;q=0.5, en;q=0.9", en),
            ("fr, de", None),
            ("fr, es;q=0.1", es),
            ("es;q=0", None),
            ("", None),
            ("q=1;;,es;q=x", es),
        ] {
            assert_eq!(most_wanted(header), language, "{header}");
        }
    }
}
