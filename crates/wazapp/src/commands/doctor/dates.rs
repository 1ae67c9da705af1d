//! Dates that Meta has set, as far as they touch this server.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

use super::finding::Finding;

const AREA: &str = "Meta's dates";

/// What is nearer is to be seen to.
const NEAR_DAYS: i32 = 90;

/// What has changed is told for so long.
const FRESH_DAYS: i32 = 365;

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

/// What is written in an open window costs from then on.
/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/pricing/non-template-messages>
const CHARGED: Date = date(2026, 10, 1);

/// The last certificate that DigiCert gave Meta's webhooks ends; from 2026-03-31 on Meta's own authority gives them.
/// <https://developers.facebook.com/docs/graph-api/webhooks/getting-started#mtls-for-webhooks>
const OWN_AUTHORITY: Date = date(2026, 4, 15);

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

/// What whoever has a number connected pays.
pub(super) fn prices(now: Timestamp) -> Option<Finding> {
    let says = "what is written in an open window is charged, beyond 1,000 messages a month of each number, and templates of utility \
                in it from the first on; where no payment method is known, Meta takes them and delivers none";
    let fix = "see that each account has a payment method (WhatsApp Manager, Billing); PUT /api/v1/prices with the prices of service \
               and utility, so that costs are whole";
    let days = days_until(CHARGED, now);
    let from = format!("from {CHARGED} on, {says}");
    match days {
        ..0 if days <= -FRESH_DAYS => None,
        ..0 => Some(Finding::good(AREA, "prices", format!("since {CHARGED}, {says}")).with(fix)),
        0..NEAR_DAYS => Some(Finding::warning(AREA, "prices", from, fix)),
        _ => Some(Finding::good(AREA, "prices", from).with(fix)),
    }
}

/// Who gives Meta the certificate that its webhooks show, where only who shows it is answered: by the authorities that are taken.
pub(super) fn client_certificate<'n>(mut taken: impl Iterator<Item = &'n str>, now: Timestamp) -> Option<Finding> {
    const SUBJECT: &str = "client certificate";
    let fix = "download meta-outbound-api-ca-2025-12.pem from Meta's page \"mTLS for webhooks\", and name it in WAZAPP_WEBHOOK_CLIENT_CA";
    let only_former = taken.all(|name| name.contains("DigiCert"));
    let days = days_until(OWN_AUTHORITY, now);
    let says = "Meta's own authority gives it, DigiCert no more";
    match only_former {
        true if days <= 0 => {
            let says = format!("since {OWN_AUTHORITY}, {says}: every webhook is refused here");
            Some(Finding::broken(AREA, SUBJECT, says, fix))
        }
        true => Some(Finding::warning(AREA, SUBJECT, format!("from {OWN_AUTHORITY} on, {says}"), fix)),
        false => (days > -FRESH_DAYS).then(|| {
            let says = format!("since {OWN_AUTHORITY}, {says}; another than DigiCert's is taken here");
            Finding::good(AREA, SUBJECT, says)
        }),
    }
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
    fn prices_are_told_for_a_year() {
        let told = |day: &str| prices(at(day));
        let level = |day: &str| told(day).map(|finding| finding.level);
        assert_eq!(level("2026-05-01"), Some(Level::Good));
        assert_eq!(level("2026-09-01"), Some(Level::Warning));
        assert_eq!(level("2026-12-01"), Some(Level::Good));
        assert_eq!(level("2027-10-02"), None);
        let since = told("2026-12-01").expect("a finding");
        assert!(since.says.starts_with("since 2026-10-01") && since.fix.is_some(), "{since:?}");
    }

    #[test]
    fn who_takes_the_former_authority_alone_hears_of_it() {
        let told = |names: &[&str], day: &str| client_certificate(names.iter().copied(), at(day));
        let level = |names: &[&str], day: &str| told(names, day).map(|finding| finding.level);
        const FORMER: &str = "C=US, O=DigiCert Inc, CN=DigiCert SHA2 High Assurance Server CA";
        const OWN: &str = "C=US, O=Meta Platforms, CN=Meta Outbound API CA";
        assert_eq!(level(&[FORMER], "2026-04-01"), Some(Level::Warning));
        assert_eq!(level(&[FORMER], "2026-12-01"), Some(Level::Broken));
        assert_eq!(level(&[FORMER, OWN], "2026-12-01"), Some(Level::Good));
        assert_eq!(level(&[OWN], "2026-12-01"), Some(Level::Good));
        assert_eq!(level(&[OWN], "2027-12-01"), None);
        assert_eq!(level(&[FORMER], "2027-12-01"), Some(Level::Broken));
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
