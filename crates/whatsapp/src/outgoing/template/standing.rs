//! What Meta's words for a template's standing mean, for people.

use crate::verdict::{Explanation, WhoseMove};

/// Why a template of this status can't be sent; `None`: it can.
pub fn why_not_sent(status: Option<&str>) -> Option<&'static Explanation> {
    Some(match status {
        Some("APPROVED") => return None,
        Some("PENDING" | "IN_APPEAL" | "PENDING_REVIEW") => &PENDING,
        Some("REJECTED") => &REJECTED,
        Some("PAUSED") => &PAUSED,
        Some("DISABLED") => &DISABLED,
        Some("DELETED" | "PENDING_DELETION") => &DELETED,
        Some("ARCHIVED") => &ARCHIVED,
        Some("LOCKED" | "LIMIT_EXCEEDED") => &LOCKED,
        Some(_) => &ELSE,
        None => &NOT_KNOWN,
    })
}

/// What to do about a template that Meta rejected for this reason.
pub fn rejection(reason: &str) -> &'static Explanation {
    match reason {
        "ABUSIVE_CONTENT" => &ABUSIVE_CONTENT,
        "INCORRECT_CATEGORY" => &INCORRECT_CATEGORY,
        "INVALID_FORMAT" => &INVALID_FORMAT,
        "PROMOTIONAL" => &PROMOTIONAL,
        "SCAM" => &SCAM,
        "TAG_CONTENT_MISMATCH" => &TAG_CONTENT_MISMATCH,
        _ => &OTHER_REASON,
    }
}

const fn of(whose_move: WhoseMove, en: &'static str, es: &'static str) -> Explanation {
    Explanation { en, es, whose_move }
}

static PENDING: Explanation = of(
    WhoseMove::Meta,
    "Meta is still reviewing it, which takes minutes, or up to a day. It can be sent once it is approved.",
    "Meta todavía la está revisando, lo que tarda minutos, o hasta un día. Se podrá enviar cuando esté aprobada.",
);
static REJECTED: Explanation = of(
    WhoseMove::Organization,
    "Meta rejected it. Change what it objects to: an edited template is reviewed again.",
    "Meta la rechazó. Cambia lo que objeta: una plantilla editada se revisa otra vez.",
);
static PAUSED: Explanation = of(
    WhoseMove::Organization,
    "Meta paused it, because customers rated it badly. It goes on after some hours; better improve it, or use another.",
    "Meta la pausó porque los clientes la calificaron mal. Vuelve tras unas horas; mejor mejórala, o usa otra.",
);
static DISABLED: Explanation = of(
    WhoseMove::Organization,
    "Meta disabled it for good, because customers rated it badly. Make a new one with other content.",
    "Meta la desactivó para siempre porque los clientes la calificaron mal. Crea otra con otro contenido.",
);
static DELETED: Explanation = of(
    WhoseMove::Organization,
    "It was deleted. Use another, or create it under another name; this name is free again after 30 days.",
    "Se eliminó. Usa otra, o créala con otro nombre; este nombre vuelve a estar libre tras 30 días.",
);
static ARCHIVED: Explanation = of(
    WhoseMove::Organization,
    "It is archived. Take it out of the archive in WhatsApp Manager, or use another.",
    "Está archivada. Sácala del archivo en el Administrador de WhatsApp, o usa otra.",
);
static LOCKED: Explanation = of(
    WhoseMove::Organization,
    "Meta has locked it. WhatsApp Manager says why; use another meanwhile.",
    "Meta la bloqueó. El Administrador de WhatsApp dice por qué; usa otra mientras tanto.",
);
static ELSE: Explanation = of(
    WhoseMove::Organization,
    "Only approved templates can be sent, and Meta gives it another status. Look at it in WhatsApp Manager.",
    "Solo se envían plantillas aprobadas, y Meta le da otro estado. Mírala en el Administrador de WhatsApp.",
);
static NOT_KNOWN: Explanation = of(
    WhoseMove::Meta,
    "Meta has not said yet whether it is approved. It is asked by itself; look again in a minute.",
    "Meta aún no dijo si está aprobada. Se le pregunta solo; mira otra vez en un minuto.",
);

static ABUSIVE_CONTENT: Explanation = of(
    WhoseMove::Organization,
    "Meta finds its content abusive, threatening or offensive. Write it anew in another tone.",
    "Meta considera su contenido abusivo, amenazante u ofensivo. Escríbela de nuevo en otro tono.",
);
static INCORRECT_CATEGORY: Explanation = of(
    WhoseMove::Organization,
    "Its content does not fit its category. Give it the category that Meta names, often MARKETING, or leave out what \
     advertises.",
    "Su contenido no corresponde a su categoría. Ponle la que dice Meta, muchas veces MARKETING, o quita lo que es \
     publicidad.",
);
static INVALID_FORMAT: Explanation = of(
    WhoseMove::Organization,
    "Its form is wrong: variables side by side or without sense, samples that do not fit, faulty language. Put that \
     right and submit it again.",
    "Su forma no es válida: variables juntas o sin sentido, ejemplos que no corresponden, errores de idioma. Corrígelo \
     y envíala otra vez.",
);
static PROMOTIONAL: Explanation = of(
    WhoseMove::Organization,
    "It advertises, and its category does not allow that. Make it a MARKETING template, or leave out what advertises.",
    "Hace publicidad, y su categoría no lo permite. Hazla de MARKETING, o quita lo que es publicidad.",
);
static SCAM: Explanation = of(
    WhoseMove::Organization,
    "Meta takes it for fraud, as where it asks for passwords, cards or money. Ask for nothing of that kind, and say \
     who writes.",
    "Meta la considera fraude, como cuando pide contraseñas, tarjetas o dinero. No pidas nada de eso, y di quién escribe.",
);
static TAG_CONTENT_MISMATCH: Explanation = of(
    WhoseMove::Organization,
    "Its language or category is not that of its text. Choose the language that it is written in, and submit it again.",
    "Su idioma o su categoría no son los de su texto. Elige el idioma en que está escrita, y envíala otra vez.",
);
static OTHER_REASON: Explanation = of(
    WhoseMove::Organization,
    "Meta's reason is not known here. WhatsApp Manager shows more of it.",
    "El motivo de Meta no se conoce aquí. El Administrador de WhatsApp muestra más.",
);
