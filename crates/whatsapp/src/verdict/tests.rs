use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::graph::Unknown;

fn refusal(http: u16, code: i64) -> MetaError {
    MetaError {
        http,
        code,
        subcode: None,
        kind: None,
        message: String::new(),
        details: None,
        user_title: None,
        user_message: None,
        transient: false,
        fbtrace_id: None,
    }
}

fn judged(http: u16, code: i64, attempt: u32) -> Verdict {
    verdict(&Failure::Refused(Box::new(refusal(http, code))), attempt)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn waits(verdict: Verdict) -> bool {
    use Verdict::{PauseAccount, PauseNumber, PausePair, RetryAfter};
    matches!(
        verdict,
        RetryAfter(_) | PausePair(_) | PauseNumber { rest: Rest::For(_), .. } | PauseAccount { rest: Rest::For(_), .. }
    )
}

/// The rows of the table of codes in the protocol notes: codes, and what it says of a retry. `None`: the notes are not
/// here.
fn noted() -> Option<Vec<(Vec<i64>, String)>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/whatsapp/protocol.md");
    let notes = std::fs::read_to_string(path).ok()?;
    let table = notes.split("### 10.2 ").nth(1)?.split("\n## ").next()?;
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<String>>();
    let rows = rows.map(cells).map(|cells| (codes(&cells[1]), cells[4].replace('*', "")));
    Some(rows.filter(|(codes, _)| !codes.is_empty()).collect())
}

/// `131020, 131201–131215`, `131008 / 131009`, `141002…`.
fn codes(cell: &str) -> Vec<i64> {
    let words = cell.split([',', '/']).map(|word| word.trim().trim_end_matches('…'));
    let number = |word: &str| word.trim().parse::<i64>().unwrap_or_else(|_| panic!("no code: {word}"));
    words
        .flat_map(|word| match word.split_once('–') {
            Some((first, last)) => number(first)..=number(last),
            None => number(word)..=number(word),
        })
        .collect()
}

macro_rules! notes_or_skip {
    ($test:literal) => {
        match noted() {
            Some(rows) => rows,
            None => {
                eprintln!("SKIPPED {}: shared/whatsapp/protocol.md is absent", $test);
                return;
            }
        }
    };
}

#[test]
fn each_noted_code_has_a_row() {
    let noted = notes_or_skip!("each_noted_code_has_a_row");
    let all: Vec<i64> = noted.into_iter().flat_map(|(codes, _)| codes).collect();
    assert!(all.len() > 250, "the table was not read: {} codes", all.len());
    let missing: Vec<&i64> = all.iter().filter(|code| row_of(**code).is_none()).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
}

/// What the notes call "no" is never tried again by itself; what they call "yes" or "back off" is, except where it may
/// have been carried out.
#[test]
fn each_row_does_what_the_notes_say_of_a_retry() {
    let noted = notes_or_skip!("each_row_does_what_the_notes_say_of_a_retry");
    for (codes, retry) in noted {
        for code in codes {
            let verdict = judged(400, code, 0);
            if code == 131_208 || retry.starts_with("yes") && code != 1 || retry.starts_with("back off") {
                assert!(waits(verdict), "{code} ({retry}): {verdict:?}");
            } else if ["no", "never", "pause", "re-auth", "do not"].iter().any(|word| retry.starts_with(word))
                && code != 131_049
            {
                assert!(!waits(verdict), "{code} ({retry}): {verdict:?}");
            }
        }
    }
}

/// The codes after which something goes on by itself, all of them: a new one must be a decision.
#[test]
fn only_these_go_on_by_themselves() {
    let all: BTreeSet<i64> = rows().flat_map(Row::codes).collect();
    let by_themselves: Vec<i64> = all.into_iter().filter(|code| waits(judged(400, *code, 0))).collect();
    let expected = [
        2, 4, 17, 613, 80_007, 80_008, 130_429, 131_016, 131_049, 131_056, 131_057, 131_208, 133_004, 133_015, 134_101,
        139_102, 139_103, 2_494_100,
    ];
    assert_eq!(by_themselves, expected);
}

#[test]
fn waits_grow_to_an_end() {
    let pair = |attempt| judged(400, 131_056, attempt);
    for (attempt, wait) in [(0, 1), (1, 4), (2, 16), (3, 64), (6, 4_096), (7, 4_096), (u32::MAX, 4_096)] {
        assert_eq!(pair(attempt), Verdict::PausePair(seconds(wait)));
    }
    let network = |attempt| verdict(&Failure::NotSent(NotSent::NoConnection("refused".into())), attempt);
    for (attempt, wait) in [(0, 1), (1, 2), (8, 256), (9, 300), (u32::MAX, 300)] {
        assert_eq!(network(attempt), Verdict::RetryAfter(seconds(wait)));
    }
    let day = 24 * 3_600;
    for (attempt, wait) in [(0, day), (1, 2 * day), (2, 4 * day), (3, 7 * day)] {
        assert_eq!(judged(400, 131_049, attempt), Verdict::RetryAfter(seconds(wait)));
    }
}

