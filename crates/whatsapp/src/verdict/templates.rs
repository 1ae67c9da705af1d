//! Codes of templates, of flows, and of the API for marketing messages.

use super::WhoseMove::{Meta, Operator, Organization};
use super::row::Rule::{Ask, Retry};
use super::row::{Growth, Row, row, rows};

/// Meta says that templates reach its API for marketing messages within ten minutes.
const SYNCING: Growth = Growth::always(600);

pub(super) static ROWS: &[Row] = &[
    row(
        132_000,
        Ask,
        Organization,
        "The template has another number of variables than this message fills. Fill each of them and send again.",
        "La plantilla tiene otra cantidad de variables que las que llena este mensaje. Llénalas todas y envía de nuevo.",
    ),
    row(
        132_001,
        Ask,
        Organization,
        "There is no approved template of this name in this language. Choose another, or wait for its approval.",
        "No hay una plantilla aprobada con este nombre en este idioma. Elige otra, o espera su aprobación.",
    ),
    row(
        132_005,
        Ask,
        Organization,
        "With its variables filled in, the template's text is too long. Use shorter values.",
        "Con las variables puestas, el texto de la plantilla es demasiado largo. Usa valores más cortos.",
    ),
    row(
        132_007,
        Ask,
        Organization,
        "The template's content breaks a policy of Meta's. Its details say which; change the template.",
        "El contenido de la plantilla incumple una política de Meta. Sus detalles dicen cuál; cambia la plantilla.",
    ),
    row(
        132_008,
        Ask,
        Organization,
        "A variable of the template has a value that Meta does not accept, such as an empty one or one with line \
         breaks. Mend it and send again.",
        "Una variable de la plantilla tiene un valor que Meta no acepta, como uno vacío o con saltos de línea. \
         Corrígelo y envía de nuevo.",
    ),
    row(
        132_012,
        Ask,
        Organization,
        "A variable or a file of this message is of another kind than the template has in that place. Mend it and send \
         again.",
        "Una variable o un archivo de este mensaje es de otro tipo que el que la plantilla tiene en ese lugar. \
         Corrígelo y envía de nuevo.",
    ),
    row(
        132_015,
        Ask,
        Organization,
        "Meta has paused the template, because customers rated it badly. It goes on after some hours; better improve \
         it, or use another.",
        "Meta pausó la plantilla porque los clientes la calificaron mal. Vuelve tras unas horas; mejor mejórala, o usa \
         otra.",
    ),
    row(
        132_016,
        Ask,
        Organization,
        "Meta has disabled the template for good, because customers rated it badly. Make a new one with other content.",
        "Meta desactivó la plantilla para siempre porque los clientes la calificaron mal. Crea otra con otro contenido.",
    ),
    row(
        132_018,
        Ask,
        Organization,
        "The template's variables are not filled in as it needs them. Meta's details say what; mend it and send again.",
        "Las variables de la plantilla no están llenadas como necesita. Los detalles de Meta dicen qué; corrígelo y \
         envía de nuevo.",
    ),
    row(
        132_068,
        Ask,
        Organization,
        "Meta has blocked the flow, because its endpoint failed too often. Mend the flow in WhatsApp Manager.",
        "Meta bloqueó el flow porque su endpoint falló demasiado. Arregla el flow en el Administrador de WhatsApp.",
    ),
    row(
        132_069,
        Ask,
        Organization,
        "Meta lets the flow go out ten times an hour only, because its endpoint is failing. Mend the flow in WhatsApp \
         Manager.",
        "Meta solo deja salir el flow diez veces por hora, porque su endpoint está fallando. Arregla el flow en el \
         Administrador de WhatsApp.",
    ),
    row(
        134_011,
        Ask,
        Organization,
        "The terms for payments on WhatsApp have not been accepted. Accept them in WhatsApp Manager.",
        "No se aceptaron los términos de pagos en WhatsApp. Acéptalos en el Administrador de WhatsApp.",
    ),
    row(
        134_100,
        Ask,
        Operator,
        "Meta's API for marketing messages takes marketing templates only. This one must go by the ordinary API.",
        "La API de mensajes de marketing de Meta solo acepta plantillas de marketing. Esta debe ir por la API normal.",
    ),
    row(
        134_101,
        Retry(SYNCING),
        Meta,
        "The template is still on its way to Meta's API for marketing messages; that takes up to ten minutes. It is \
         tried again by itself.",
        "La plantilla todavía está llegando a la API de mensajes de marketing de Meta; tarda hasta diez minutos. Se \
         reintenta solo.",
    ),
    row(
        134_102,
        Ask,
        Organization,
        "The template can't go by Meta's API for marketing messages. Look at it in WhatsApp Manager, or use another.",
        "La plantilla no puede ir por la API de mensajes de marketing de Meta. Mírala en el Administrador de WhatsApp, \
         o usa otra.",
    ),
    rows(
        139_000,
        139_004,
        Ask,
        Organization,
        "Meta does not accept the flow, or what was to be done with it. Its details say why; mend it in WhatsApp \
         Manager.",
        "Meta no acepta el flow, o lo que se quería hacer con él. Sus detalles dicen por qué; arréglalo en el \
         Administrador de WhatsApp.",
    ),
    rows(
        200_005,
        200_007,
        Ask,
        Organization,
        "The statistics of templates are not available for this account, or were not turned on. Turn them on in \
         WhatsApp Manager.",
        "Las estadísticas de plantillas no están disponibles para esta cuenta, o no se activaron. Actívalas en el \
         Administrador de WhatsApp.",
    ),
    row(
        1_752_041,
        Ask,
        Operator,
        "Meta's API for marketing messages was asked for already. Wait for the first request to be done.",
        "La API de mensajes de marketing de Meta ya se había solicitado. Espera a que termine la primera solicitud.",
    ),
    row(
        2_388_019,
        Ask,
        Organization,
        "The account has as many templates as Meta allows. Delete some that are not used.",
        "La cuenta tiene tantas plantillas como Meta permite. Borra algunas que no se usen.",
    ),
    row(
        2_388_023,
        Ask,
        Organization,
        "A template of this name is being deleted; the name is free after 30 days. Choose another name.",
        "Una plantilla con este nombre se está borrando; el nombre queda libre tras 30 días. Elige otro nombre.",
    ),
    row(
        2_388_024,
        Ask,
        Organization,
        "There is a template of this name in this language already. Choose another name, or change that one.",
        "Ya hay una plantilla con este nombre en este idioma. Elige otro nombre, o cambia esa.",
    ),
    row(
        2_388_039,
        Ask,
        Organization,
        "The category of this template can't be changed. Make a new template instead.",
        "La categoría de esta plantilla no se puede cambiar. Crea una plantilla nueva.",
    ),
    row(
        2_388_040,
        Ask,
        Organization,
        "A part of the template is too long. Shorten it.",
        "Una parte de la plantilla es demasiado larga. Acórtala.",
    ),
    row(
        2_388_043,
        Ask,
        Organization,
        "A part of the template lacks something that it must have. Its details say what.",
        "A una parte de la plantilla le falta algo que debe tener. Sus detalles dicen qué.",
    ),
    row(
        2_388_047,
        Ask,
        Organization,
        "The template's header is not written as Meta wants it. Its details say why.",
        "El encabezado de la plantilla no está escrito como Meta lo quiere. Sus detalles dicen por qué.",
    ),
    row(
        2_388_072,
        Ask,
        Organization,
        "The template's body is not written as Meta wants it. Its details say why.",
        "El cuerpo de la plantilla no está escrito como Meta lo quiere. Sus detalles dicen por qué.",
    ),
    row(
        2_388_073,
        Ask,
        Organization,
        "The template's footer is not written as Meta wants it. Its details say why.",
        "El pie de la plantilla no está escrito como Meta lo quiere. Sus detalles dicen por qué.",
    ),
    row(
        2_388_293,
        Ask,
        Organization,
        "The template has too many variables for so little text. Write more, or use fewer variables.",
        "La plantilla tiene demasiadas variables para tan poco texto. Escribe más, o usa menos variables.",
    ),
    row(
        2_388_299,
        Ask,
        Organization,
        "The template's text begins or ends with a variable. Put words before and after it.",
        "El texto de la plantilla empieza o termina con una variable. Pon palabras antes y después.",
    ),
    row(
        2_388_318,
        Ask,
        Organization,
        "Meta made this template by itself for Direct Send; it can't be changed.",
        "Meta creó esta plantilla por sí misma para Direct Send; no se puede cambiar.",
    ),
    row(
        2_388_330,
        Ask,
        Organization,
        "Meta made this template by itself for Direct Send; it can't be deleted.",
        "Meta creó esta plantilla por sí misma para Direct Send; no se puede borrar.",
    ),
    row(
        2_593_002,
        Ask,
        Organization,
        "There is no template of this name; perhaps it was deleted already.",
        "No hay una plantilla con este nombre; quizá ya se borró.",
    ),
];
