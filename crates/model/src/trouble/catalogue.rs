//! What wazapp itself has to say: each thing once, in every language.

use std::fmt::Display;

use jiff::Timestamp;

use super::{Trouble, Word, Words};
use crate::quota::Exceeded;

/// A thing to tell, with a title.
struct Entry<'a> {
    word: Word,
    title: &'a str,
    message: &'a str,
    en: &'a str,
    es: &'a str,
}

impl From<Entry<'_>> for Trouble {
    fn from(entry: Entry<'_>) -> Self {
        Self::new(entry.word, entry.message, Words::new(entry.en, entry.es)).titled(entry.title, None)
    }
}

/// Tokens and accounts of numbers.
impl Trouble {
    /// A number's token is not here, or does not open.
    pub fn no_token(why: impl Display) -> Self {
        Entry {
            word: Word::NoToken,
            title: "No token",
            message: &why.to_string(),
            en: "Connect the number again with its token.",
            es: "Conecta el número otra vez con su token.",
        }
        .into()
    }

    /// A token that ends in so many days; 0: it has ended.
    pub fn token_ends(end: Timestamp, days: i64) -> Self {
        let trouble = if days == 0 {
            Self::new(
                Word::TokenExpired,
                format!("The access token ended at {end}."),
                Words::new(
                    "Connect the number again, best with a token that does not expire.",
                    "Conecta el número otra vez, mejor con un token que no caduque.",
                ),
            )
        } else {
            Self::new(
                Word::TokenExpires,
                format!("The access token ends at {end}."),
                Words::new(
                    "Connect the number again before then, best with a token that does not expire.",
                    "Conecta el número otra vez antes, mejor con un token que no caduque.",
                ),
            )
        };
        Self { at: Some(end), days: Some(days), ..trouble }
    }

    /// A number that Meta tells of under another account than the one it was connected with.
    pub fn other_account(claimed: &str, named: &str) -> Self {
        Self::new(
            Word::OtherAccount,
            format!("Meta names account {named} for this number, which was connected with account {claimed}."),
            Words::new(
                "See in WhatsApp Manager which account the number is in, and connect it again with the id of that one. \
                 Until then news of its account, such as templates, may not reach you.",
                "Mira en el Administrador de WhatsApp en qué cuenta está el número, y conéctalo otra vez con el id de esa. \
                 Hasta entonces, las novedades de su cuenta, como las plantillas, pueden no llegarte.",
            ),
        )
    }

    /// What Meta said of a number that was looked at.
    pub fn of_look(word: Word, (code, subcode): (i64, Option<i64>), message: &str, advice: Words) -> Self {
        let meta = Some(code.into());
        Self { meta_code: meta, meta_subcode: Some(subcode), ..Self::new(word, message, advice) }
    }
}

/// Messages.
impl Trouble {
    /// Meta was not asked: it could not be reached, or not like this.
    pub fn not_sent(message: impl Display, advice: Words) -> Self {
        Self::new(Word::NotSent, message.to_string(), advice).titled("Not sent", None)
    }

    /// Meta was asked, and nobody knows what came of it.
    pub fn no_complete_answer(message: impl Display, advice: Words) -> Self {
        Self::new(Word::NoAnswer, message.to_string(), advice).titled("No complete answer", None)
    }

    /// A message that was taken back.
    pub fn cancelled() -> Self {
        Entry {
            word: Word::Cancelled,
            title: "Cancelled",
            message: "The message was cancelled before it was sent.",
            en: "Nothing was sent. Queue a new message if it is wanted after all.",
            es: "No se envió nada. Pon otro mensaje en cola si al final hace falta.",
        }
        .into()
    }

    /// A message that was not sent in its time.
    pub fn too_late_to_send(last: Option<Self>) -> Self {
        Self::from(Entry {
            word: Word::Deadline,
            title: "Deadline passed",
            message: "The message was not sent before its deadline.",
            en: "Nothing was sent. See why it waited: the number may be disconnected or paused. Then queue it again.",
            es: "No se envió nada. Mira por qué esperaba: el número puede estar desconectado o en pausa. Después, ponlo otra \
                 vez en cola.",
        })
        .after(last)
    }

    /// A message whose file was deleted.
    pub fn media_gone() -> Self {
        Entry {
            word: Word::MediaGone,
            title: "Its file is gone",
            message: "The file was deleted here before the message left.",
            en: "Nothing was sent. Upload the file again, and send a new message.",
            es: "No se envió nada. Sube el archivo otra vez y envía otro mensaje.",
        }
        .into()
    }

