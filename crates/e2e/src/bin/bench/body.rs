//! Webhook bodies as Meta sends them.
//!
//! A message's id says which organization, contact and number in the run it is, so that the database can be checked
//! against it afterwards.

use crate::clock;

const TEXT: &str = "Good afternoon, I would like to know whether the blue jacket in size M is back in stock, and \
     whether it can be sent to my office before Friday. I can pay by card or by transfer, whichever is easier. Thanks!";

/// How many organizations there are and how many contacts write to each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Those with traffic; one more, numbered after them, takes only the marker messages.
    pub(crate) organizations: u32,
    pub(crate) contacts: u32,
}

impl Shape {
    pub(crate) fn conversations(self) -> u64 {
        u64::from(self.organizations) * u64::from(self.contacts)
    }

    /// The contact whose messages are waited for one by one.
    pub(crate) fn marker(self) -> Writer {
        Writer { organization: self.organizations, contact: 0 }
    }
}

/// A contact of an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Writer {
    pub(crate) organization: u32,
    pub(crate) contact: u32,
}

impl Writer {
    pub(crate) fn wa_id(self) -> String {
        format!("573{:05}{:04}", self.organization, self.contact)
    }

    fn from_wa_id(wa_id: &str) -> Option<Self> {
        let (organization, contact) = wa_id.strip_prefix("573")?.split_at_checked(5)?;
        Some(Self { organization: organization.parse().ok()?, contact: contact.parse().ok()? })
    }
}

/// The number of an organization.
pub(crate) fn phone_number_id(organization: u32) -> String {
    format!("1065403{organization:08}")
}

/// Message `n` of the run, written by `writer`.
pub(crate) fn wamid(writer: Writer, n: u64) -> String {
    format!("wamid.HBgM{}FQIAEhgg{n:032X}AA==", writer.wa_id())
}

/// Reads [`wamid`] back.
pub(crate) fn parse_wamid(wamid: &str) -> Option<(Writer, u64)> {
    let (wa_id, rest) = wamid.strip_prefix("wamid.HBgM")?.split_once("FQIAEhgg")?;
    Some((Writer::from_wa_id(wa_id)?, u64::from_str_radix(rest.strip_suffix("AA==")?, 16).ok()?))
}

/// Meta's message object, alone.
pub(crate) fn message(writer: Writer, n: u64, timestamp: i64, text: &str) -> String {
    let (wa_id, wamid) = (writer.wa_id(), wamid(writer, n));
    format!(
        concat!(
            r#"{{"from":"{wa_id}","from_user_id":"CO.1349120865530{wa_id}","id":"{wamid}","#,
            r#""timestamp":"{timestamp}","type":"text","text":{{"body":"{text}"}}}}"#,
        ),
        wa_id = wa_id,
        wamid = wamid,
        timestamp = timestamp,
        text = text,
    )
}

/// Some words, of varying length.
pub(crate) fn text(random: &mut Random) -> &'static str {
    let length = 40 + random.below(TEXT.len() as u64 - 40) as usize;
    &TEXT[..length]
}

/// One text message, as compact JSON of some 666 bytes.
pub(crate) fn body(writer: Writer, n: u64, random: &mut Random) -> String {
    let Writer { organization, contact } = writer;
    let (phone_number_id, wa_id) = (phone_number_id(organization), writer.wa_id());
    let message = message(writer, n, clock::timestamp().as_second(), text(random));
    format!(
        concat!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"id":"2{organization:014}","changes":[{{"value":{{"#,
            r#""messaging_product":"whatsapp","metadata":{{"display_phone_number":"5760{organization:08}","#,
            r#""phone_number_id":"{phone_number_id}"}},"contacts":[{{"profile":{{"name":"Contact {contact}"}},"#,
            r#""wa_id":"{wa_id}","user_id":"CO.1349120865530{wa_id}"}}],"messages":[{message}]}},"#,
            r#""field":"messages"}}]}}]}}"#,
        ),
        organization = organization,
        phone_number_id = phone_number_id,
        contact = contact,
        wa_id = wa_id,
        message = message,
    )
}

/// splitmix64: the same seed, the same run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_to_its_writer() {
        let writer = Writer { organization: 1000, contact: 99 };
        assert_eq!(parse_wamid(&wamid(writer, u64::MAX)), Some((writer, u64::MAX)));
        assert_eq!(parse_wamid("wamid.HBgM"), None);
        assert_eq!(parse_wamid("wamid.HBgM573éééFQIAEhgg1AA=="), None);
    }
}
