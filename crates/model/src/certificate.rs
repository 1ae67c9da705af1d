//! Certificates of HTTPS that the server gets by itself (ACME, RFC 8555): which it wants, what it was given, and when it tries
//! again. The rows are the server's own, and every node's.

pub mod account;
pub mod challenge;
pub mod failure;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::{DatabaseError, Operator, Result};
use crate::secret::sealed::CERTIFICATE_KEY;
use crate::secret::{Keyring, random};
use failure::Failure;

/// Pauses after attempts in a row without a certificate, in minutes. Let's Encrypt takes five failures of a name in an hour; the
/// first attempt may make two. An attempt is over long before the first pause is, so a pause is also a claim: it holds until then
/// whatever becomes of the node.
const PAUSES: [i64; 8] = [5, 15, 30, 60, 120, 240, 480, 720];

/// A certificate that ended so long ago is of nobody's use, if another one is there.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Which certificate is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    id: Uuid,
    directory: String,
    domains: Vec<String>,
}

impl Wanted {
    /// Of these domains, from the authority with this directory.
    pub fn new(directory: &str, domains: &[String]) -> Self {
        let mut domains = domains.to_vec();
        domains.sort_unstable();
        domains.dedup();
        let named = [directory.to_owned()].into_iter().chain(domains.iter().cloned());
        Self { id: made_of(&named.collect::<Vec<_>>().join("\n")), directory: directory.to_owned(), domains }
    }

    /// The URL of the authority's directory.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// In order.
    pub fn domains(&self) -> &[String] {
        &self.domains
    }
}

/// An id that is the same on every node.
fn made_of(text: &str) -> Uuid {
    let digest = Sha256::digest(text);
    uuid::Builder::from_custom_bytes(digest[..16].try_into().expect("a digest is longer than an id")).into_uuid()
}

/// An attempt to get a certificate, which is one node's.
#[derive(Clone, Debug)]
pub struct Attempt {
    order: Uuid,
    fence: i64,
    /// How many there were in a row without a certificate, this one among them.
    pub nth: i32,
    /// Nobody begins another one before.
    pub again_at: Timestamp,
}

/// Whether a certificate is to be had now: there is none, or it is to be renewed, and nobody is at it or rests.
pub async fn is_due(tx: &Operator, wanted: &Wanted, now: Timestamp) -> Result<bool> {
    let row = tx
        .query_opt(
            "SELECT coalesce(o.again_at <= $2, true) AND coalesce(c.renew_at <= $2, true) AS is_due
             FROM (SELECT) one LEFT JOIN wazapp.acme_order o ON o.id = $1 LEFT JOIN wazapp.certificate c ON c.id = $1",
            &[&wanted.id, &now],
        )
        .await?;
    Ok(row.is_some_and(|row| row.get("is_due")))
}

/// Begins an attempt, unless another node has. It is counted as one that failed until it is known to have ended well.
pub async fn begin(tx: &Operator, wanted: &Wanted, now: Timestamp) -> Result<Option<Attempt>> {
    tx.query(
        "INSERT INTO wazapp.acme_order (id, directory, domains, again_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING",
        &[&wanted.id, &wanted.directory, &wanted.domains, &now],
    )
    .await?;
    let free = tx
        .query_opt("SELECT failures FROM wazapp.acme_order WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED", &[&wanted.id])
        .await?;
    // Whoever held the row a moment ago may have begun: looked at anew, behind the lock.
    let Some(free) = free else { return Ok(None) };
    if !is_due(tx, wanted, now).await? {
        return Ok(None);
    }
    let again_at = now + pause(free.get("failures"));
    let row = tx
        .query_opt(
            "UPDATE wazapp.acme_order SET attempt = attempt + 1, failures = failures + 1, again_at = $2 WHERE id = $1
             RETURNING attempt, failures",
            &[&wanted.id, &again_at],
        )
        .await?;
    challenge::forget(tx, wanted.id).await?;
    Ok(row.map(|row| Attempt { order: wanted.id, fence: row.get("attempt"), nth: row.get("failures"), again_at }))
}

/// The pause after so many failures and one more: up to a quarter longer by chance, so that servers do not come all at once.
fn pause(failures: i32) -> SignedDuration {
    let nth = usize::try_from(failures).unwrap_or(0).min(PAUSES.len() - 1);
    by_chance(SignedDuration::from_mins(PAUSES[nth]), 4)
}