    /// A message whose file did not reach Meta yet.
    pub fn not_uploaded(message: impl Display) -> Self {
        Entry {
            word: Word::NotUploaded,
            title: "Not sent yet",
            message: &message.to_string(),
            en: "Its file could not be brought to Meta yet, so nothing was sent. It is tried again by itself.",
            es: "Su archivo aún no se pudo llevar a Meta, así que no se envió nada. Se reintenta solo.",
        }
        .into()
    }

    /// What was given up after this.
    fn after(self, last: Option<Self>) -> Self {
        let details = last.as_ref().map(|last| last.message.clone());
        Self { details: Some(details), last_error: Some(last.map(Box::new)), ..self }
    }
}

/// Whoever sent a file has it still.
const SEND_AGAIN: (&str, &str) =
    ("Ask whoever sent it to send it again.", "Pide a quien lo envió que lo envíe otra vez.");

/// Files.
impl Trouble {
    /// A file of a number that is not connected.
    pub fn waits_at_meta() -> Self {
        Entry {
            word: Word::NotConnected,
            title: "The number is not connected",
            message: "The file waits at Meta: its number is not connected.",
            en: "Connect the number again within seven days of the message: Meta keeps files no longer.",
            es: "Conecta el número otra vez dentro de los siete días del mensaje: Meta no guarda los archivos por más \
                 tiempo.",
        }
        .into()
    }

    /// A file that never came.
    pub fn too_late_to_fetch(last: Option<Self>) -> Self {
        Self::from(Entry {
            word: Word::Deadline,
            title: "It could not be fetched in seven days",
            message: "The file could not be fetched while Meta kept it.",
            en: "Meta keeps files for seven days, and they are over. Ask whoever sent it to send it again.",
            es: "Meta guarda los archivos siete días, y ya pasaron. Pide a quien lo envió que lo envíe otra vez.",
        })
        .after(last)
    }

    /// A file past its retention.
    pub fn past_retention() -> Self {
        Entry {
            word: Word::Expired,
            title: "It is past its retention",
            message: "The file was deleted: your organization keeps media for a time, and it is over.",
            en: "It cannot be had again. Whoever runs this server sets how long media are kept.",
            es: "Ya no se puede recuperar. Quien administra este servidor decide cuánto se guardan los archivos.",
        }
        .into()
    }

    /// Meta announced a file, and did not say which.
    pub fn nameless() -> Self {
        Entry {
            word: Word::Nameless,
            title: "Meta named no file",
            message: "Meta announced a file and named neither its id nor its address.",
            en: SEND_AGAIN.0,
            es: SEND_AGAIN.1,
        }
        .into()
    }

    /// Meta does not have it.
    pub fn gone(details: Option<&str>) -> Self {
        let told = Self::from(Entry {
            word: Word::Gone,
            title: "Meta does not have it any more",
            message: "Meta says that the file is not there. It keeps files for seven days.",
            en: SEND_AGAIN.0,
            es: SEND_AGAIN.1,
        });
        Self { details: Some(details.map(str::to_owned)), ..told }
    }

    /// Its bytes are not those that were announced.
    pub fn wrong_hash() -> Self {
        Entry {
            word: Word::WrongHash,
            title: "Its bytes are not those that Meta announced",
            message: "What came has another SHA-256 than Meta announced, several times: it was not kept.",
            en: "Ask whoever sent it to send it again, or ask for it here once more.",
            es: "Pide a quien lo envió que lo envíe otra vez, o pídelo aquí una vez más.",
        }
        .into()
    }

    /// It did not come in the time that a fetch has.
    pub fn slow() -> Self {
        Entry {
            word: Word::Slow,
            title: "It comes too slowly",
            message: "The file did not come in five minutes. It is tried again by itself.",
            en: "If this goes on, whoever runs this server checks its network.",
            es: "Si continúa, quien administra este servidor revisa su red.",
        }
        .into()
    }

    /// Its organization's files take all the room that they may.
    pub fn over_quota(exceeded: &Exceeded) -> Self {
        let Words { en, es } = exceeded.words();
        Entry {
            word: Word::OverQuota,
            title: "There is no room for it",
            message: "The file was not fetched: your organization's files take all the room that they may. Its message is here.",
            en: &format!("{en} Then ask for the file once more; Meta keeps it for seven days."),
            es: &format!("{es} Después pide el archivo una vez más; Meta lo guarda siete días."),
        }
        .into()
    }

    /// Meta named an address that is not its own.
    pub fn foreign_url() -> Self {
        Entry {
            word: Word::ForeignUrl,
            title: "Meta named an address that is not Meta's",
            message: "The address of the file is not one of Meta's, so nothing was asked there.",
            en: "Ask whoever sent it to send it again; whoever runs this server checks WAZAPP_GRAPH_URL.",
            es: "Pide a quien lo envió que lo envíe otra vez; quien administra este servidor revisa WAZAPP_GRAPH_URL.",
        }
        .into()
    }

