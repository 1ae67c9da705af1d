//! Everything that happens after the answer.
//!
//! [`connection`] connects and disconnects numbers, [`numbers`] looks at them now and then; [`inbound`] turns raw webhook
//! bodies into conversations, [`delivery`] tells organizations' endpoints of them, [`media`] fetches the files that they announce; [`outbox`] sends what was queued, [`mail`]
//! what is written to people; [`backup`] makes backups and reads them, [`transfer`] takes an organization out and in, [`erasure`] out for good; [`certificate`] gets the certificate of HTTPS; [`template`] keeps templates as Meta lists them; [`upkeep`] keeps the house in order.

mod advice;
pub mod backup;
pub mod certificate;
pub mod connection;
pub mod delivery;
mod doubt;
pub mod erasure;
pub mod inbound;
pub mod mail;
pub mod media;
pub mod numbers;
pub mod outbox;
mod outside;
mod pause;
pub mod relocation;
pub mod retention;
mod rounds;
pub mod template;
mod to_meta;
pub mod transfer;
mod trouble;
pub mod upkeep;

pub use to_meta::ToMeta;