/// Longer by up to one part of so many.
fn by_chance(span: SignedDuration, part: i64) -> SignedDuration {
    let mut bytes = [0; 4];
    random(&mut bytes).expect("the operating system gives random bytes");
    let most = span.as_millis() / i128::from(part);
    let more = most * i128::from(u32::from_be_bytes(bytes)) / i128::from(u32::MAX);
    span + SignedDuration::from_millis(i64::try_from(more).unwrap_or(0))
}

/// A certificate that an authority gave.
#[derive(Clone, Debug)]
pub struct Issued {
    /// PEM, the server's own first.
    pub chain: String,
    /// PEM.
    pub key: SecretString,
    /// From when it holds.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

impl Issued {
    /// When a third of its time is left, or somewhat before that.
    fn renew_at(&self, now: Timestamp) -> Timestamp {
        let third = self.not_after.duration_since(self.not_before) / 3;
        let at = self.not_after - by_chance(third, 10);
        // An authority whose certificates are over at once is not asked all the time.
        at.max(now + SignedDuration::from_secs(2))
    }
}

impl Attempt {
    /// Keeps what the authority gave. False: another attempt began meanwhile.
    pub async fn succeeded(&self, tx: &Operator, keyring: &Keyring, issued: &Issued, now: Timestamp) -> Result<bool> {
        let ended = tx
            .query_opt(
                "UPDATE wazapp.acme_order SET failures = 0, again_at = $3, failed_at = NULL, failure = NULL,
                        failure_domain = NULL, failure_detail = NULL
                 WHERE id = $1 AND attempt = $2 RETURNING id",
                &[&self.order, &self.fence, &now],
            )
            .await?;
        if ended.is_none() {
            return Ok(false);
        }
        challenge::forget(tx, self.order).await?;
        let sealed =
            keyring.sealer(tx).await?.seal(CERTIFICATE_KEY.place(Uuid::nil(), &self.order.to_string()), &issued.key);
        tx.query(
            "INSERT INTO wazapp.certificate (id, chain, private_key, not_before, not_after, renew_at, issued_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (id) DO UPDATE SET chain = excluded.chain, private_key = excluded.private_key,
               not_before = excluded.not_before, not_after = excluded.not_after, renew_at = excluded.renew_at,
               issued_at = excluded.issued_at",
            &[&self.order, &issued.chain, &sealed, &issued.not_before, &issued.not_after, &issued.renew_at(now), &now],
        )
        .await?;
        tx.query(
            "DELETE FROM wazapp.acme_order o USING wazapp.certificate c WHERE c.id = o.id AND o.id <> $1 AND c.not_after < $2",
            &[&self.order, &(now - FORGOTTEN_AFTER)],
        )
        .await?;
        Ok(true)
    }

    /// Notes why there is none, and that nobody tries before that time. False: another attempt began meanwhile.
    pub async fn failed(&self, tx: &Operator, failure: &Failure, again_at: Timestamp, now: Timestamp) -> Result<bool> {
        let ended = tx
            .query_opt(
                "UPDATE wazapp.acme_order SET again_at = $3, failed_at = $4, failure = $5, failure_domain = $6, failure_detail = $7
                 WHERE id = $1 AND attempt = $2 RETURNING id",
                &[
                    &self.order,
                    &self.fence,
                    &again_at,
                    &now,
                    &failure.reason.word(),
                    &failure.domain,
                    &failure.detail,
                ],
            )
            .await?;
        if ended.is_some() {
            challenge::forget(tx, self.order).await?;
        }
        Ok(ended.is_some())
    }

    /// Takes it back, where the server ends in the middle of it and the authority has refused nothing: whoever comes next may begin at once.
    pub async fn give_back(&self, tx: &Operator, now: Timestamp) -> Result<()> {
        let given_back = tx
            .query_opt(
                "UPDATE wazapp.acme_order SET failures = failures - 1, again_at = $3 WHERE id = $1 AND attempt = $2 RETURNING id",
                &[&self.order, &self.fence, &now],
            )
            .await?;
        match given_back {
            Some(_) => challenge::forget(tx, self.order).await,
            None => Ok(()),
        }
    }
}

/// A certificate as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// PEM, the server's own first.
    pub chain: String,
    /// PEM.
    pub key: SecretString,
    /// Tells it from others.
    pub version: Version,
}

