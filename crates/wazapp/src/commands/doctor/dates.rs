//! Dates that Meta has set, as far as they touch this server.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use super::finding::Finding;

const AREA: &str = "Meta's dates";

/// What is nearer is to be seen to.
const NEAR_DAYS: i32 = 90;

/// The last days of Graph versions, oldest first.
/// <https://developers.facebook.com/docs/graph-api/changelog/>
const VERSIONS: [(u32, Date); 6] = [
    (20, date(2026, 9, 24)),
    (21, date(2027, 1, 21)),
    (22, date(2027, 5, 20)),
    (23, date(2027, 10, 8)),
    (24, date(2028, 2, 18)),
    (25, date(2028, 7, 29)),
];

/// What happens on a day to accounts of a country, which is told by the code of their numbers.
struct OfCountry {
    on: Date,
    code: &'static str,
    says: &'static str,
    fix: &'static str,
}

/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/pricing>
const OF_COUNTRIES: [OfCountry; 2] = [
    OfCountry {
        on: date(2026, 12, 31),
        code: "91",
        says: "what an account sold to India sends in another currency than INR is not delivered any more",
        fix: "move its billing to INR in Meta's Business Settings; its account gets another id, under which its numbers are connected again",
    },
    OfCountry {
        on: date(2027, 6, 30),
        code: "55",
        says: "what an account sold to Brazil sends in another currency than BRL is not delivered any more",
        fix: "move its billing to BRL in Meta's Business Settings; its account gets another id, under which its numbers are connected again",
    },
];

/// The end of the Graph version that is used.
pub(super) fn graph_version(version: &str, now: Timestamp) -> Option<Finding> {
    let major = version.strip_prefix('v')?.split('.').next()?.parse::<u32>().ok()?;
    const FIX: &str =
        "leave WAZAPP_GRAPH_VERSION unset, or set it to what this version of wazapp was made for (wazapp config show)";
    let subject = format!("Graph {version}");
    let Some((_, ends)) = VERSIONS.into_iter().find(|(known, _)| *known == major) else {
        let ended = VERSIONS.first().is_some_and(|(oldest, _)| major < *oldest);
        return ended.then(|| Finding::warning(AREA, subject, "has ended: Meta answers by a newer one", FIX));
    };
    let days = days_until(ends, now);
    Some(match days {
        ..0 => Finding::warning(AREA, subject, format!("ended on {ends}: Meta answers by a newer one"), FIX),
        0..NEAR_DAYS => Finding::warning(AREA, subject, format!("ends on {ends}, in {days} days"), FIX),
        _ => Finding::good(AREA, subject, format!("ends on {ends}")),
    })
}

/// What is to come for accounts with these numbers.
pub(super) fn of_numbers<'n>(numbers: impl Iterator<Item = &'n str> + Clone, now: Timestamp) -> Vec<Finding> {
    let touched = OF_COUNTRIES.iter().filter(|one| numbers.clone().any(|digits| digits.starts_with(one.code)));
    touched
        .filter_map(|one| {
            let (days, subject) = (days_until(one.on, now), format!("+{}", one.code));
            let says = format!("from {} on, {}", one.on, one.says);
            match days {
                // Whoever has not done it hears so from Meta with every message.
                ..0 => None,
                0..NEAR_DAYS => Some(Finding::warning(AREA, subject, says, one.fix)),
                _ => Some(Finding::good(AREA, subject, says)),
            }
        })
        .collect()
}

fn days_until(day: Date, now: Timestamp) -> i32 {
    let today = now.to_zoned(TimeZone::UTC).date();
    // A difference of two dates is days alone, unless something else is asked for.
    today.until(day).map_or(i32::MAX, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn at(day: &str) -> Timestamp {
        format!("{day}T12:00:00Z").parse().expect("a time")
    }

    #[test]
    fn a_version_is_spoken_of_before_it_ends() {
        let level = |version: &str, day: &str| graph_version(version, at(day)).map(|finding| finding.level);
        assert_eq!(level("v21.0", "2026-09-01"), Some(Level::Good));
        assert_eq!(level("v21.0", "2026-11-29"), Some(Level::Warning));
        assert_eq!(level("v20.0", "2026-11-29"), Some(Level::Warning));
        assert_eq!(level("v17.0", "2026-11-29"), Some(Level::Warning));
        let ended = graph_version("v21.0", at("2027-01-22")).expect("a finding");
        assert!(ended.says.contains("ended on 2027-01-21"), "{ended:?}");
        // Of what has no end yet nothing is said.
        assert_eq!(level("v26.0", "2026-11-29"), None);
        assert_eq!(level("v99.0", "2026-11-29"), None);
    }

    #[test]
    fn a_country_is_told_its_date_and_others_are_not() {
        let told = |numbers: &[&str], day: &str| of_numbers(numbers.iter().copied(), at(day));
        assert_eq!(told(&["34600111222", "5493515551234"], "2026-11-29"), []);
        let india = told(&["34600111222", "919876543210"], "2026-11-29");
        assert_eq!(india.iter().map(|finding| finding.level).collect::<Vec<_>>(), [Level::Warning]);
        assert!(india[0].says.contains("2026-12-31") && india[0].says.contains("INR"), "{india:?}");
        assert_eq!(told(&["5511987654321"], "2026-11-29")[0].level, Level::Good);
        assert_eq!(told(&["919876543210"], "2027-01-01"), []);
    }
}
