//! Codes of numbers and accounts: registration, PINs, blocks, usernames, migration, coexistence.

use super::WhoseMove::{Meta, Nobody, Operator, Organization};
use super::row::Rule::{Ask, GiveUp, HoldNumber, Retry};
use super::row::{Growth, Row, row, rows};

pub(super) static ROWS: &[Row] = &[
    row(
        133_000,
        Ask,
        Organization,
        "Closing the number at Meta has not come to its end. Deregister it once more.",
        "El cierre del número en Meta no terminó. Da de baja el número otra vez.",
    ),
    row(
        133_004,
        Retry(Growth::doubling(2, 300)),
        Meta,
        "Meta's server is not available for the moment. It is tried again by itself.",
        "El servidor de Meta no está disponible por el momento. Se reintenta solo.",
    ),
    row(
        133_005,
        Ask,
        Organization,
        "The PIN is not the number's. Enter the right one, or reset it in WhatsApp Manager.",
        "El PIN no es el del número. Escribe el correcto, o restablécelo en el Administrador de WhatsApp.",
    ),
    row(
        133_006,
        HoldNumber,
        Organization,
        "The number must be verified again before it can be registered. Ask for a code by SMS or call and enter it.",
        "El número debe verificarse otra vez antes de registrarlo. Pide un código por SMS o llamada y escríbelo.",
    ),
    row(
        133_008,
        Ask,
        Organization,
        "The PIN was guessed wrong too often. Wait as long as Meta's details say, then enter the right one.",
        "El PIN se escribió mal demasiadas veces. Espera lo que digan los detalles de Meta y escribe el correcto.",
    ),
    row(
        133_009,
        Ask,
        Organization,
        "The PIN was entered too often in a short time. Wait a moment, then enter the right one.",
        "El PIN se escribió demasiadas veces seguidas. Espera un momento y escribe el correcto.",
    ),
    row(
        133_010,
        HoldNumber,
        Organization,
        "The number is not registered with Meta's Cloud API. Register it, then let it go on here.",
        "El número no está registrado en la Cloud API de Meta. Regístralo y reanúdalo aquí.",
    ),
    row(
        133_015,
        Retry(Growth::always(300)),
        Meta,
        "The number was deleted a moment ago; Meta needs five minutes before it can be registered again.",
        "El número se borró hace un momento; Meta necesita cinco minutos antes de poder registrarlo de nuevo.",
    ),
    row(
        133_016,
        Ask,
        Organization,
        "The number was registered or deregistered ten times in 72 hours. Wait until these are over.",
        "El número se registró o dio de baja diez veces en 72 horas. Espera a que pasen.",
    ),
    row(
        136_024,
        Ask,
        Organization,
        "Meta did not send a code: too many were asked for, or the number is verified already. Try again later.",
        "Meta no envió un código: se pidieron demasiados, o el número ya está verificado. Inténtalo más tarde.",
    ),
    row(
        136_025,
        Ask,
        Organization,
        "The code is wrong or too old. Enter the newest one, or ask for another.",
        "El código es incorrecto o muy antiguo. Escribe el más reciente, o pide otro.",
    ),
    row(
        139_100,
        Ask,
        Organization,
        "Some of these people could not be blocked or unblocked; only who wrote in the last 24 hours can be blocked.",
        "Algunas de estas personas no se pudieron bloquear o desbloquear; solo se puede bloquear a quien escribió en las \
         últimas 24 horas.",
    ),
    row(
        139_101,
        Ask,
        Organization,
        "The number's block list is full: it holds 64,000 people. Unblock some first.",
        "La lista de bloqueados del número está llena: caben 64.000 personas. Desbloquea primero a algunas.",
    ),
    row(
        139_102,
        Retry(Growth::doubling(1, 60)),
        Nobody,
        "The block list was changed by somebody else at the same moment. It is tried again by itself.",
        "Otra persona cambió la lista de bloqueados en el mismo momento. Se reintenta solo.",
    ),
    row(
        139_103,
        Retry(Growth::doubling(5, 300)),
        Meta,
        "Something went wrong at Meta with the block list. It is tried again by itself.",
        "Algo falló en Meta con la lista de bloqueados. Se reintenta solo.",
    ),
    rows(
        141_000,
        141_999,
        Ask,
        Organization,
        "Meta reports a problem with the health of the number, its account or its business. See the details in WhatsApp \
         Manager.",
        "Meta informa de un problema con el estado del número, su cuenta o su negocio. Mira los detalles en el \
         Administrador de WhatsApp.",
    ),
    rows(
        147_001,
        147_005,
        Ask,
        Organization,
        "Meta does not accept this username: it is taken, not well-formed, not allowed, or belongs to another number. \
         Choose another.",
        "Meta no acepta este nombre de usuario: está ocupado, mal escrito, no permitido, o es de otro número. Elige \
         otro.",
    ),
    row(
        2_388_001,
        Ask,
        Organization,
        "Meta can't move the number now. Look whether its two-step PIN is turned off and its account is approved.",
        "Meta no puede mover el número ahora. Revisa que su PIN de dos pasos esté desactivado y su cuenta aprobada.",
    ),
    row(
        2_388_012,
        Ask,
        Organization,
        "The number belongs to another account already. Take it out there, or migrate it.",
        "El número ya está en otra cuenta. Quítalo de allí, o mígralo.",
    ),
    row(
        2_388_091,
        Ask,
        Organization,
        "Too many codes were asked for to move this number. Try again later.",
        "Se pidieron demasiados códigos para mover este número. Inténtalo más tarde.",
    ),
    row(
        2_388_093,
        Ask,
        Organization,
        "The number can't be moved, because its two-step PIN is turned on. Turn it off where the number is now.",
        "El número no se puede mover porque su PIN de dos pasos está activado. Desactívalo donde está ahora el número.",
    ),
    row(
        2_388_103,
        Ask,
        Organization,
        "The account that the number should move to is not ready: its review, its payment method or its currency does \
         not fit. Mend that first.",
        "La cuenta a la que debe pasar el número no está lista: su revisión, su método de pago o su moneda no encaja. \
         Arréglalo primero.",
    ),
    row(
        2_593_079,
        Ask,
        Operator,
        "The account can't be handed over between partners like this. Meta's details say why.",
        "La cuenta no se puede traspasar así entre socios. Los detalles de Meta dicen por qué.",
    ),
    row(
        2_593_085,
        Ask,
        Operator,
        "A hand-over of this account between partners is under way already, or was answered. Look at it at Meta.",
        "Ya hay un traspaso de esta cuenta entre socios en curso, o ya se respondió. Míralo en Meta.",
    ),
    row(
        2_593_107,
        GiveUp,
        Nobody,
        "The phone's contacts or history were asked for already; Meta gives them once. To get them again, disconnect \
         the number in the WhatsApp Business app and connect it anew.",
        "Los contactos o el historial del teléfono ya se pidieron; Meta los da una vez. Para obtenerlos de nuevo, \
         desconecta el número en la app WhatsApp Business y conéctalo otra vez.",
    ),
    row(
        2_593_108,
        GiveUp,
        Nobody,
        "The phone's contacts or history must be asked for within 24 hours of connecting. To get them, disconnect the \
         number in the WhatsApp Business app and connect it anew.",
        "Los contactos o el historial del teléfono deben pedirse dentro de las 24 horas de conectar. Para obtenerlos, \
         desconecta el número en la app WhatsApp Business y conéctalo otra vez.",
    ),
    row(
        2_593_109,
        GiveUp,
        Organization,
        "The owner chose not to share the phone's history. Older conversations stay on the phone alone.",
        "El dueño eligió no compartir el historial del teléfono. Las conversaciones anteriores quedan solo en el \
         teléfono.",
    ),
];
