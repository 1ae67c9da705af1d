//! Quirks of WhatsApp's numbers and user ids.

/// The ASCII digits of a number as people write it: `+1 555-078` is `1555078`.
pub fn digits(s: &str) -> String {
    s.chars().filter(char::is_ascii_digit).collect()
}

/// Whether this is a business-scoped user id: a country, a dot, perhaps `ENT.` for a
/// parent id, then 1 to 128 letters and digits (Meta's page "Business-scoped user IDs").
pub fn is_user_id(s: &str) -> bool {
    let Some((country, rest)) = s.split_once('.') else {
        return false;
    };
    let id = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|b| b.is_ascii_uppercase())
        && (1..=128).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The other spellings WhatsApp may use for the same phone, without the one given.
///
/// Mexico and Argentina put an extra digit before mobile numbers, Brazil added a ninth
/// one to old accounts. Good for finding a contact, never for choosing where to send.
pub fn equivalents(wa_id: &str) -> Vec<String> {
    if !wa_id.bytes().all(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    let other = match (wa_id.len(), wa_id.get(..2)) {
        (12, Some("52")) => Some(with(wa_id, 2, '1')),
        (12, Some("54")) => Some(with(wa_id, 2, '9')),
        (12, Some("55")) if is_mobile_digit(wa_id, 4) => Some(with(wa_id, 4, '9')),
        (13, Some("52")) => without(wa_id, 2, '1'),
        (13, Some("54")) => without(wa_id, 2, '9'),
        (13, Some("55")) if is_mobile_digit(wa_id, 5) => without(wa_id, 4, '9'),
        _ => None,
    };
    other.into_iter().collect()
}

/// Whether two spellings may name the same phone. More lenient than [`equivalents`]: good for knowing one's own number,
/// which is never a customer's, whichever way a webhook spells it.
pub fn may_be_same(one: &str, other: &str) -> bool {
    let (one, other) = (digits(one), digits(other));
    !one.is_empty() && bare(&one) == bare(&other)
}

/// A number without the digit that one of its spellings has and the other has not.
fn bare(digits: &str) -> String {
    let extra = match (digits.len(), digits.get(..2)) {
        (13, Some("52")) => without(digits, 2, '1'),
        (13, Some("54")) => without(digits, 2, '9'),
        (13, Some("55")) => without(digits, 4, '9'),
        _ => None,
    };
    extra.unwrap_or_else(|| digits.to_owned())
}

/// The one spelling that stands for a phone where phones are compared, whichever of its [`equivalents`] a webhook used.
pub fn canonical(wa_id: &str) -> String {
    equivalents(wa_id).into_iter().find(|other| other.len() > wa_id.len()).unwrap_or_else(|| wa_id.to_owned())
}

/// Brazilian mobile numbers start with 6 to 9; landlines never got a ninth digit.
fn is_mobile_digit(wa_id: &str, at: usize) -> bool {
    matches!(wa_id.as_bytes().get(at), Some(b'6'..=b'9'))
}

fn with(wa_id: &str, at: usize, digit: char) -> String {
    let mut spelled = wa_id.to_owned();
    spelled.insert(at, digit);
    spelled
}

fn without(wa_id: &str, at: usize, digit: char) -> Option<String> {
    let mut spelled = wa_id.to_owned();
    (spelled.remove(at) == digit).then_some(spelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_drops_everything_else() {
        assert_eq!(digits("+1 (555) 078-3881"), "15550783881");
        assert_eq!(digits("PHONE_NUMBER"), "");
        assert_eq!(digits("٣٤"), "", "other scripts' digits are not dialled");
    }

    #[test]
    fn user_ids_are_told_from_phones_and_groups() {
        let long = format!("US.{}", "a".repeat(128));
        for good in ["US.13491208655302741918", "US.ENT.118", "TZ.1040", "IN.abcXYZ", &long] {
            assert!(is_user_id(good), "{good}");
        }
        let too_long = format!("US.{}", "a".repeat(129));
        for bad in [
            "",
            "US.",
            "US",
            "us.123",
            "USA.123",
            "U1.123",
            "US.ENT.",
            "US.12 3",
            "US.ENT.ENT.1",
            "16505551234",
            "foo_bar",
            "Y2FwaV9ncm91cDo",
            "ÉÉ.1",
            "US.é",
            "US.1\n",
            &too_long,
        ] {
            assert!(!is_user_id(bad), "{bad}");
        }
    }

    #[test]
    fn equivalents_go_both_ways() {
        for (short, long) in [
            ("525512345678", "5215512345678"),
            ("541112345678", "5491112345678"),
            ("551187654321", "5511987654321"),
            ("555467654321", "5554967654321"),
        ] {
            assert_eq!(equivalents(short), [long]);
            assert_eq!(equivalents(long), [short]);
        }
    }

    #[test]
    fn a_phone_has_one_canonical_spelling() {
        for (short, long) in [("525512345678", "5215512345678"), ("551187654321", "5511987654321")] {
            assert_eq!((canonical(short), canonical(long)), (long.to_owned(), long.to_owned()));
        }
        assert_eq!(canonical("16505551234"), "16505551234");
    }

    #[test]
    fn ones_own_number_is_known_in_any_spelling() {
        for (one, other) in [
            ("15550001111", "+1 555-000-1111"),
            ("5511933334444", "551133334444"),
            ("525512345678", "+52 1 55 1234 5678"),
            ("5493511234567", "543511234567"),
        ] {
            assert!(may_be_same(one, other) && may_be_same(other, one), "{one} {other}");
        }
        assert!(!may_be_same("15550001111", "15550001112"));
        assert!(!may_be_same("", ""), "no number is nobody's");
    }

    #[test]
    fn equivalents_leave_other_numbers_alone() {
        for alone in [
            "",
            "52",
            "16505551234",
            "551132345678",
            "5511932345678",
            "5225512345678",
            "5401112345678",
            "5511887654321",
            "US.123456789",
            "52551234567é",
            "+525512345678",
        ] {
            assert!(equivalents(alone).is_empty(), "{alone}");
        }
    }
}
