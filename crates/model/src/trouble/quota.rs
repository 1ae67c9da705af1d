//! What an organization is told that has taken all that it may.

use super::Words;
use crate::quota::{Exceeded, Quota};

impl Exceeded {
    /// What happened, whose move it is, and what to do.
    pub fn words(&self) -> Words {
        let (limit, flag) = (self.limit, self.quota.flag());
        let (en, es) = match self.quota {
            Quota::MediaBytes => (
                format!("Your organization's files may take {limit} bytes here, and there is no room for this one."),
                format!(
                    "Los archivos de tu organización pueden ocupar {limit} bytes aquí, y no queda sitio para este."
                ),
            ),
            Quota::QueuedMessages => (
                format!(
                    "Your organization may have {limit} messages waiting, planned ones with them, and has them: nothing was queued. Send this again when some have left, or cancel some."
                ),
                format!(
                    "Tu organización puede tener {limit} mensajes en espera, contando los programados, y ya los tiene: no se puso nada en cola. Envía esto otra vez cuando hayan salido algunos, o cancela algunos."
                ),
            ),
            Quota::UploadsADay => (
                format!(
                    "Your organization may upload {limit} files a day (UTC), and did so today. Nothing was kept: upload this one tomorrow, and use a file that is here already by its `id`."
                ),
                format!(
                    "Tu organización puede subir {limit} archivos al día (UTC), y hoy ya lo hizo. No se guardó nada: súbelo mañana, y usa por su `id` un archivo que ya está aquí."
                ),
            ),
            Quota::ConnectionsADay => (
                format!(
                    "Your organization may begin {limit} attempts to connect a number a day (UTC), and did so today. Nothing was begun: retry an attempt that is there (`GET /connections`), or begin another tomorrow."
                ),
                format!(
                    "Tu organización puede empezar {limit} intentos de conectar un número al día (UTC), y hoy ya lo hizo. No se empezó nada: reintenta uno que ya existe (`GET /connections`), o empieza otro mañana."
                ),
            ),
        };
        Words::new(
            format!("{en} Whoever runs this server can raise the limit: wazapp org limit {flag}."),
            format!("{es} Quien administra este servidor puede subir el límite: wazapp org limit {flag}."),
        )
    }
}