/// Which certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(Uuid, Timestamp);

/// The certificate to show, unless it is the one that is known: one that holds; what is wanted, else one that was wanted before and is
/// of the domain that people know. `None`: there is none, or no other.
pub async fn newest(
    tx: &Operator,
    keyring: &Keyring,
    wanted: &Wanted,
    domain: &str,
    known: Option<Version>,
    now: Timestamp,
) -> Result<Option<Kept>> {
    let row = tx
        .query_opt(
            "SELECT c.id, c.issued_at FROM wazapp.certificate c JOIN wazapp.acme_order o ON o.id = c.id
             WHERE c.id = $1 OR $2 = ANY (o.domains) ORDER BY c.not_after > $3 DESC, c.id = $1 DESC, c.not_after DESC, c.id LIMIT 1",
            &[&wanted.id, &domain, &now],
        )
        .await?;
    let Some(version) = row.map(|row| Version(row.get("id"), row.get("issued_at"))) else { return Ok(None) };
    if known == Some(version) {
        return Ok(None);
    }
    let row = tx
        .query_opt("SELECT chain, private_key, issued_at FROM wazapp.certificate WHERE id = $1", &[&version.0])
        .await?;
    let Some(row) = row else { return Ok(None) };
    let id = version.0.to_string();
    let key = keyring.open(CERTIFICATE_KEY.place(Uuid::nil(), &id), row.get("private_key"));
    let key = key.map_err(|error| DatabaseError::Unfit(error.to_string()))?;
    Ok(Some(Kept { chain: row.get("chain"), key, version: Version(version.0, row.get("issued_at")) }))
}

/// How it stands with a certificate that is wanted.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Why the last attempt gave none, and when; none: it gave one, or there was none.
    pub failed: Option<(Timestamp, Failure)>,
    /// Nobody tries before.
    pub again_at: Timestamp,
}

/// `None`: nobody ever tried.
pub async fn standing(tx: &Operator, wanted: &Wanted) -> Result<Option<Standing>> {
    let row = tx
        .query_opt(
            "SELECT again_at, failed_at, failure, failure_domain, failure_detail FROM wazapp.acme_order WHERE id = $1",
            &[&wanted.id],
        )
        .await?;
    row.map(|row: Row| {
        let failed: Option<Timestamp> = row.get("failed_at");
        let failed = failed.map(|at| Failure::read(&row).map(|failure| (at, failure))).transpose()?;
        Ok(Standing { failed, again_at: row.get("again_at") })
    })
    .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(directory: &str, domains: &[&str]) -> Wanted {
        Wanted::new(directory, &domains.iter().map(|&domain| domain.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_wanted_is_known_by_authority_and_domains_in_whatever_order() {
        let one = wanted("https://ca/dir", &["b.org", "a.org", "b.org"]);
        assert_eq!(one, wanted("https://ca/dir", &["a.org", "b.org"]));
        for other in [wanted("https://ca/dir", &["a.org"]), wanted("https://cb/dir", &["a.org", "b.org"])] {
            assert_ne!(one.id, other.id);
        }
    }

    #[test]
    fn pauses_grow_and_stay_within_what_authorities_take() {
        let mut begun = SignedDuration::ZERO;
        let mut starts = vec![begun];
        for failures in 0..12 {
            let pause = pause(failures);
            let least = SignedDuration::from_mins(PAUSES[usize::try_from(failures).expect("small").min(7)]);
            assert!(pause >= least && pause <= least + least / 4, "{failures}: {pause}");
            begun += least;
            starts.push(begun);
        }
        // Two of the first attempt, and one of each other.
        let within_an_hour = starts.iter().filter(|start| **start < SignedDuration::from_hours(1)).count();
        assert!(within_an_hour < 5, "{within_an_hour}");
    }

    #[test]
    fn a_third_is_left_when_it_is_renewed() {
        let now = Timestamp::UNIX_EPOCH;
        let days = |days: i64| now + SignedDuration::from_hours(24 * days);
        let issued = |until| Issued { chain: String::new(), key: "".into(), not_before: now, not_after: until };
        let at = issued(days(90)).renew_at(now);
        assert!(at <= days(60) && at >= days(57), "{at}");
        assert!(issued(now).renew_at(now) > now, "not at once");
    }
}
