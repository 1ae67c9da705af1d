//! Codes of the Graph API as a whole: tokens, permissions, limits on calls.

use super::WhoseMove::{Meta, Operator, Organization};
use super::row::Rule::{Ask, HoldAccount, HoldNumber, RestAccount, Retry, Settle};
use super::row::{Growth, Row, row, rows};

/// Limits on calls are counted over an hour.
const HOURLY: Growth = Growth::doubling(30, 3_600);

/// Subcodes that say more than their code.
pub(super) static SUBCODES: &[(i64, Row)] = &[
    (
        100,
        row(
            33,
            HoldNumber,
            Organization,
            "Meta does not find this object, or the token may not see it: it was deleted, moved to another account, or \
             the access was withdrawn. Check the number at Meta and connect it again.",
            "Meta no encuentra este objeto, o el token no puede verlo: se borró, pasó a otra cuenta o se retiró el \
             acceso. Revisa el número en Meta y conéctalo de nuevo.",
        ),
    ),
    (
        190,
        row(
            458,
            HoldNumber,
            Organization,
            "The App was removed from the business, so its token is worth nothing. Connect the number again.",
            "La App se quitó del negocio, así que su token ya no vale. Conecta el número de nuevo.",
        ),
    ),
    (
        190,
        row(
            460,
            HoldNumber,
            Organization,
            "Meta ended the access token, for instance because a password was changed. Connect the number again.",
            "Meta anuló el token de acceso, por ejemplo porque se cambió una contraseña. Conecta el número de nuevo.",
        ),
    ),
    (
        190,
        row(
            463,
            HoldNumber,
            Organization,
            "The access token has expired. Connect the number again, best with a token that does not expire.",
            "El token de acceso caducó. Conecta el número de nuevo, mejor con un token que no caduque.",
        ),
    ),
    (
        190,
        row(
            467,
            HoldNumber,
            Organization,
            "The access token was revoked. Connect the number again.",
            "El token de acceso se revocó. Conecta el número de nuevo.",
        ),
    ),
];

pub(super) static ROWS: &[Row] = &[
    row(
        0,
        HoldNumber,
        Organization,
        "Meta does not accept the access token. Nothing is sent from this number until it is connected again.",
        "Meta no acepta el token de acceso. No se envía nada desde este número hasta que se conecte de nuevo.",
    ),
    row(
        1,
        Settle,
        Meta,
        "Something went wrong at Meta, and it does not say whether this was carried out. It is not sent again by \
         itself; if it was sent, its status will say so.",
        "Algo falló en Meta, y no dice si esto se llegó a hacer. No se reenvía solo; si se envió, su estado lo dirá.",
    ),
    row(
        2,
        Retry(Growth::doubling(1, 300)),
        Meta,
        "Meta is down or overloaded for the moment. It is tried again by itself.",
        "Meta está caída o saturada por el momento. Se reintenta solo.",
    ),
    row(
        3,
        Ask,
        Operator,
        "The App may not use this function of Meta's. Check its permissions and features in the App dashboard.",
        "La App no puede usar esta función de Meta. Revisa sus permisos y funciones en el panel de la App.",
    ),
    row(
        4,
        RestAccount(HOURLY),
        Meta,
        "The App has made too many calls to Meta in the last hour. It goes on by itself a little later.",
        "La App hizo demasiadas llamadas a Meta en la última hora. Continúa solo un poco más tarde.",
    ),
    row(
        10,
        HoldNumber,
        Organization,
        "The access token lacks a permission that this needs. Connect the number again and grant what is asked for.",
        "Al token de acceso le falta un permiso que esto necesita. Conecta el número de nuevo y concede lo que se pide.",
    ),
    row(
        15,
        Ask,
        Operator,
        "This call is for the App's own token, and came with another. It is a mistake of this server's.",
        "Esta llamada es para el token de la propia App, y vino con otro. Es un error de este servidor.",
    ),
    row(
        17,
        RestAccount(HOURLY),
        Meta,
        "The token's user has made too many calls to Meta in the last hour. It goes on by itself a little later.",
        "El usuario del token hizo demasiadas llamadas a Meta en la última hora. Continúa solo un poco más tarde.",
    ),
    row(
        33,
        HoldNumber,
        Organization,
        "Meta does not know this number: it was deleted, or its id is wrong. Check it at Meta and connect it again.",
        "Meta no conoce este número: se borró o su id está mal. Revísalo en Meta y conéctalo de nuevo.",
    ),
    row(
        100,
        Ask,
        Organization,
        "Meta found something in this request that it does not accept. Its details say what; mend that and send again.",
        "Meta encontró en esta petición algo que no acepta. Sus detalles dicen qué; corrígelo y envía de nuevo.",
    ),
    row(
        101,
        Ask,
        Operator,
        "Meta does not know the App: its id or its secret is wrong. Check both in the configuration.",
        "Meta no conoce la App: su id o su secreto está mal. Revisa ambos en la configuración.",
    ),
    row(
        104,
        HoldNumber,
        Organization,
        "This number has no access token. Connect it again.",
        "Este número no tiene token de acceso. Conéctalo de nuevo.",
    ),
    row(
        190,
        HoldNumber,
        Organization,
        "The access token is not valid, or no longer. Nothing is sent from this number until it is connected again.",
        "El token de acceso no es válido, o ya no lo es. No se envía nada desde este número hasta que se conecte de \
         nuevo.",
    ),
    rows(
        200,
        299,
        HoldNumber,
        Organization,
        "The access token lacks a permission, or the App is not linked to the account. Connect the number again and \
         grant what is asked for.",
        "Al token de acceso le falta un permiso, o la App no está vinculada a la cuenta. Conecta el número de nuevo y \
         concede lo que se pide.",
    ),
    row(
        368,
        HoldAccount,
        Organization,
        "Meta has blocked the account for a time, because it broke a policy. See Account Quality in Meta Business \
         Suite, and let the account go on here once the block is over.",
        "Meta bloqueó la cuenta por un tiempo, por incumplir una política. Mira Calidad de la cuenta en Meta Business \
         Suite, y reanuda la cuenta aquí cuando termine el bloqueo.",
    ),
    row(
        613,
        Retry(HOURLY),
        Meta,
        "Too many calls of this kind were made to Meta. It is tried again by itself a little later.",
        "Se hicieron demasiadas llamadas de este tipo a Meta. Se reintenta solo un poco más tarde.",
    ),
    row(
        803,
        Ask,
        Organization,
        "Meta does not find what this is about: it was deleted, or its id is wrong.",
        "Meta no encuentra aquello de lo que se trata: se borró o su id está mal.",
    ),
    row(
        2200,
        Ask,
        Operator,
        "Meta called the webhook address and got no proper answer. Check that the address is public, has a valid \
         certificate, and that the verify token is the same on both sides.",
        "Meta llamó a la dirección del webhook y no recibió una respuesta correcta. Revisa que la dirección sea \
         pública, tenga un certificado válido y que el token de verificación sea el mismo en ambos lados.",
    ),
    row(
        2500,
        Ask,
        Operator,
        "Meta does not know this call. Check the Graph API's address and version in the configuration.",
        "Meta no conoce esta llamada. Revisa la dirección y la versión de la Graph API en la configuración.",
    ),
    rows(
        80_007,
        80_008,
        RestAccount(HOURLY),
        Meta,
        "The account has used up its calls to Meta for this hour. It goes on by itself a little later.",
        "La cuenta agotó sus llamadas a Meta de esta hora. Continúa sola un poco más tarde.",
    ),
];
