//! Times as people say them, in their language and zone.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use model::user::{Language, User};

use super::words::{Key, Said, say};

/// A time: for programs, to the minute, and as somebody would say it.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// RFC 3339.
    pub(crate) iso: String,
    /// Such as "28 nov 2026, 17:05".
    pub(crate) exact: String,
    /// Such as "hace 5 min".
    pub(crate) said: String,
}

/// How somebody says times.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    language: Language,
    zone: TimeZone,
    now: Timestamp,
}

/// From here on a date says more than how many days it is.
const NEAR: SignedDuration = SignedDuration::from_hours(14 * 24);

impl Times {
    /// As this person does.
    pub(crate) fn of(user: &User, now: Timestamp) -> Self {
        Self { language: user.language, zone: TimeZone::get(&user.zone).unwrap_or(TimeZone::UTC), now }
    }

    /// This time, said from now.
    pub(crate) fn moment(&self, at: Timestamp) -> Moment {
        let exact = self.exact(at);
        let said = if self.now.duration_since(at).abs() < NEAR { self.how_far(at).to_string() } else { exact.clone() };
        Moment { iso: at.to_string(), exact, said }
    }

    /// The time of day, such as "17:05".
    pub(crate) fn clock(&self, at: Timestamp) -> String {
        let at = at.to_zoned(self.zone.clone());
        format!("{:02}:{:02}", at.hour(), at.minute())
    }

    /// The day, for programs: what is of the same day has the same.
    pub(crate) fn date(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).date().to_string()
    }

    /// The day, such as "martes, 24 nov".
    pub(crate) fn day(&self, at: Timestamp) -> Said {
        let (at, today) = (at.to_zoned(self.zone.clone()).date(), self.now.to_zoned(self.zone.clone()).date());
        match today.since(at).map_or(-1, |span| span.get_days()) {
            0 if at == today => return say(self.language, Key("today")),
            -1 if today.tomorrow().is_ok_and(|next| next == at) => return say(self.language, Key("tomorrow")),
            1 if at.tomorrow().is_ok_and(|next| next == today) => return say(self.language, Key("yesterday")),
            _ => {}
        }
        let key = if at.year() == today.year() { Key("day") } else { Key("day-of-year") };
        let said = say(self.language, key).count("weekday", at.weekday().to_monday_one_offset());
        let said = said.count("day", at.day()).count("month", at.month());
        if at.year() == today.year() { said } else { said.with("year", at.year()) }
    }

    /// A time to come, such as "mañana, 9:00".
    pub(crate) fn ahead(&self, at: Timestamp) -> String {
        format!("{}, {}", self.day(at), self.clock(at))
    }

    /// As a field of a form has it.
    /// <https://html.spec.whatwg.org/multipage/common-microsyntaxes.html#local-dates-and-times>
    pub(crate) fn local(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// What stands in such a field; where clocks are put on or back, as whoever typed it sees it first.
    pub(crate) fn read_local(&self, text: &str) -> Option<Timestamp> {
        let at = text.parse::<DateTime>().ok()?;
        at.to_zoned(self.zone.clone()).ok().map(|at| at.timestamp())
    }

    /// As a list shows it: the time of what is of today, else the day.
    pub(crate) fn short(&self, at: Timestamp) -> String {
        let (day, today) = (self.date(at), self.date(self.now));
        if day == today { self.clock(at) } else { self.short_day(at) }
    }

    fn short_day(&self, at: Timestamp) -> String {
        let (at, year) = (at.to_zoned(self.zone.clone()), self.now.to_zoned(self.zone.clone()).year());
        let said = say(self.language, Key("short-day")).count("day", at.day()).count("month", at.month()).to_string();
        if at.year() == year { said } else { format!("{said} {}", at.year()) }
    }

    /// How long it is until then; negative if it has passed.
    pub(crate) fn until(&self, at: Timestamp) -> SignedDuration {
        at.duration_since(self.now)
    }

    /// A length of time, such as "3 h".
    pub(crate) fn length(&self, length: SignedDuration) -> Said {
        let minutes = length.abs().as_mins();
        match minutes {
            ..60 => say(self.language, Key("length-minutes")).count("count", minutes.max(1)),
            60..2880 => say(self.language, Key("length-hours")).count("count", minutes / 60),
            _ => say(self.language, Key("length-days")).count("count", minutes / 1440),
        }
    }

    fn exact(&self, at: Timestamp) -> String {
        let at = at.to_zoned(self.zone.clone());
        let time = self.clock(at.timestamp());
        let said = say(self.language, Key("exact")).count("day", at.day()).count("month", at.month());
        // As text: a year has no thousands.
        said.with("year", at.year()).with("time", time).to_string()
    }

    /// How far it is from now.
    fn how_far(&self, at: Timestamp) -> Said {
        let passed = self.now.duration_since(at);
        let (minutes, is_past) = (passed.abs().as_mins(), !passed.is_negative());
        let (key, count) = match (minutes, is_past) {
            // Servers' clocks differ by seconds.
            (..2, true) | (..1, false) => return say(self.language, Key("now")),
            (..60, true) => (Key("minutes-ago"), minutes),
            (..2880, true) => (Key("hours-ago"), minutes / 60),
            (_, true) => (Key("days-ago"), minutes / 1440),
            (..60, false) => (Key("in-minutes"), minutes),
            (..2880, false) => (Key("in-hours"), minutes / 60),
            (_, false) => (Key("in-days"), (minutes + 720) / 1440),
        };
        say(self.language, key).count("count", count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_as_people_say_them() {
        let now: Timestamp = "2026-11-28T23:05:00Z".parse().unwrap();
        let of = |language| Times { language, zone: TimeZone::get("America/Mexico_City").unwrap(), now };
        let (es, en) = (of(Language::Es), of(Language::En));
        for (seconds, said, english) in [
            (0, "ahora", "now"),
            (20, "ahora", "now"),
            (-300, "hace 5 min", "5 min ago"),
            (-7200, "hace 2 h", "2 h ago"),
            (-86_400 * 3, "hace 3 días", "3 days ago"),
            (600, "en 10 min", "in 10 min"),
            (86_400 * 6 + 60, "en 6 días", "in 6 days"),
            (86_400 * 7 - 60, "en 7 días", "in 7 days"),
            (-86_400 * 30, "29 oct 2026, 17:05", "29 Oct 2026, 17:05"),
        ] {
            let at = now + SignedDuration::from_secs(seconds);
            assert_eq!((es.moment(at).said.as_str(), en.moment(at).said.as_str()), (said, english));
        }
        assert_eq!(es.moment(now).exact, "28 nov 2026, 17:05");
        let next = now + SignedDuration::from_hours(16);
        assert_eq!((es.ahead(next), en.ahead(next)), ("mañana, 09:05".into(), "tomorrow, 09:05".into()));
        assert_eq!(es.local(next), "2026-11-29T09:05");
        assert_eq!(es.read_local("2026-11-29T09:05"), Some(next));
        for wrong in ["", "09:05", "2026-11-29T09:05Z", "mañana", "2026-02-30T09:00"] {
            assert_eq!(es.read_local(wrong), None, "{wrong}");
        }
    }
}