    /// It is longer than this server keeps.
    pub fn too_large(limit: u64) -> Self {
        Entry {
            word: Word::TooLarge,
            title: "It is too large",
            message: &format!("The file is longer than {limit} bytes, the most that this server keeps."),
            en: "Whoever runs this server can raise WAZAPP_MEDIA_MAX_BYTES; then ask for the file once more.",
            es: "Quien administra este servidor puede subir WAZAPP_MEDIA_MAX_BYTES; después, pide el archivo una vez más.",
        }
        .into()
    }

    /// It broke off.
    pub fn broken(message: &str) -> Self {
        Entry {
            word: Word::Broken,
            title: "It did not come whole",
            message,
            en: "It is tried again by itself.",
            es: "Se intenta otra vez solo.",
        }
        .into()
    }

    /// The store did not take it.
    pub fn not_stored() -> Self {
        Entry {
            word: Word::Store,
            title: "It could not be stored",
            message: "This server could not store the file. It is tried again by itself.",
            en: "If this goes on, whoever runs this server finds the reason in its log.",
            es: "Si continúa, quien administra este servidor encuentra la causa en su registro.",
        }
        .into()
    }

    /// The database did not take it.
    pub fn not_noted() -> Self {
        Entry {
            word: Word::Busy,
            title: "It could not be noted",
            message: "This server could not note the file. It is tried again by itself.",
            en: "Nothing is to be done.",
            es: "No hay nada que hacer.",
        }
        .into()
    }
}

/// What is read from Meta.
impl Trouble {
    /// Meta gave no answer to a question, which is asked again.
    pub fn unanswered(message: impl Display) -> Self {
        Entry {
            word: Word::NoAnswer,
            title: "Meta did not answer",
            message: &message.to_string(),
            en: "It is tried again by itself; if this goes on, whoever runs this server checks its network.",
            es: "Se intenta otra vez solo; si continúa, quien administra este servidor revisa su red.",
        }
        .into()
    }

    /// Meta's list of templates does not end.
    pub fn endless_list() -> Self {
        Entry {
            word: Word::Endless,
            title: "Endless list",
            message: "Meta's list of templates does not end.",
            en: "What came was kept. It is read again by itself; if this goes on, ask Meta's support.",
            es: "Lo que llegó se guardó. Se lee otra vez solo; si continúa, consulta al soporte de Meta.",
        }
        .into()
    }
}

/// What endpoints are told.
impl Trouble {
    /// An endpoint took nothing since then, and was turned off.
    pub fn endpoint_failing(since: Timestamp, status: Option<u16>, error: Option<&str>) -> Self {
        let last = match (status, error) {
            (Some(status), _) => format!("It answered {status} at the end."),
            (None, why) => format!("It gave no answer at the end: {}.", why.unwrap_or("none came")),
        };
        Entry {
            word: Word::EndpointFailing,
            title: "Endpoint turned off",
            message: &format!("Every call since {since} failed. {last}"),
            en: "Nothing is lost: mend the endpoint and turn it on again, and it is told what it missed.",
            es: "No se perdió nada: arregla el endpoint y vuelve a encenderlo, y recibirá lo que le faltó.",
        }
        .into()
    }

    /// An endpoint answered that it is gone.
    pub fn endpoint_gone() -> Self {
        Entry {
            word: Word::EndpointGone,
            title: "Endpoint gone",
            message: "It answered 410: it wants to hear nothing any more.",
            en: "Delete it, or turn it on again if that was a mistake.",
            es: "Bórralo, o vuelve a encenderlo si fue un error.",
        }
        .into()
    }
}

/// What is mailed to people.
impl Trouble {
    /// The mail server refuses the recipient, or what is written to them, in these words.
    pub fn mail_refused(words: &str) -> Self {
        Entry {
            word: Word::MailRefused,
            title: "Mail refused",
            message: &format!("The mail server refuses this mail: {words}"),
            en: "Check the address, or hand over a link yourself.",
            es: "Revisa la dirección, o entrega tú un enlace.",
        }
        .into()
    }

    /// The mail server did not get as far as the recipient.
    pub fn mail_not_sent(why: &str) -> Self {
        Entry {
            word: Word::MailNotSent,
            title: "Mail not sent yet",
            message: why,
            en: "It is tried again by itself, for a day. If this goes on, whoever runs this server finds the reason with \
                 `wazapp doctor`.",
            es: "Se intenta otra vez solo, durante un día. Si continúa, quien administra este servidor encuentra la causa con \
                 `wazapp doctor`.",
        }
        .into()
    }
}
