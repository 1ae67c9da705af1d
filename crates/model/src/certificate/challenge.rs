//! What an authority asks, to see that a domain is the server's. Whoever asks is anybody; what is answered proves nothing to them.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::Attempt;
use crate::database::{DatabaseError, Operator, Result};

/// Open at once, at most: an order has a hundred domains at most, and hardly anybody has two.
const MOST: i64 = 1000;

/// How a challenge is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By a page on port 80 (RFC 8555, section 8.3).
    Http,
    /// By a handshake on port 443 (RFC 8737).
    TlsAlpn,
}

impl Way {
    const ALL: [Self; 2] = [Self::Http, Self::TlsAlpn];

    fn word(self) -> &'static str {
        match self {
            Self::Http => "http-01",
            Self::TlsAlpn => "tls-alpn-01",
        }
    }
}

/// A challenge that the authority is about to try.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// How.
    pub way: Way,
    /// By which the authority names it.
    pub token: &'a str,
    /// The domain it is about.
    pub domain: &'a str,
    /// What answers it.
    pub key_authorization: &'a str,
}

/// Has every node answer it, until the attempt ends. One that is another node's by now adds nothing.
pub async fn add(tx: &Operator, attempt: &Attempt, challenge: Challenge<'_>, now: Timestamp) -> Result<()> {
    let Challenge { way, token, domain, key_authorization } = challenge;
    tx.query(
        "INSERT INTO wazapp.acme_challenge (token, order_id, domain, key_authorization, created_at, way)
         SELECT $1, o.id, $3, $4, $5, $7 FROM wazapp.acme_order o WHERE o.id = $2 AND o.attempt = $6 FOR KEY SHARE
         ON CONFLICT (token) DO UPDATE SET order_id = excluded.order_id, domain = excluded.domain,
           key_authorization = excluded.key_authorization, created_at = excluded.created_at, way = excluded.way",
        &[&token, &attempt.order, &domain, &key_authorization, &now, &attempt.fence, &way.word()],
    )
    .await?;
    Ok(())
}

/// A challenge that is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// How. None: the version before asked, which did not say.
    way: Option<Way>,
    token: String,
    domain: String,
    /// What answers it.
    pub key_authorization: String,
}

impl Open {
    /// Whether it is this one of HTTP-01.
    pub fn is_of_token(&self, token: &str) -> bool {
        self.way != Some(Way::TlsAlpn) && self.token == token
    }

    /// Whether it is one of TLS-ALPN-01 about this domain.
    pub fn is_of_domain(&self, domain: &str) -> bool {
        self.way != Some(Way::Http) && self.domain == domain
    }
}

/// All that are to be answered, the newest first.
pub async fn open(tx: &Operator) -> Result<Vec<Open>> {
    let rows = tx
        .query(
            "SELECT way, token, domain, key_authorization FROM wazapp.acme_challenge
             ORDER BY created_at DESC, way NULLS LAST, token LIMIT $1",
            &[&MOST],
        )
        .await?;
    let open = |row: &Row| {
        let word: Option<String> = row.get("way");
        let way = word.map(|word| {
            let way = Way::ALL.into_iter().find(|way| way.word() == word);
            way.ok_or(DatabaseError::UnknownWord { column: "acme_challenge.way", word })
        });
        Ok(Open {
            way: way.transpose()?,
            token: row.get("token"),
            domain: row.get("domain"),
            key_authorization: row.get("key_authorization"),
        })
    };
    rows.iter().map(open).collect()
}

pub(super) async fn forget(tx: &Operator, order: Uuid) -> Result<()> {
    tx.query("DELETE FROM wazapp.acme_challenge WHERE order_id = $1", &[&order]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_one_way_answers_no_other() {
        let open = |way| Open { way, token: "t".into(), domain: "a.org".into(), key_authorization: "t.k".into() };
        let answers = |way| (open(way).is_of_token("t"), open(way).is_of_domain("a.org"));
        assert_eq!(answers(Some(Way::Http)), (true, false));
        assert_eq!(answers(Some(Way::TlsAlpn)), (false, true));
        assert_eq!(answers(None), (true, true), "the version before did not say");
        assert!(!open(None).is_of_token("u") && !open(None).is_of_domain("b.org"));
    }
}
