use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::quota::{Exceeded, Quota};

const END: Timestamp = Timestamp::UNIX_EPOCH;

fn words() -> Words {
    Words::new("What to do.", "Qué hacer.")
}

fn answer() -> Answer {
    Answer {
        code: 131_026,
        subcode: None,
        title: "Title".into(),
        message: "Message".into(),
        details: None,
        kind: Some("OAuthException".into()),
        http_status: 400,
        fbtrace_id: None,
    }
}

/// One of each that the catalogue has.
fn catalogue() -> Vec<Trouble> {
    let limit = |quota| Trouble::over_quota(&Exceeded { quota, limit: 7, until: None });
    vec![
        Trouble::no_token("the number has no token"),
        Trouble::token_ends(END, 0),
        Trouble::token_ends(END, 7),
        Trouble::other_account("1", "2"),
        Trouble::cancelled(),
        Trouble::too_late_to_send(None),
        Trouble::media_gone(),
        Trouble::not_uploaded("The claim was lost."),
        Trouble::waits_at_meta(),
        Trouble::too_late_to_fetch(None),
        Trouble::past_retention(),
        Trouble::nameless(),
        Trouble::gone(None),
        Trouble::wrong_hash(),
        Trouble::slow(),
        limit(Quota::MediaBytes),
        limit(Quota::QueuedMessages),
        limit(Quota::UploadsADay),
        limit(Quota::ConnectionsADay),
        Trouble::foreign_url(),
        Trouble::too_large(7),
        Trouble::broken("the connection broke"),
        Trouble::not_stored(),
        Trouble::not_noted(),
        Trouble::unanswered("Meta gave no complete answer in time"),
        Trouble::endless_list(),
        Trouble::mail_refused("550 no such user"),
        Trouble::mail_not_sent("The mail server cannot be reached."),
    ]
}

/// The members, in the order in which they are told.
fn members(trouble: &Trouble) -> String {
    let value = serde_json::to_value(trouble).unwrap();
    value.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Programs read these, and so do older and newer versions.
#[test]
fn every_place_has_its_members() {
    let of_look = Trouble::of_look(Word::TokenRefused, (190, None), "Message", words());
    let aside = of_look.as_reason().as_problem(Word::RefusedAside);
    let refused = Trouble::answered(answer(), words());
    for (told, has) in [
        (Trouble::new(131_026, "Message", words()), "code message advice"),
        (Trouble::no_token("…"), "code title message details advice"),
        (Trouble::no_token("…").as_reason(), "code message advice"),
        (refused.clone(), "code subcode title message details type http_status fbtrace_id advice"),
        (refused.as_reason(), "code message advice"),
        (Trouble::token_ends(END, 3), "code at days message advice"),
        (of_look.clone(), "code meta_code meta_subcode message advice"),
        (aside.clone(), "code meta_code message advice"),
        (Trouble::too_late_to_send(None), "code title message details last_error advice"),
        (of_look.as_reason().for_whom(WhoseMove::Meta), "code message advice whose_move"),
    ] {
        assert_eq!(members(&told), has);
    }
    assert_eq!((of_look.as_reason().code, aside.as_reason().code), (Code::Meta(190), Code::Meta(190)));
}

#[test]
fn what_is_written_is_read() {
    let last = Trouble::answered(answer(), words());
    let mut all = catalogue();
    all.push(Trouble::too_late_to_fetch(Some(last.clone())));
    all.push(last.as_reason().as_problem(Word::MetaRefuses).for_whom(WhoseMove::Nobody));
    all.push(Trouble::of_look(Word::NotShown, (100, Some(33)), "Message", words()));
    for told in all {
        let text = told.json();
        let read: Trouble = serde_json::from_str(&text).unwrap();
        assert_eq!((&read, read.json()), (&told, text));
    }
    let late = Trouble::too_late_to_send(Some(last.clone()));
    assert_eq!((late.details, late.last_error), (Some(Some("Message".into())), Some(Some(last.into()))));
}

#[test]
fn every_word_of_ours_is_read_as_the_one_that_wrote_it() {
    let all: BTreeSet<&str> = Word::ALL.iter().map(|word| word.word()).collect();
    assert_eq!(all.len(), Word::ALL.len(), "each once");
    for word in Word::ALL {
        let written = serde_json::to_value(Code::from(*word)).unwrap();
        assert_eq!(written, word.word());
        assert_eq!(serde_json::from_value::<Code>(written).unwrap(), *word);
    }
    assert_eq!(serde_json::from_value::<Code>(json!(131_047)).unwrap(), Code::Meta(131_047));
    for odd in [json!("131047"), json!(""), json!(1.5), Value::Null, json!({})] {
        assert!(serde_json::from_value::<Code>(odd.clone()).is_err(), "{odd}");
    }
}

/// Whole sentences, which are not the same in both languages.
#[test]
fn the_catalogue_speaks_every_language() {
    for told in catalogue() {
        let Words { en, es } = &told.advice;
        for text in [en, es] {
            assert!(text.ends_with('.') && !text.contains("  ") && text.len() > 15, "{}: {text}", told.code);
        }
        assert_ne!(en, es, "{}", told.code);
        assert!(!told.message.is_empty() && told.title.as_deref() != Some(""), "{}", told.code);
    }
}

#[test]
fn a_trouble_is_like_one_that_says_it_at_another_time() {
    let at = |time: &str| Trouble::new(190, format!("Session has expired on {time}"), words());
    assert!(at("Tuesday").is_like(&at("Wednesday")));
    assert!(!at("Tuesday").is_like(&Trouble::new(191, "Session has expired on Tuesday", words())));
    assert!(!at("Tuesday").is_like(&at("Tuesday").advising(Words::new("a", "b"))));
}

#[test]
fn metas_errors_are_advised_once() {
    let mut error = json!({ "code": 7 }).as_object().unwrap().clone();
    words().advise(&mut error);
    Words::new("a", "b").advise(&mut error);
    assert_eq!(Value::from(error), json!({ "code": 7, "advice": { "en": "What to do.", "es": "Qué hacer." } }));
}
