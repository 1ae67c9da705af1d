//! Contact cards (page "Contacts messages").

use super::limits::{self, ANY};
use super::problem::Problem;
use super::reader::Fields;

pub(super) fn check(fields: &mut Fields) {
    fields.each("contacts", &limits::CONTACTS, card);
}

fn card(card: &mut Fields) {
    card.within("name", |name| {
        name.text("formatted_name", ANY);
        texts(name, &["first_name", "last_name", "middle_name", "suffix", "prefix"]);
    });
    list(card, "phones", &["phone", "type", "wa_id"]);
    list(card, "emails", &["email", "type"]);
    list(card, "urls", &["url", "type"]);
    list(card, "addresses", &["street", "city", "state", "zip", "country", "country_code", "type"]);
    card.within_if_given("org", |org| texts(org, &["company", "department", "title"]));
    birthday(card);
}

fn list(card: &mut Fields, key: &'static str, members: &[&'static str]) {
    card.each_if_given(key, &(0..=ANY), |element| texts(element, members));
}

fn texts(fields: &mut Fields, keys: &[&'static str]) {
    for key in keys {
        fields.text_if_given(key, ANY);
    }
}

fn birthday(card: &mut Fields) {
    if let Some(given) = card.text_if_given("birthday", ANY)
        && !is_date(given)
    {
        let en = "must be a date written as 1999-01-23.";
        card.add(Problem::format(&card.at("birthday"), en, "tiene que ser una fecha escrita como 1999-01-23."));
    }
}

fn is_date(date: &str) -> bool {
    let parts: Vec<&str> = date.split('-').collect();
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u8>().ok()).flatten();
    match parts[..] {
        [year, month, day] if (year.len(), month.len(), day.len()) == (4, 2, 2) => {
            year.bytes().all(|b| b.is_ascii_digit())
                && digits(month).is_some_and(|month| (1..=12).contains(&month))
                && digits(day).is_some_and(|day| (1..=31).contains(&day))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_date;

    #[test]
    fn dates_are_told_from_words() {
        assert!(is_date("1999-01-23") && is_date("2012-12-31"));
        for bad in ["", "1999-1-23", "23-01-1999", "1999-13-01", "1999-00-01", "1999-01-32", "1999-01-+1", "1999/01/23"]
        {
            assert!(!is_date(bad), "{bad}");
        }
    }
}
