//! Codes of sends and of messages: limits, recipients, windows, media, groups.

use super::WhoseMove::{Customer, Meta, Nobody, Operator, Organization};
use super::row::Rule::{Ask, GiveUp, HoldAccount, HoldNumber, RestNumber, RestPair, Retry, Settle};
use super::row::{Growth, Row, row, rows};

const DAY: u64 = 24 * 3_600;

/// The service is down: minutes at most.
const SERVICE: Growth = Growth::doubling(2, 300);

pub(super) static ROWS: &[Row] = &[
    row(
        130_403,
        Ask,
        Organization,
        "This number blocks the customer. Unblock them first, if they should be written to.",
        "Este número tiene bloqueado al cliente. Desbloquéalo primero, si quieres escribirle.",
    ),
    row(
        130_429,
        RestNumber(Growth::doubling(1, 60)),
        Nobody,
        "The number sends more in a second than Meta allows it. It goes on by itself, more slowly.",
        "El número envía más por segundo de lo que Meta le permite. Continúa solo, más despacio.",
    ),
    row(
        130_472,
        GiveUp,
        Nobody,
        "Meta did not deliver this, because the customer is part of an experiment of Meta's in which marketing messages \
         are held back. It was not charged. Wait until they write, or reach them another way.",
        "Meta no entregó esto porque el cliente participa en un experimento de Meta que retiene mensajes de marketing. \
         No se cobró. Espera a que escriba, o contáctalo por otro medio.",
    ),
    row(
        130_497,
        GiveUp,
        Organization,
        "Meta does not let this business write to people in the customer's country. See Meta's messaging policy for \
         which businesses may.",
        "Meta no permite que este negocio escriba a personas del país del cliente. La política de mensajería de Meta \
         dice qué negocios pueden.",
    ),
    row(
        130_501,
        GiveUp,
        Customer,
        "The customer sent a kind of message that Meta does not hand on. Ask them to send it another way.",
        "El cliente envió un tipo de mensaje que Meta no transmite. Pídele que lo envíe de otra forma.",
    ),
    row(
        131_000,
        Settle,
        Meta,
        "Something went wrong at Meta, and it does not say what. If this message was sent after all, its status will \
         say so; if it failed, send it again by hand.",
        "Algo falló en Meta, y no dice qué. Si este mensaje se envió de todos modos, su estado lo dirá; si falló, \
         reenvíalo a mano.",
    ),
    row(
        131_005,
        HoldNumber,
        Organization,
        "The access token lacks the permission to send, or it was taken away. Connect the number again and grant what \
         is asked for.",
        "Al token de acceso le falta el permiso para enviar, o se lo quitaron. Conecta el número de nuevo y concede lo \
         que se pide.",
    ),
    row(
        131_008,
        Ask,
        Organization,
        "Something that this message needs is missing. Meta's details say what; add it and send again.",
        "A este mensaje le falta algo necesario. Los detalles de Meta dicen qué; agrégalo y envía de nuevo.",
    ),
    row(
        131_009,
        Ask,
        Organization,
        "Something in this message has a value that Meta does not accept, or the recipient's number is wrong. Meta's \
         details say what; mend it and send again.",
        "Algo en este mensaje tiene un valor que Meta no acepta, o el número del destinatario está mal. Los detalles de \
         Meta dicen qué; corrígelo y envía de nuevo.",
    ),
    row(
        131_014,
        Ask,
        Organization,
        "Meta could not fetch the file from its link. Check that the link opens without a login, and send again.",
        "Meta no pudo descargar el archivo de su enlace. Revisa que el enlace abra sin iniciar sesión y envía de nuevo.",
    ),
    row(
        131_016,
        Retry(SERVICE),
        Meta,
        "A service of Meta's is down for the moment. It is tried again by itself.",
        "Un servicio de Meta está caído por el momento. Se reintenta solo.",
    ),
    row(
        131_020,
        Ask,
        Organization,
        "The group has no member but the business, so nobody would get this. Invite someone first.",
        "El grupo no tiene más miembro que el negocio, así que nadie lo recibiría. Invita primero a alguien.",
    ),
    row(
        131_021,
        GiveUp,
        Organization,
        "The recipient is the sending number itself. Choose another recipient.",
        "El destinatario es el mismo número que envía. Elige otro destinatario.",
    ),
    row(
        131_026,
        GiveUp,
        Customer,
        "Meta could not deliver this: the number is not on WhatsApp, its app is too old, or the person has not accepted \
         WhatsApp's terms. Check the number, or reach them another way.",
        "Meta no pudo entregar esto: el número no está en WhatsApp, su app es muy antigua o la persona no aceptó los \
         términos de WhatsApp. Revisa el número, o contáctala por otro medio.",
    ),
    row(
        131_030,
        Ask,
        Operator,
        "A test number writes only to the five recipients on its list at Meta. Add this one to the list, spelt as \
         the message was sent to it (the list may have +54 11 … or +52 1 … where it says +54 9 11 … or +52 …), or use a \
         real number.",
        "Un número de prueba solo escribe a los cinco destinatarios de su lista en Meta. Agrega este a la lista, escrito \
         como en el envío (la lista puede tener +54 11 … o +52 1 … donde dice +54 9 11 … o +52 …), o usa un número real.",
    ),
    row(
        131_031,
        HoldAccount,
        Organization,
        "Meta has locked the account: a policy was broken, or its two-step PIN was wrong. See Account Quality in Meta \
         Business Suite, and let the account go on here once it is open again.",
        "Meta bloqueó la cuenta: se incumplió una política, o su PIN de dos pasos no coincide. Mira Calidad de la \
         cuenta en Meta Business Suite, y reanuda la cuenta aquí cuando se reabra.",
    ),
    rows(
        131_035,
        131_036,
        Ask,
        Organization,
        "The number is set to keep no messages at Meta, and this one is there no longer. It can't be had any more.",
        "El número está configurado para no guardar mensajes en Meta, y este ya no está allí. Ya no se puede recuperar.",
    ),
    row(
        131_037,
        HoldNumber,
        Organization,
        "Meta has not yet approved this number's display name. Set one in WhatsApp Manager and wait for the approval.",
        "Meta aún no aprobó el nombre visible de este número. Ponle uno en el Administrador de WhatsApp y espera la \
         aprobación.",
    ),
    row(
        131_041,
        Ask,
        Organization,
        "Meta does not know this group: it was deleted, or belongs to another number.",
        "Meta no conoce este grupo: se borró, o es de otro número.",
    ),
    row(
        131_042,
        HoldAccount,
        Organization,
        "Meta can't charge for messages: there is a problem with the payment method, the credit line or the account's \
         currency and time zone. Mend it under Payment settings in Meta Business Suite, then let the account go on here.",
        "Meta no puede cobrar los mensajes: hay un problema con el método de pago, la línea de crédito, o la moneda y \
         zona horaria de la cuenta. Arréglalo en Configuración de pagos de Meta Business Suite y reanuda la cuenta aquí.",
    ),
    row(
        131_044,
        HoldAccount,
        Organization,
        "Meta can't charge for calls: there is a problem with the account's payment method. Mend it under Payment \
         settings in Meta Business Suite, then let the account go on here.",
        "Meta no puede cobrar las llamadas: hay un problema con el método de pago de la cuenta. Arréglalo en \
         Configuración de pagos de Meta Business Suite y reanuda la cuenta aquí.",
    ),
    row(
        131_045,
        HoldNumber,
        Organization,
        "The number is not properly registered with Meta. Register it again.",
        "El número no está bien registrado en Meta. Regístralo de nuevo.",
    ),
    row(
        131_047,
        Ask,
        Organization,
        "The customer last wrote more than 24 hours ago, so free messages can't reach them. Send a template; once they \
         answer, you can write freely again.",
        "El cliente escribió por última vez hace más de 24 horas, así que no se le puede escribir libremente. Envía una \
         plantilla; cuando responda, podrás volver a escribirle.",
    ),
    row(
        131_048,
        HoldNumber,
        Organization,
        "Meta holds this number back, because too many people blocked it or marked its messages as spam. Sending on \
         makes it worse: look at its quality in WhatsApp Manager, and let it go on here when you know why.",
        "Meta frena este número, porque demasiadas personas lo bloquearon o marcaron sus mensajes como spam. Seguir \
         enviando lo empeora: mira su calidad en el Administrador de WhatsApp, y reanúdalo aquí cuando sepas la causa.",
    ),
    row(
        131_049,
        Retry(Growth::doubling(DAY, 7 * DAY)),
        Nobody,
        "Meta held this back, because the customer has had enough marketing messages for now. It makes no sense to try \
         before a day has passed, and then less and less often.",
        "Meta retuvo esto porque el cliente ya recibió suficientes mensajes de marketing por ahora. No tiene sentido \
         reintentar antes de un día, y después cada vez con menos frecuencia.",
    ),
    row(
        131_050,
        GiveUp,
        Customer,
        "The customer does not want marketing messages from this business any more. Send them none until they ask for \
         them again.",
        "El cliente ya no quiere mensajes de marketing de este negocio. No le envíes más hasta que los vuelva a pedir.",
    ),
    row(
        131_051,
        GiveUp,
        Organization,
        "Meta does not support this kind of message. Send it in another form.",
        "Meta no admite este tipo de mensaje. Envíalo de otra forma.",
    ),
    row(
        131_052,
        Ask,
        Customer,
        "Meta could not fetch the file that the customer sent; it may be too large. Ask them to send it again.",
        "Meta no pudo obtener el archivo que envió el cliente; quizá es muy grande. Pídele que lo envíe de nuevo.",
    ),
    row(
        131_053,
        Ask,
        Organization,
        "Meta could not take the file: its type, its size or its content does not fit, or its link does not open. \
         Choose another file and send again.",
        "Meta no pudo tomar el archivo: su tipo, su tamaño o su contenido no sirve, o su enlace no abre. Elige otro \
         archivo y envía de nuevo.",
    ),
    row(
        131_055,
        Ask,
        Operator,
        "This kind of message can't go by Meta's API for marketing messages. It must go by the ordinary one.",
        "Este tipo de mensaje no puede ir por la API de mensajes de marketing de Meta. Debe ir por la normal.",
    ),
    row(
        131_056,
        RestPair(Growth::fourfold(4_096)),
        Nobody,
        "This number has written to this customer too often in a short time: one message in six seconds. It goes on by \
         itself a little later.",
        "Este número le escribió a este cliente demasiado seguido: se permite un mensaje cada seis segundos. Continúa \
         solo un poco más tarde.",
    ),
    row(
        131_057,
        RestNumber(Growth::doubling(15, 120)),
        Meta,
        "Meta is working on the account, as when it raises its throughput; that takes a minute. It goes on by itself.",
        "Meta está trabajando en la cuenta, como cuando aumenta su velocidad; tarda un minuto. Continúa sola.",
    ),
    row(
        131_059,
        Ask,
        Operator,
        "The list of groups was asked for from a place that Meta does not know. Start again from its beginning.",
        "Se pidió la lista de grupos desde un lugar que Meta no conoce. Empieza de nuevo desde el principio.",
    ),
    row(
        131_060,
        GiveUp,
        Customer,
        "This was sent from a linked device that Meta does not support, so its content can't be had. Ask for it to be \
         sent from the phone.",
        "Esto se envió desde un dispositivo vinculado que Meta no admite, así que su contenido no se puede obtener. \
         Pide que se envíe desde el teléfono.",
    ),
    row(
        131_062,
        Ask,
        Organization,
        "This message needs the customer's phone number, and only their user id is known. Ask them to share their \
         number, or send another kind of message.",
        "Este mensaje necesita el número de teléfono del cliente, y solo se conoce su id de usuario. Pídele que \
         comparta su número, o envía otro tipo de mensaje.",
    ),
    row(
        131_063,
        Ask,
        Operator,
        "Marketing templates of this account go by Meta's API for marketing messages only. Turn that on, or allow them \
         on the Cloud API in WhatsApp Manager.",
        "Las plantillas de marketing de esta cuenta solo van por la API de mensajes de marketing de Meta. Actívala, o \
         permítelas en la Cloud API desde el Administrador de WhatsApp.",
    ),
    row(
        131_064,
        HoldAccount,
        Organization,
        "Meta limits the account, because templates were filed under the wrong category. Put their categories right in \
         WhatsApp Manager, then let the account go on here.",
        "Meta limita la cuenta porque hay plantillas en la categoría equivocada. Corrige sus categorías en el \
         Administrador de WhatsApp y reanuda la cuenta aquí.",
    ),
    row(
        131_201,
        Ask,
        Organization,
        "Meta could not do this to the group. Its details say why.",
        "Meta no pudo hacer esto con el grupo. Sus detalles dicen por qué.",
    ),
    row(
        131_202,
        Ask,
        Organization,
        "This was done for some members of the group only. Look at the group, and do the rest again.",
        "Esto se hizo solo para algunos miembros del grupo. Mira el grupo y repite lo que falta.",
    ),
    row(
        131_203,
        Ask,
        Organization,
        "A person is named twice. Name each member of the group once.",
        "Una persona está repetida. Nombra a cada miembro del grupo una sola vez.",
    ),
    row(
        131_204,
        Ask,
        Organization,
        "A group has eight members at most. Take someone out first.",
        "Un grupo tiene como máximo ocho miembros. Saca primero a alguien.",
    ),
    rows(
        131_205,
        131_206,
        Ask,
        Organization,
        "Meta does not accept this for the group. Its details say why.",
        "Meta no acepta esto para el grupo. Sus detalles dicen por qué.",
    ),
    row(
        131_207,
        Ask,
        Organization,
        "Meta has suspended the group. See Account Quality in Meta Business Suite.",
        "Meta suspendió el grupo. Mira Calidad de la cuenta en Meta Business Suite.",
    ),
    row(
        131_208,
        Retry(Growth::doubling(60, 3_600)),
        Nobody,
        "Too much was changed in groups in a short time. It is tried again by itself a little later.",
        "Se cambiaron demasiadas cosas en grupos en poco tiempo. Se reintenta solo un poco más tarde.",
    ),
    rows(
        131_209,
        131_210,
        Ask,
        Organization,
        "Meta does not accept the group's picture. Choose a square JPEG of another size.",
        "Meta no acepta la imagen del grupo. Elige un JPEG cuadrado de otro tamaño.",
    ),
    row(
        131_211,
        Ask,
        Organization,
        "The number has as many groups as Meta allows. Delete one first.",
        "El número tiene tantos grupos como Meta permite. Borra uno primero.",
    ),
    row(131_212, Ask, Organization, "This person is not in the group.", "Esta persona no está en el grupo."),
    row(
        131_213,
        Ask,
        Organization,
        "There is no request of this person to join the group; they may have withdrawn it.",
        "No hay una solicitud de esta persona para unirse al grupo; quizá la retiró.",
    ),
    row(
        131_214,
        Ask,
        Organization,
        "Meta does not let this number make groups for now.",
        "Por ahora Meta no permite que este número cree grupos.",
    ),
    row(
        131_215,
        Ask,
        Organization,
        "This number may not use groups: Meta opens them to official business accounts.",
        "Este número no puede usar grupos: Meta los abre a cuentas oficiales de empresa.",
    ),
    row(
        137_000,
        Ask,
        Organization,
        "The customer's WhatsApp was set up anew, perhaps by somebody else, so this was held back. Make sure who it is, \
         then send again.",
        "El WhatsApp del cliente se configuró de nuevo, quizá por otra persona, así que esto se retuvo. Asegúrate de \
         quién es y envía de nuevo.",
    ),
    row(
        135_000,
        Ask,
        Organization,
        "Meta did not accept this message, and does not say why. Look whether its parts are right and send again.",
        "Meta no aceptó este mensaje, y no dice por qué. Revisa que sus partes sean correctas y envía de nuevo.",
    ),
    row(
        139_200,
        Ask,
        Organization,
        "Meta has blocked Direct Send for the account, as after marketing sent as utility. Use an approved template.",
        "Meta bloqueó Direct Send para la cuenta, como tras enviar marketing como utilidad. Usa una plantilla aprobada.",
    ),
    row(
        2_494_100,
        RestNumber(Growth::doubling(60, 600)),
        Meta,
        "Meta is working on the number; that takes minutes. It goes on by itself.",
        "Meta está trabajando en el número; tarda unos minutos. Continúa solo.",
    ),
    row(
        2_494_191,
        Ask,
        Organization,
        "Another App or agent holds this conversation and does not let it be taken over now.",
        "Otra App o agente tiene esta conversación y ahora no permite tomarla.",
    ),
];
