//! Files of the organization's that a message shows: an id of `/media` in place of one of Meta's.

use std::collections::HashMap;

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

/// Those of the files that a body shows which are ours. Meta's ids are digits, ours are UUIDs with their dashes.
pub(crate) fn own(media: Vec<MediaUse>) -> Vec<Shown> {
    let own = |used: MediaUse| match &used.source {
        MediaSource::Id(id) if id.len() == 36 => id.parse().ok().map(|media_id| Shown { used, media_id }),
        MediaSource::Id(_) | MediaSource::Link(_) => None,
    };
    media.into_iter().filter_map(own).collect()
}

/// Has a message show its files, or says what is wrong with them.
pub(crate) fn attach(content: &mut Content, shown: &[Shown], kept: &HashMap<Uuid, Kept>) -> Result<(), Vec<Problem>> {
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

fn file(used: &MediaUse, body: &Value, kept: Option<&Kept>) -> Result<Attached, Problem> {
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
