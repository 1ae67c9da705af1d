//! A past to begin with: people who have been writing to the businesses of the world out of the box for weeks.
//!
//! The stories are `cafe_lucero.json` and `harbor_and_pine.json`: one object a conversation, its sessions in order, a
//! line for each message. A text is a string; anything else is Meta's message object without id, time and target. An
//! image may name one of `pictures/`; other media are samples.

use jiff::civil::Time;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::Value;

use crate::world::customer;

mod place;
mod tell;

pub(crate) use tell::{remember, tell};

/// The businesses' names in the world out of the box, and their stories.
const FILES: [(&str, &str); 2] =
    [("Café Lucero", include_str!("cafe_lucero.json")), ("Harbor & Pine", include_str!("harbor_and_pine.json"))];

/// A conversation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    /// The customer's profile name.
    name: String,
    /// Digits as people dial them; none: known by username only.
    phone: Option<String>,
    username: Option<String>,
    /// ISO country, where no phone tells it.
    country: Option<String>,
    /// Which of the business's numbers, counted from 0.
    number: usize,
    sessions: Vec<Session>,
}

/// What was said in one sitting: days ago by the clock of the place, or in the last 24 hours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    /// Two or more, so that it is over for more than a day whatever the time is now.
    days_ago: Option<i64>,
    at: Option<Time>,
    hours_ago: Option<f64>,
    lines: Vec<Line>,
}

/// How far a message of the business came.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Reached {
    Sent,
    Delivered,
    #[default]
    Read,
}

/// A message: of the customer (`in`) or of the business (`out`).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    r#in: Option<Value>,
    out: Option<Value>,
    /// After the line before; a moment if not said.
    after: Option<SignedDuration>,
    /// What later lines call it.
    name: Option<String>,
    /// The line that it answers, reacts to, changes or deletes.
    to: Option<String>,
    #[serde(default)]
    status: Reached,
}

impl Session {
    /// Whether it is told as it happens; else it is history.
    fn is_recent(&self) -> bool {
        self.hours_ago.is_some()
    }

    /// When it begins, in a story as it stands at a time.
    fn begins(&self, now: Timestamp, clock: Offset) -> Timestamp {
        if let Some(hours) = self.hours_ago {
            return now - SignedDuration::from_secs_f64(hours * 3600.0);
        }
        let day = clock.to_datetime(now).date() - self.days_ago.unwrap_or(2).days();
        let begins = clock.to_timestamp(day.to_datetime(self.at.unwrap_or(Time::midnight())));
        begins.expect("a few weeks ago is a time")
    }
}

/// The clock that people at a business number go by.
fn clock(digits: &str) -> Offset {
    Offset::constant(match customer::country(digits) {
        "MX" => -6,
        "BR" => -3,
        _ => -8,
    })
}

/// A business's stories, in the order of its file.
fn stories(text: &str) -> Vec<Story> {
    serde_json::from_str(text).expect("the stories are well-formed: a test reads them")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    fn all() -> Vec<(&'static str, Story)> {
        FILES.iter().flat_map(|(business, text)| stories(text).into_iter().map(|story| (*business, story))).collect()
    }

    #[test]
    fn every_story_is_well_formed() {
        let mut people = HashSet::new();
        for (business, story) in all() {
            let who = &story.name;
            assert!(story.number < 2, "{who}: {business} has two numbers");
            assert_ne!(story.phone.is_some(), story.username.is_some(), "{who} is known by phone or by username");
            assert_eq!(
                story.phone.is_none(),
                story.country.is_some(),
                "{who}: the country is told by the phone, or said"
            );
            assert!(people.insert(story.phone.clone().or(story.username.clone())), "{who} is there twice");
            let lines: usize = story.sessions.iter().map(|session| session.lines.len()).sum();
            assert!((4..=16).contains(&lines), "{who} has {lines} lines");
            let mut names = HashSet::new();
            for line in story.sessions.iter().flat_map(|session| &session.lines) {
                assert!(line.r#in.is_some() != line.out.is_some(), "{who}: a line is of one side: {line:?}");
                let said = line.r#in.as_ref().or(line.out.as_ref()).expect("one of the two");
                let text = said.as_str().or(said["type"].as_str()).unwrap_or_default();
                assert!(!text.trim().is_empty(), "{who}: {line:?}");
                assert!(line.to.as_ref().is_none_or(|to| names.contains(to)), "{who}: there is no line {:?}", line.to);
                let needs_target = ["reaction", "edit", "revoke"].contains(&said["type"].as_str().unwrap_or_default());
                assert!(!needs_target || line.to.is_some(), "{who}: {said} has no target");
                assert!(
                    line.name.as_ref().is_none_or(|name| names.insert(name.clone())),
                    "{who}: {:?} twice",
                    line.name
                );
            }
        }
    }

    /// Whatever the time is when a story is told: history is over for a day, and nothing is said in the future.
    #[test]
    fn every_session_has_its_time() {
        let midnight = "2026-11-24T08:00:00Z".parse::<Timestamp>().expect("a time");
        for minutes in (0..24 * 60).step_by(37) {
            let now = midnight + SignedDuration::from_mins(minutes);
            for (_, story) in all() {
                let mut before = Timestamp::MIN;
                for session in &story.sessions {
                    for clock in [-3, -6, -8].map(Offset::constant) {
                        let begins = session.begins(now, clock);
                        let longest = |line: &Line| line.after.unwrap_or(SignedDuration::from_secs(35)).as_secs() + 40;
                        let lasts = SignedDuration::from_secs(session.lines.iter().map(longest).sum());
                        let age = now.duration_since(begins + lasts).as_hours();
                        let fits =
                            if session.is_recent() { (0..24).contains(&age) } else { (24..24 * 30).contains(&age) };
                        assert!(fits && now > begins + lasts, "{}: {session:?} is {age} hours old", story.name);
                        assert!(now.duration_since(begins).as_hours() < 24 || !session.is_recent(), "{}", story.name);
                    }
                    let begins = session.begins(now, Offset::UTC);
                    assert!(begins > before, "{}: sessions are in order", story.name);
                    before = begins;
                }
            }
        }
    }

    #[test]
    fn people_of_six_countries_write_in_three_languages() {
        let countries: BTreeSet<String> = all()
            .iter()
            .map(|(_, story)| match &story.phone {
                Some(phone) => customer::country(phone).to_owned(),
                None => story.country.clone().expect("a country"),
            })
            .collect();
        assert_eq!(countries, ["AR", "BR", "CO", "ES", "MX", "US"].map(str::to_owned).into());
        let said: String = FILES.iter().map(|(_, text)| *text).collect();
        for word in ["Buenos días", "¿", "Vos sabés", "os escribo", "How", "the", "Bom dia", "você", "🎂"] {
            assert!(said.to_lowercase().contains(&word.to_lowercase()), "{word}");
        }
    }
}
