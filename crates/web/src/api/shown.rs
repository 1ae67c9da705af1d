//! Files of the organization's that a message shows: an id of `/media` in place of one of Meta's.

use std::collections::HashMap;

use model::at_meta;
use model::database::{Result, Tenant};
use model::outbox::Content;
use model::upload::{Attached, Kept};
use serde_json::{Value, json};
use uuid::Uuid;
use whatsapp::outgoing::{MediaFile, MediaKind, MediaSource, MediaUse, Problem};

use super::upload;

/// A file that a body shows by an id of ours.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) used: MediaUse,
    pub(crate) media_id: Uuid,
}

/// The files that a body shows by an id: those that are ours, and those that are named as Meta does. Meta's ids are digits,
/// ours are UUIDs with their dashes.
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub(crate) own: Vec<Shown>,
    pub(crate) of_meta: Vec<MediaUse>,
}

impl Named {
    pub(crate) fn of(media: Vec<MediaUse>) -> Self {
        let mut named = Self::default();
        for used in media {
            let MediaSource::Id(id) = &used.source else { continue };
            match id.parse().ok().filter(|_| id.len() == 36) {
                Some(media_id) => named.own.push(Shown { used, media_id }),
                None => named.of_meta.push(used),
            }
        }
        named
    }

    /// Says of files of Meta's that are not the organization's, though a token of its own may open them, that they are none.
    pub(crate) async fn foreign(&self, tx: &Tenant) -> Result<Vec<Problem>> {
        let id = |used: &MediaUse| match &used.source {
            MediaSource::Id(id) => Some(id.clone()),
            MediaSource::Link(_) => None,
        };
        let ids: Vec<String> = self.of_meta.iter().filter_map(id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let foreign = at_meta::foreign_media(tx, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        let is_foreign = |used: &&MediaUse| id(used).is_some_and(|id| foreign.contains(&id));
        Ok(self.of_meta.iter().filter(is_foreign).map(MediaUse::not_there).collect())
    }
}

/// Has a message show its files, or says what is wrong with them.
pub(crate) fn attach(
    content: &mut Content,
    shown: &[Shown],
    kept: &HashMap<Uuid, Kept>,
) -> std::result::Result<(), Vec<Problem>> {
    if shown.is_empty() {
        return Ok(());
    }
    let mut body: Value = serde_json::from_str(&content.body).expect("it was JSON when it was checked");
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for Shown { used, media_id } in shown {
        match file(used, &body, kept.get(media_id)) {
            Ok(file) => files.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    // Without a name the customer would see a document called after nothing.
    for (Shown { used, .. }, file) in shown.iter().zip(&files) {
        if let (MediaKind::Document, Some(name), Some(document)) =
            (used.kind, &file.filename, body.pointer_mut(&used.place))
            && document["filename"].is_null()
        {
            document["filename"] = json!(name);
        }
    }
    content.body = body.to_string();
    content.files = files;
    Ok(())
}

fn file(used: &MediaUse, body: &Value, kept: Option<&Kept>) -> std::result::Result<Attached, Problem> {
    let kept = kept.ok_or_else(|| used.not_there())?;
    let file = kept.file.as_ref().ok_or_else(|| used.not_stored(kept.state == "pending"))?;
    let mime_type = upload::known(kept.mime_type.as_deref(), file.mime_type.as_deref());
    let size = u64::try_from(file.size).unwrap_or_default();
    if let Some(problem) = used.problem(body, MediaFile { mime_type: &mime_type, size }) {
        return Err(problem);
    }
    Ok(Attached {
        place: used.place.clone(),
        file: file.sha256.clone(),
        mime_type,
        filename: kept.filename.clone(),
        size,
    })
}