#[test]
fn who_rests() {
    let number_for = |code| match judged(400, code, 0) {
        Verdict::PauseNumber { rest, .. } => rest,
        other => panic!("{code}: {other:?}"),
    };
    let account_for = |code| match judged(400, code, 0) {
        Verdict::PauseAccount { rest, .. } => rest,
        other => panic!("{code}: {other:?}"),
    };
    assert_eq!(number_for(130_429), Rest::For(seconds(1)));
    assert_eq!(number_for(131_057), Rest::For(seconds(15)));
    for code in [0, 10, 33, 190, 200, 299, 131_005, 131_037, 131_045, 131_048, 133_010] {
        assert_eq!(number_for(code), Rest::UntilPerson, "{code}");
    }
    for code in [4, 80_007] {
        assert_eq!(account_for(code), Rest::For(seconds(30)), "{code}");
    }
    for code in [368, 131_031, 131_042, 131_064] {
        assert_eq!(account_for(code), Rest::UntilPerson, "{code}");
    }
}

#[test]
fn what_may_have_been_sent_is_not_sent_again() {
    assert_eq!(judged(400, 1, 0), Verdict::SettleByStatus);
    assert_eq!(judged(500, 131_000, 0), Verdict::SettleByStatus);
    assert_eq!(judged(500, 999_999, 0), Verdict::SettleByStatus);
    let unknown = [
        Unknown::TimedOut,
        Unknown::Broken("reset".into()),
        Unknown::Unreadable { http: 500, what: "it is a page of HTML" },
        Unknown::Unreadable { http: 200, what: "it is broken JSON" },
    ];
    for unknown in unknown {
        assert_eq!(verdict(&Failure::Unknown(unknown), 0), Verdict::SettleByStatus);
    }
}

#[test]
fn unknown_codes_go_by_status() {
    assert_eq!(judged(429, 999_999, 1), Verdict::RetryAfter(seconds(60)));
    assert_eq!(judged(400, 999_999, 0), Verdict::AskPerson(&UNKNOWN_CODE));
    assert_eq!(judged(403, 999_999, 0), Verdict::AskPerson(&UNKNOWN_CODE));
    let dead = Verdict::PauseNumber { rest: Rest::UntilPerson, advice: &UNKNOWN_CODE };
    assert_eq!(judged(401, 999_999, 0), dead);
    let passing = MetaError { transient: true, ..refusal(400, 999_999) };
    assert_eq!(verdict(&Failure::Refused(Box::new(passing)), 0), Verdict::RetryAfter(seconds(30)));
}

#[test]
fn a_subcode_may_say_more() {
    let with = |code, subcode| MetaError { subcode: Some(subcode), ..refusal(400, code) };
    assert!(with(190, 463).explanation().en.contains("expired"));
    assert!(with(190, 460).explanation().en.contains("password"));
    assert_eq!(with(190, 1).explanation(), explain(190));
    assert_eq!(with(100, 2_388_040).explanation(), explain(2_388_040));
    assert_eq!(with(130_429, 2_494_055).explanation(), explain(130_429));
    let gone = verdict(&Failure::Refused(Box::new(with(100, 33))), 0);
    assert!(matches!(gone, Verdict::PauseNumber { rest: Rest::UntilPerson, .. }), "{gone:?}");
}

#[test]
fn a_request_that_cannot_be_put_is_not_tried_again() {
    let malformed = Failure::NotSent(NotSent::Malformed("an id is not made of digits"));
    assert_eq!(verdict(&malformed, 0), Verdict::AskPerson(&MALFORMED));
}

#[test]
fn explanations_are_whole_sentences_in_two_languages() {
    let of_rows = rows().chain(platform::SUBCODES.iter().map(|(_, row)| row)).map(|row| &row.explanation);
    let all: Vec<&Explanation> = of_rows.chain([&UNKNOWN_CODE, &NO_CONNECTION, &MALFORMED, &NO_ANSWER]).collect();
    for explanation in &all {
        for text in [explanation.en, explanation.es] {
            assert!(text.ends_with('.') && !text.contains("  "), "{text}");
        }
        assert_ne!(explanation.en, explanation.es);
    }
    let english: BTreeSet<&str> = all.iter().map(|explanation| explanation.en).collect();
    assert_eq!(english.len(), all.len(), "two rows say the same");
}
