# Lo que dicen las páginas, en español. Cada nombre está también en en.ftl.

## En todas partes
save = Guardar
cancel = Cancelar
back = Volver
change = Cambiar
remove = Quitar…
filter = Filtrar
older = Anteriores
copy = Copiar
copied = Copiado
name = Nombre
email = Correo
email-example = correo@ejemplo.mx
password = Contraseña
password-show = Mostrar la contraseña
password-hint = Al menos 10 caracteres. Una frase larga es mejor que signos raros.
language = Idioma
zone = Zona horaria
theme = Colores
theme-system = Como el sistema
theme-light = Claros
theme-dark = Oscuros
organization = Organización
your-name = Tu nombre
wait = Espera { $seconds } s.
skip-main = Ir al contenido
skip-list = Ir a las conversaciones
skip-messages = Ir a los mensajes
skip-write = Ir a escribir
nav-main = Principal
nav-organization = Organización: { $organization }
nav-no-organization = Sin organización
nav-you = Tu cuenta: { $name }
you = Tú
inbox = Bandeja
settings = Ajustes
go-inbox = Ir a la bandeja
go-sign-in = Ir a la entrada
go-members = Volver a las personas
go-keys = Volver a las claves
organization-only = No perteneces a otra organización.
api-docs = Documentación de la API

## Tiempo
now = ahora
minutes-ago = hace { $count } min
hours-ago = hace { $count } h
days-ago = { $count ->
    [one] hace { $count } día
   *[other] hace { $count } días
}
in-minutes = en { $count } min
in-hours = en { $count } h
in-days = { $count ->
    [one] en { $count } día
   *[other] en { $count } días
}
today = hoy
tomorrow = mañana
yesterday = ayer
day = { $weekday ->
    [1] lunes
    [2] martes
    [3] miércoles
    [4] jueves
    [5] viernes
    [6] sábado
   *[7] domingo
} { $day } { $month ->
    [1] ene
    [2] feb
    [3] mar
    [4] abr
    [5] may
    [6] jun
    [7] jul
    [8] ago
    [9] sep
    [10] oct
    [11] nov
   *[12] dic
}
day-of-year = { $weekday ->
    [1] lunes
    [2] martes
    [3] miércoles
    [4] jueves
    [5] viernes
    [6] sábado
   *[7] domingo
} { $day } { $month ->
    [1] ene
    [2] feb
    [3] mar
    [4] abr
    [5] may
    [6] jun
    [7] jul
    [8] ago
    [9] sep
    [10] oct
    [11] nov
   *[12] dic
} { $year }
short-day = { $day } { $month ->
    [1] ene
    [2] feb
    [3] mar
    [4] abr
    [5] may
    [6] jun
    [7] jul
    [8] ago
    [9] sep
    [10] oct
    [11] nov
   *[12] dic
}
length-minutes = { $count } min
length-hours = { $count } h
length-days = { $count } d
exact = { $day } { $month ->
    [1] ene
    [2] feb
    [3] mar
    [4] abr
    [5] may
    [6] jun
    [7] jul
    [8] ago
    [9] sep
    [10] oct
    [11] nov
   *[12] dic
} { $year }, { $time }

## Entrar
sign-in-title = Entrar
sign-in = Entrar
sign-in-mismatch = El correo o la contraseña no coinciden.
sign-out = Salir
password-forgotten = ¿Olvidaste la contraseña?
password-forgotten-how = Pide un enlace nuevo a quien administra el servidor: lo crea con esta orden, vale una sola vez y lleva a una página donde eliges otra contraseña.
password-forgotten-lead = Si tu cuenta tiene este correo, recibirás un enlace con el que eliges otra contraseña.
password-mail-link = Enviarme un enlace
password-mailed-title = Mira tu correo
password-mailed = Si hay una cuenta con ese correo, el enlace va en camino. Vale una vez, durante 2 horas. Si no llega, mira en el correo no deseado o pregunta a quien administra el servidor.
password-link-title = Elige una contraseña
password-link-lead = Para la cuenta { $email }. Al guardarla, se cierran sus demás sesiones.
password-new = Contraseña nueva
password-current = Contraseña actual
password-change = Cambiar la contraseña
password-ends-others = Al cambiarla, se cierran tus demás sesiones.

## Primer uso
set-up-title = Prepara tu servidor
set-up-lead = Crea tu cuenta, que lo administra, y la primera organización.
set-up-code = Código
set-up-code-hint = Lo muestra la terminal en la que arranca el servidor; también está en el archivo setup-code de su carpeta de datos.
set-up-begin = Empezar
set-up-wrong-code = Este no es el código. Cópialo de la terminal o del archivo setup-code.
set-up-done-title = El servidor ya está preparado
set-up-done = El código se usa una sola vez. Entra con tu cuenta.
welcome-title = Todo listo. ¿Por dónde empiezas?
welcome-lead = Puedes volver a cada paso desde los ajustes.
welcome-connect = Conectar número
welcome-connect-why = Recibe y contesta mensajes de tu número de WhatsApp. Tarda unos 10 minutos.
welcome-invite = Invitar al equipo
welcome-invite-why = Con un enlace por persona; no hace falta correo.
welcome-demo = Ver la demostración
welcome-demo-why = Una cafetería y una tienda con conversaciones de muestra. Nada sale a WhatsApp.
demo-lead = Una cafetería y una tienda con clientes, mensajes y errores de muestra, y un WhatsApp simulado al lado.
demo-how = Se abre en un servidor aparte, en esta u otra máquina, y no toca tus datos:

## Invitaciones
invitation-title = Invitación
invitation-says = { $inviter } te invita a atender a los clientes de { $organization }.
invitation-holds = { $days ->
    [0] El enlace caduca hoy.
    [one] El enlace caduca en { $days } día.
   *[other] El enlace caduca en { $days } días.
}
invitation-as = Aceptas con tu cuenta { $email } ({ $name }).
invitation-not-you = ¿No eres tú? Sal primero y vuelve a abrir el enlace.
invitation-accept = Aceptar la invitación
invitation-join = Crear mi cuenta y entrar
invitation-have-account = Ya tengo una cuenta
invitation-other-email = La invitación es para { $email }. Acéptala con esa dirección, o pide otra.
invitation-account-exists = Ya hay una cuenta con este correo. Entra con ella y vuelve a abrir el enlace.
void-unknown-title = Este enlace no lleva a nada
void-unknown = Está incompleto o es de otro servidor. Cópialo entero o pide otro.
void-used-title = Esta invitación ya se usó
void-used = Cada enlace vale una sola vez. Si fuiste tú, entra con tu cuenta; si no, pide otro.
void-revoked-title = Esta invitación se anuló
void-revoked = Quien te invitó la retiró. Pídele otra si la esperabas.
void-expired-title = Esta invitación caducó
void-expired = Vale 7 días. Pide otra a quien te invitó.
void-password-title = Este enlace ya no vale
void-password = Se usó, caducó o está incompleto. Pide otro a quien administra el servidor.
void-visit = Entra una sola vez, mientras dure la demostración que lo imprimió. Entra con el correo y la contraseña que están a su lado, o empieza la demostración de nuevo.
role = Papel
role-owner = Propietario
role-admin = Administrador
role-agent = Agente
role-viewer = Lectura
role-owner-means = Además decide sobre toda la organización y sus propietarios.
role-admin-means = Además números, plantillas y personas.
role-agent-means = Responde y asigna.
role-viewer-means = Mira.

## Ajustes
group-you = Tú
group-people = Personas
group-organization = Organización
profile = Tu perfil
profile-means = Nombre, idioma, contraseña y sesiones.
members = Personas
members-means = Quién trabaja aquí y quién está invitado.
teams = Equipos
teams-means = Grupos que atienden juntos.
numbers = Números
numbers-means = Los números de WhatsApp de la organización.
numbers-how = Un número se conecta con la API o con esta orden en el servidor:
numbers-where = Los dos identificadores están en Meta, en el panel de tu App: WhatsApp → Configuración de la API; también en el Administrador de WhatsApp. El token es el de un usuario del sistema, que se crea en la configuración del negocio; con «-» se lee de la entrada, y no queda en el historial de la terminal.
keys = Claves de la API
keys-means = Para programas que leen y envían.
audit = Registro
audit-means = Quién cambió qué, y cuándo.
profile-about = Sobre ti
sessions = Sesiones
sessions-lead = Dónde está abierta tu cuenta. Si no reconoces alguna, ciérrala y cambia la contraseña.
session-this = esta
session-used = Usada
session-end = Cerrar
session-end-which = Cerrar la sesión de { $device }
sessions-end = Salir en todas partes
device-on = { $browser } en { $system }
device-unknown = Otro programa
members-of = Personas · { $organization }
invite = Invitar
it-is-you = tú
never-seen = sin actividad todavía
open-conversations = { $count ->
    [one] { $count } abierta
   *[other] { $count } abiertas
}
role-of = Papel de { $name }
role-save = Guardar el papel de { $name }
remove-whom = Quitar a { $name }
member-remove-title = ¿Quitar a { $name } de { $organization }?
member-remove-means = { $count ->
    [0] Ya no podrá entrar aquí. No lleva ninguna conversación.
    [one] Ya no podrá entrar aquí, y su conversación queda sin asignar.
   *[other] Ya no podrá entrar aquí, y sus { $count } conversaciones quedan sin asignar.
}
member-remove-keys = { $count ->
    [one] Una clave de API que hizo sigue valiendo. Si la tiene aún, anúlala en Claves de la API.
   *[other] { $count } claves de API que hizo siguen valiendo. Si las tiene aún, anúlalas en Claves de la API.
}
member-remove-does = Quitar a { $name }
last-owner = Es el último propietario. Nombra antes a otro: sin ninguno, nadie podría administrar la organización.
invitations = Invitaciones
invitation-anybody = Quien tenga el enlace
invited-by = de { $name }
invitation-ends = caduca { $when }
invitation-revoke = Anular
invitation-link = Enlace de invitación
invite-lead = Un enlace para una persona, que vale 7 días.
invite-email = Correo (si quieres)
invite-email-hint = Si lo pones, solo se acepta con esa dirección.
invite-make = Crear el enlace
invited-title = Comparte este enlace
invited-lead = Se muestra solo ahora. Vale una vez, durante 7 días; puedes anularlo en la lista de personas.
invited-mailed = También enviamos uno a { $email }. La lista de personas dice qué fue de él.
invitation-mailed = enviada por correo { $when }
invitation-mail-waits = el correo va en camino
invitation-mail-tried = el correo aún no se pudo enviar; se intenta otra vez solo
invitation-mail-refused = el correo fue rechazado: revisa la dirección, o comparte tú un enlace
invitation-mail-failed = el correo no se pudo enviar: comparte tú un enlace
send-by-whatsapp = Enviar por WhatsApp
teams-lead = A un equipo se le asignan conversaciones, como a una persona.
teams-none = Aún no hay equipos.
team-size = { $count ->
    [0] sin personas
    [one] { $count } persona
   *[other] { $count } personas
}
team-new = Equipo nuevo
team-make = Crear el equipo
team-change-which = Cambiar { $name }
team-members = Quién está en el equipo
team-remove = Quitar el equipo…
team-remove-title = ¿Quitar el equipo { $name }?
team-remove-means = Sus conversaciones quedan sin equipo. Las personas siguen en la organización.
team-remove-does = Quitar el equipo
team-taken = Ya hay un equipo con este nombre.
keys-lead = Cada programa con su clave: así se puede anular una sin parar los demás.
keys-none = Aún no hay claves.
key-new = Clave nueva
key-make = Crear la clave
key-scopes = Para qué sirve
scope-read = Leer
scope-read-means = Conversaciones, mensajes, contactos y eventos.
scope-send = Enviar
scope-send-means = Mensajes, archivos, y lo que se hace con una conversación.
scope-manage = Administrar
scope-manage-means = Números, plantillas y precios.
scope-needed = Elige al menos una cosa.
key-numbers = Números
key-numbers-hint = Sin elegir ninguno, vale para todos.
key-all-numbers = todos los números
key-some-numbers = { $count ->
    [one] { $count } número
   *[other] { $count } números
}
key-end = Caduca
key-end-never = Nunca
key-end-days = En { $days } días
key-used = Usada
key-made-by = hecha por { $name }
key-made-by-former = hecha por alguien que ya no trabaja aquí
key-unused = sin usar
key-ends = caduca
key-endless = sin fin
key-revoked = anulada
key-ended = caducada
key-revoke = Anular…
key-revoke-which = Anular la clave { $name }
key-revoke-title = ¿Anular la clave { $name }?
key-revoke-means = Los programas que la usan dejan de funcionar al momento. No se puede deshacer.
key-revoke-does = Anular la clave
key-made-title = Guarda esta clave
key-made-lead = Se muestra solo ahora. Trátala como una contraseña.
key-of = Clave { $name }
audit-lead = Cambios de derechos, números, plantillas, personas, claves y ajustes. Nadie puede borrarlos.
audit-what = Qué
audit-who = Quién
audit-everything = Todo
audit-everybody = Todas las personas
audit-none = Nada que mostrar.
audit-changes = Detalles
audit-server = El servidor
act-prices = Precios
act-merges = Contactos unidos
act-templates = Plantillas
act-other = Otra cosa
organization-means = Lo que vale para todas las personas que trabajan aquí.
require-factor = Quien trabaja aquí necesita un segundo factor
require-factor-means = Quien no lo tenga no verá nada de la organización hasta configurarlo. No afecta a las claves de API.
require-factor-own-first = Configura primero tu segundo factor: te quedarías fuera.
deed-member-add = añadió a
deed-member-invite = creó una invitación
deed-member-join = aceptó una invitación:
deed-member-join-by-rule = entró al equipo por una regla:
deed-member-remove = quitó a
deed-invitation-revoke = anuló una invitación
deed-team-create = creó el equipo
deed-team-change = cambió el equipo
deed-team-remove = quitó el equipo
deed-key-create = creó la clave
deed-key-revoke = anuló la clave
deed-organization-suspend = suspendió la organización
deed-organization-resume = reactivó la organización
deed-member-change = cambió lo que puede
deed-number-connect = empezó a conectar el número
deed-number-disconnect = desconectó el número
deed-number-token = cambió el token del número
deed-number-signup = abrió el registro de un número en Meta
deed-number-join = siguió con la conexión del número
deed-number-retry = repitió la conexión del número
deed-number-resume = reanudó los envíos del número
deed-number-callback = quitó en Meta la dirección propia del número
deed-prices-set = cambió los precios
deed-merge-undo = separó los contactos
deed-message-mcp = hizo enviar un mensaje a un asistente (MCP)
deed-template-create = creó la plantilla
deed-template-change = cambió la plantilla
deed-template-delete = borró la plantilla
deed-template-sync = hizo leer de nuevo las plantillas
deed-organization-create = creó la organización
deed-organization-import = trajo de otro servidor
deed-organization-export = exportó todo lo de
deed-organization-export-contact = exportó todo lo de un contacto de
deed-organization-erase-contact = borró todo lo de un contacto de
deed-organization-entry = entró a mirar en
deed-organization-factor = cambió si hace falta un segundo factor en
deed-account-profile = cambió el perfil de
deed-account-password = cambió la contraseña de
deed-account-reset = restableció la contraseña de
deed-account-session = cerró una sesión de
deed-account-sessions = cerró todas las sesiones de
deed-account-app-on = activó los códigos de una aplicación para
deed-account-app-off = desactivó los códigos de una aplicación para
deed-account-codes = creó códigos de recuperación para
deed-account-passkey-add = añadió una llave de acceso de
deed-account-passkey-rename = cambió el nombre de una llave de acceso de
deed-account-passkey-remove = quitó una llave de acceso de
deed-number-believed = conectó el número
deed-number-hand-over = entregó a otra organización el número
deed-number-take-over = recibió de otra organización el número
deed-app-add = añadió la App
deed-app-rotate = cambió los secretos de la App
deed-app-remove = quitó la App
deed-organization-retention = cambió cuánto tiempo se guardan las cosas en
deed-organization-limit = cambió los límites de
deed-endpoint-create = creó un endpoint en
deed-endpoint-change = cambió el endpoint en
deed-endpoint-delete = borró el endpoint en
deed-endpoint-rotate = creó otro secreto para el endpoint en
deed-endpoint-replay = hizo avisar otra vez al endpoint en
deed-graph = cambió en Meta, con la API de Graph,
change-from-to = { $before } → { $after }

## Bandeja
inbox-no-number = Conecta tu número para empezar. Tarda unos 10 minutos.
number-connected = conectado
number-connecting = conectándose
number-off = desconectado
second-factor-title = Hace falta un segundo factor
second-factor-lacks = Tu organización lo pide para entrar. Actívalo en tu perfil.
nowhere-title = No perteneces a ninguna organización
nowhere = Pide a alguien de la tuya que te invite, y abre su enlace con esta cuenta.

## Hecho
notice-saved = Guardado.
notice-signed-out = Saliste.
notice-session-over = Tu sesión terminó. Entra de nuevo.
notice-password-changed = La contraseña cambió.
notice-sessions-ended = Sesiones cerradas.
notice-role-changed = El papel cambió.
notice-member-removed = Ya no pertenece a la organización.
notice-invitation-revoked = La invitación quedó anulada.
notice-team-made = El equipo está creado.
notice-team-removed = El equipo se quitó.
notice-key-revoked = La clave quedó anulada.
notice-joined = Ya eres parte del equipo.

## Lo que falla
fault-empty = Falta este dato.
fault-long = Es demasiado largo: { $longest } caracteres como máximo.
fault-odd = Esto lleva caracteres que no se ven. Escríbelo en una sola línea.
fault-email = Un correo se escribe como nombre@ejemplo.mx.
fault-zone = Elige una zona de la lista.
fault-role = Elige un papel.
fault-password-short = Es demasiado corta: al menos 10 caracteres.
fault-password-long = Es demasiado larga.
fault-password-common = Es de las primeras que se prueban. Elige otra.
fault-current = No es tu contraseña actual.
not-there-title = Aquí no hay nada
not-there = La dirección está mal escrita, o lo que había ya no está.
not-yours-title = Esto no te toca
not-yours = Tu papel no lo permite. Pídelo a un administrador o propietario de tu organización.
form-too-long = Lo que enviaste es demasiado largo, y no se guardó nada. Vuelve, acórtalo y envíalo otra vez.
no-form-title = No se entendió el envío
no-form = Lo que llegó no es un formulario. Vuelve a la página y envíalo de nuevo.
no-such-method = Esta dirección no acepta ese tipo de petición. Vuelve a la página y usa sus botones.
elsewhere-title = Se envió desde otro sitio
elsewhere = Por seguridad, solo se acepta lo que se envía desde las páginas de este servidor. Ábrelas aquí y repite.
busy = Hay demasiado en marcha. No se hizo nada: espera un momento y repite.
in-doubt-title = No sabemos si se hizo
in-doubt = El servidor perdió su base de datos en el último momento. Mira antes de repetir.
unavailable-title = Ahora no se puede
unavailable = El servidor no llega a su base de datos. No se hizo nada: repite en unos segundos.
internal-title = Algo falló aquí
internal = Es un fallo de wazapp, no tuyo. Quien administra el servidor lo encuentra en su registro.

## Segundo factor
second-factor = Segundo factor
second-factor-means = Además de la contraseña: un código de una app, o una llave de acceso. Con una llave también entras sin contraseña.
second-factor-open = Ver el segundo factor
second-factor-app = App de códigos
second-factor-app-none = Una app como Google Authenticator o 1Password da un código nuevo cada 30 segundos.
second-factor-app-on = Activada: al entrar se pide un código de la app.
second-factor-app-begin = Activar la app
second-factor-app-begin-means = Escribe tu contraseña; después verás la clave para tu app.
second-factor-app-remove = Desactivar la app
second-factor-app-remove-means = Escribe tu contraseña y un código de la app o de recuperación.
second-factor-seed = Añade esta clave a tu app
second-factor-seed-lead = Ábrela en este aparato o cópiala en la app. Solo se muestra ahora.
second-factor-seed-open = Abrir en la app
second-factor-seed-typed = Clave
second-factor-confirm = Activar
second-factor-begin-again = Empezar de nuevo
second-factor-code = Código
second-factor-code-first = Primer código de la app
second-factor-wrong = El código no es correcto, o ya se usó. Espera al siguiente.
second-factor-due-title = Un paso más
second-factor-due-lead = Escribe el código de tu app, o uno de recuperación.
second-factor-due-send = Seguir
recovery-codes = Códigos de recuperación
recovery-codes-left = { $count ->
    [one] Te queda { $count }.
   *[other] Te quedan { $count }.
}
recovery-codes-means = Escribe tu contraseña. Los códigos de antes dejan de valer.
recovery-codes-give = Dar códigos nuevos
recovery-codes-title = Guarda estos códigos
recovery-codes-lead = Cada uno vale una vez, si no tienes la app ni la llave. Solo se muestran ahora.
recovery-codes-kept = Los guardé
passkeys = Llaves de acceso
passkeys-none = Ninguna todavía.
passkey-new = Nueva llave
passkey-new-lead = Tu aparato, o una llave USB, la guarda. Escribe tu contraseña y un nombre para reconocerla.
passkey-make = Crear la llave
passkey-name = Nombre de la llave
passkey-rename = Llave { $name }
passkey-used = Usada
passkey-remove-title = Quitar la llave { $name }
passkey-remove-means = Nadie podrá entrar con ella. Escribe tu contraseña.
passkey-needs-script = Para llaves hace falta un navegador con JavaScript, y que el servidor tenga un nombre propio con HTTPS.
passkey-sign-in = Entrar con una llave
passkey-failed = No se pudo con la llave. Inténtalo de nuevo, o entra de otra forma.
passkey-refused = La contraseña no es correcta, o hay que esperar. Revísala e inténtalo de nuevo.
notice-passkey-added = La llave quedó guardada.
notice-passkey-removed = La llave ya no abre nada.
notice-second-factor-off = La app ya no se pide al entrar.

## Bandeja
inbox-choose = Elige una conversación.
conversations = Conversaciones
views = Vistas
view-active = Por responder
view-mine = Míos
view-unassigned = Sin asignar
view-waiting = En espera
view-resolved = Resueltas
view-all = Todas
chip-unread = Sin leer
list-more = Más conversaciones
list-empty = Nada pendiente en «{ $view }».
list-no-match = Ninguna conversación coincide.
list-clear = Quitar filtros
list-first = Escribe desde tu teléfono a { $number }: aparecerá aquí en un segundo.
held = { "{n}" } con novedades · Actualizar
group = Grupo
nobody-named = Sin nombre
row-assignee = la lleva { $name }
row-unread = { $count ->
    [one] { $count } sin leer
   *[other] { $count } sin leer
}
row-waits = espera { $waited }
row-window = quedan { $left }
back-list = Volver a las conversaciones
messages-with = Mensajes con { $name }
messages-older = Mensajes anteriores
messages-newer = Mensajes siguientes
messages-latest = Ir al final ↓
new-line = Nuevo
newer-below = { "{n}" } mensajes nuevos ↓
newer-below-one = 1 mensaje nuevo ↓
mark-read = Marcar como leído
mark-unread = Marcar como no leído
assign = Asignar
assign-me = Asignarme
assign-nobody = A nadie
assign-team = Equipo
assign-no-team = Ningún equipo
nobody = Sin asignar
resolve = Resolver
resolved-one = Resuelta: { $name }.
undo = Deshacer
reopen = Reabrir
resolved = Resuelta. Si escribe otra vez, vuelve a «Por responder».
notice-resolved = Resuelta.
window-left = Ventana { $left }
window-over = Ventana cerrada
window-closed = La ventana de 24 h se cerró hace { $passed }. Envía una plantilla; cuando { $name } conteste, podrás escribir libremente.
window-never = { $name } aún no te ha escrito. Empieza con una plantilla.
composer-viewer = Tu papel es de lectura: puedes leer, no contestar.
composer-group = A los grupos no se puede escribir desde aquí.
composer-off = Este número está desconectado: puedes leer, no enviar. Quien administra la organización lo conecta.
write-to = Escribe a { $name }
send = Enviar
send-anyway = Enviar también
send-perhaps-twice = Enviar de nuevo, puede llegar dos veces
retry = Reintentar
send-nameless = De este contacto no se conoce ni teléfono ni identificador: espera a que escriba.
send-needs-phone = Esta plantilla solo puede ir a un número de teléfono, y de este contacto no se conoce.
send-twice = Este mensaje ya se envió con otro contenido. Míralo en la conversación y escribe otro.
send-window-closed = La ventana de 24 h se cerró: no se envió. Elige una plantilla; tu texto está guardado aquí.
send-mistake = No se envió: { $why }
unseen = { $name } respondió mientras escribías.
elsewhere-has = La lleva { $name }.
take-and-send = Asignarme y enviar
unseen-see = Ver su mensaje
draft = Borrador:
text-too-long = Un mensaje tiene 4096 caracteres como máximo: el final no cupo. Envíalo en otro mensaje.
not-opened = No pudimos abrir esta conversación. No se perdió nada.
draft-kept = Tu borrador está guardado.
together-write = { $count ->
    [one] { $names } está escribiendo una respuesta
   *[other] { $names } están escribiendo una respuesta
}
together-look = { $count ->
    [one] { $names } también mira esta conversación
   *[other] { $names } también miran esta conversación
}
together-seen = Visto por { $names }
draft-newer = Escribiste otra cosa en otra ventana o en otro aparato:
draft-take = Usar eso
draft-keep = Quedarme con esto
choose-template = Elegir plantilla
template-beside = Tu texto, que no se envió:
template-for = Plantilla para { $name }
template-not-here = Esta plantilla lleva partes que solo se envían por la API.
templates-search = Buscar entre las plantillas
templates-none = Este número no tiene plantillas aprobadas.
slot-named = Variable { $name }
slot-file = Dirección del archivo (https)
slot-other = Variable
see-map = Ver en el mapa
details = Detalles
replying = Respondes al mensaje elegido.
message-menu = Qué hacer con este mensaje
reply = Responder
react = Reaccionar
react-other = Otro emoji
plan = Enviar más tarde
plan-when = Día y hora
plan-do = Programar
planned-for = Se enviará { $when }
plan-which = Elegiste un día y una hora. Pulsa «Programar» para enviarlo entonces, o borra la hora para enviarlo ahora.
plan-unread = Elige un día y una hora.
plan-past = Esa hora ya pasó. Elige otra.
plan-far = Se puede programar hasta un año por delante.
plan-window = A esa hora la ventana de 24 h estará cerrada. Elige una hora anterior, o programa una plantilla.
plan-too-late = Este mensaje ya salió, o está saliendo. No se cambió nada.
plan-draft = Ya tienes un borrador aquí. Envíalo o bórralo, y entonces edita este mensaje.
plan-change = Cambiar la hora
plan-now = Enviar ahora
plan-edit = Editar el texto
plan-cancel = No enviar
react-too-soon = Este mensaje aún no ha salido: espera un momento y reacciona entonces.
react-no-emoji = Una reacción es un solo emoji. Elige uno.
forward = Reenviar
forward-to = Reenviar a
forward-look = Buscar
forward-search = Buscar por nombre o teléfono
forward-none = No hay ninguna conversación abierta a la que se pueda reenviar. Busca a alguien por su nombre.
forward-closed = Su ventana de 24 h está cerrada: solo se le puede enviar una plantilla.
forward-off = Su número está desconectado.
forward-nobody = Elige al menos una conversación.
forward-many = Elige { $most } como mucho.
forward-gone = Una de las conversaciones ya no está a tu alcance: allí no se reenvió.
forward-refused = No se reenvió a { $name }: { $why }
notice-forwarded = Reenviado.
copy-text = Copiar texto
forwarded = Reenviado
referral = Llegó por un anuncio
order-sum = Total: { $sum }
media-not-given = Un archivo de antes de conectar este número, que WhatsApp no entregó.
sound-speed = Velocidad
picture = Imagen ampliada
picture-before = Imagen anterior
picture-after = Imagen siguiente
picture-keep = Descargar
picture-close = Cerrar
edited = editado
revoked = Mensaje eliminado
reacted = { $who }: { $emoji }
quote-gone = Mensaje que ya no está aquí
unsupported = { $name } envió algo que WhatsApp no entrega a las empresas. Pídele que lo mande de otra forma.
bubble-name = { $author }, { $time }
author-us = Nosotros
author-phone = Desde el teléfono
author-program = Programa
line-reacted = { $who } reaccionó con { $emoji }
line-unreacted = { $who } quitó su reacción
line-edited = { $who } editó un mensaje
line-revoked = { $who } eliminó un mensaje
line-system = { $text }
line-welcome = { $who } abrió la conversación
kind-text = texto
kind-image = Imagen
kind-video = Video
kind-audio = Audio
kind-document = Documento
kind-sticker = Sticker
kind-location = Ubicación
kind-contacts = Contacto
kind-interactive = Mensaje con opciones
kind-button = Respuesta
kind-order = Pedido
kind-template = Plantilla
kind-call = Llamada
tick-queued = en cola
tick-sending = enviándose
tick-sent = enviado
tick-delivered = entregado
tick-read = leído
tick-played = escuchado
tick-failed = no enviado
tick-unknown = no se sabe si llegó
fault-window = No se envió: pasaron más de 24 h desde el último mensaje de { $name }.
fault-unreachable = No se entregó: este número no tiene WhatsApp o no puede recibir este mensaje.
fault-refused = WhatsApp no lo aceptó: { $reason } (código { $code }).
fault-not-sent = No se envió: { $reason }.
fault-unknown = No sabemos si llegó: WhatsApp no contestó. No lo reenviamos para no duplicarlo; te avisaremos.
again-gone = Ese mensaje ya salió. No se envió otra vez.
press-copy-code = Copiar código
file-coming = Descargando de WhatsApp…
file-gone = WhatsApp ya no tiene este archivo. Pídelo de nuevo.
attach = Adjuntar archivos
files-for = Archivos para { $name }
file-drop = Suelta aquí lo que quieras enviar a { $name }
file-remove = Quitar { "{n}" }
file-big-picture = La imagen pesa { "{s}" }; WhatsApp admite { "{m}" }.
file-big = El archivo pesa { "{s}" }; WhatsApp admite { "{m}" }.
file-not-taken = WhatsApp no admite archivos de este tipo ({ "{t}" }).
file-empty = El archivo está vacío.
file-choose = Decide antes qué hacer con este archivo.
file-shrink = Reducir y enviar
file-convert = Convertir a JPEG y enviar
file-as-document = Enviar como documento
file-no-shrink = El navegador no puede reducir esta imagen. Guárdala como JPEG e inténtalo de nuevo.
file-uploading = Subiendo el archivo
file-waiting = Se subirá al recuperar la conexión. Deja abierta esta página.
file-failed = No se subió: { "{w}" }
file-lies = El archivo dice ser de un tipo y por dentro es de otro. Guárdalo de nuevo con su programa y elígelo otra vez.
file-of-type = WhatsApp no admite archivos de este tipo ({ $type }).
file-nameless = No se sabe de qué tipo es este archivo. Guárdalo como PDF, JPEG, MP4 o MP3 y elígelo otra vez.
file-sound = WhatsApp admite Ogg solo con Opus y un canal. Guárdalo como MP3 y elígelo otra vez.
file-deep = Este PNG tiene 16 bits por canal y WhatsApp no lo entrega. Guárdalo como JPEG y elígelo otra vez.
file-too-large = El archivo pesa más de { $most }, lo que WhatsApp admite de su tipo.
file-not-here = No se envió: el archivo ya no está aquí. Elígelo otra vez.
caption-not-here = Un audio o un sticker no lleva texto. Envíalo en otro mensaje.
size-kilobytes = { $count } KB
size-megabytes = { $count } MB
offline = Sin conexión. Lo que ves es de hace { "{t}" }. Puedes seguir escribiendo: se enviará en orden al volver.
given-back = No se envió lo que escribiste a { "{n}" }: está como borrador en su conversación.
back-online = Al día.
waits-online = Se enviará al recuperar la conexión.
contact = Contacto
contact-of = Contacto: { $name }
contact-close = Cerrar
alert-close = Cerrar el aviso
contact-phone = Teléfono
contact-username = Nombre de usuario
contact-user-id = Identificador de WhatsApp
contact-profile-name = Nombre en WhatsApp
contact-number = Número
contact-own-name = Nombre propio
contact-own-name-hint = Así lo ve tu organización; el contacto no lo ve. Vacío: su nombre de WhatsApp.
contact-others = Otras conversaciones
contact-files = Archivos
contact-no-files = Todavía no hay archivos.
contact-blocked = Bloqueado:
contact-block = Bloquear…
contact-block-means = { $name } no podrá escribirte ni llamarte a { $number }, y no se le avisa. Puedes desbloquear cuando quieras.
contact-block-do = Bloquear a { $name }
contact-unblock = Desbloquear
block-off = Este número está desconectado: WhatsApp no puede cambiar a quién bloquea. Quien administra la organización lo conecta.
block-too-late = WhatsApp solo deja bloquear a quien escribió en las últimas 24 horas. Cuando vuelva a escribir, podrás.
block-refused = WhatsApp no lo hizo: { $reason } (código { $code }).
block-unknown = WhatsApp no contestó, así que no sabemos si lo hizo. Inténtalo otra vez: repetirlo no hace daño.
deed-contact-block = bloqueó a
deed-contact-unblock = desbloqueó a
act-block = Bloqueos
deed-number-author-line = cambió cómo empiezan los mensajes de
shortcuts = Atajos
shortcuts-off = Se apagan en tu perfil.
shortcuts-means = Letras sueltas que hacen algo en la bandeja, como E para resolver. Nunca mientras escribes. Apágalas si dictas o escribes con otro aparato.
shortcuts-use = Usar letras sueltas como atajos
key-next = Conversación siguiente, o anterior
key-write = Escribir una respuesta
key-back = Salir del campo, al hilo, a la lista; lo escrito se queda
key-resolve = Resolver y pasar a la siguiente
key-resolve-stay = Resolver y quedarse
key-assign = Asignar
key-take = Asignarme
key-unread = Marcar como no leído y volver a la lista
key-template = Elegir plantilla
key-panel = Contacto
key-palette = Buscar: acciones, vistas y conversaciones
key-views = Vistas: Por responder, Míos, Sin asignar, En espera, Resueltas, Todas
key-inside = Conversación anterior o siguiente, desde el campo
key-reply = Responder al último mensaje, con el campo vacío
key-list = Esta lista
palette = Buscar acciones, vistas y conversaciones
palette-open = Buscar
palette-hint = Escribe una acción, una vista o un nombre
palette-none = Nada coincide.
palette-view = Vista: { "{n}" }
palette-assign = Asignar a { "{n}" }
author-line = Quién escribe
author-line-means = Lo que va delante de cada mensaje que alguien escribe en la bandeja. En las plantillas, nunca.
author-line-none = Nada
author-line-name = Nombre completo
author-line-first-name = Solo el nombre de pila
author-line-of = Delante de los mensajes de { $number }
session-over-here = Tu sesión terminó. Lo que escribiste está guardado.

## Entrar con un proveedor de identidad
provider-continue = Continuar con { $provider }
provider-away-title = { $provider } no contesta
provider-away = No es culpa tuya. Le toca a { $provider }, o a quien administra este servidor. Inténtalo en unos minutos, o entra con tu contraseña.
provider-lost-title = Este intento ya no vale
provider-lost = Pasaron más de diez minutos, ya se usó, o empezó en otro navegador. No se hizo nada: empieza de nuevo desde aquí.
provider-declined-title = No entraste con { $provider }
provider-declined = Lo cancelaste, o { $provider } no te dejó pasar. Empieza de nuevo, o entra con tu contraseña.
provider-doubtful-title = No se pudo comprobar lo que dijo { $provider }
provider-doubtful = No se hizo nada. Empieza de nuevo; si se repite, quien administra este servidor encuentra el motivo en su registro.
provider-unverified-title = { $provider } no confirma tu correo
provider-unverified = Sin un correo confirmado no sabemos qué cuenta es tuya. Confírmalo en { $provider } y empieza de nuevo, o entra con tu contraseña.
provider-taken-title = Esta cuenta es de otra persona en { $provider }
provider-taken = Ya se entró aquí con este correo y otra cuenta de { $provider }. Si es tuya, entra con tu contraseña y quita esa unión en tu perfil; si no, pide a quien administra este servidor que te haga sitio.
provider-unproven-title = Con este correo ya hay una cuenta
provider-unproven = Si es tuya, entra con tu contraseña y continúa con { $provider } desde tu perfil: así queda unida. Si no la hiciste tú, pide a quien administra este servidor que la libere.
provider-uninvited-title = Nadie te ha invitado todavía
provider-uninvited = { $provider } confirmó quién eres, pero aquí no tienes cuenta. Pide una invitación a un administrador de tu organización.
provider-account = Proveedor de identidad
provider-account-linked = Entras también con { $provider }, como { $email }.
provider-account-none = Continúa con { $provider } desde aquí, y si confirma este mismo correo quedará unido a tu cuenta.
provider-account-used = Usado
provider-account-unlink = Quitar la unión
provider-account-unlink-means = Dejarás de entrar así, y se cierran tus otras sesiones. Escribe tu contraseña. Si vuelves a entrar con { $provider } y este mismo correo, se unirá de nuevo.
provider-account-needs-password = Para quitarlo, elige antes una contraseña: sin ella no podrías entrar.
prove-afresh = Tu cuenta no tiene contraseña: esto se hace en los diez minutos después de entrar. Sal, vuelve a entrar y repite.
prove-not-needed = Tu cuenta no tiene contraseña. Basta con que hayas entrado hace menos de diez minutos.
notice-provider-unlinked = Quedó sin unir.

## Correo
letter-invitation-subject = { $inviter } te invita a { $organization }
letter-invitation-does = Aceptar la invitación
letter-invitation-unasked = Si no sabes quién te invita, deja este correo: sin ti no pasa nada.
letter-endpoint-subject = { $organization }: { $endpoint } ya no recibe lo que pasa
letter-endpoint-says = wazapp dejó de llamar a { $endpoint }, de { $organization }, porque no aceptó nada durante mucho tiempo o pidió que no se le llame más.
letter-endpoint-does = Ver el motivo y encenderlo de nuevo
letter-endpoint-holds = Nada se pierde: lo que pasa mientras tanto se guarda, y al encenderlo puedes pedir que se le entregue.
letter-endpoint-unasked = Recibes este correo porque eres propietario de { $organization }.
letter-account-subject = Tu cuenta de wazapp
letter-account-says = Hola, { $name }. Tienes una cuenta de wazapp. Elige su contraseña para empezar.
letter-account-unasked = El enlace vale una sola vez. No se lo pases a nadie.
letter-password-subject = Elige otra contraseña de wazapp
letter-reset-says = Hola, { $name }. Quien administra el servidor restableció tu contraseña. Elige otra para entrar.
letter-forgotten-says = Hola, { $name }. Alguien, esperamos que tú, pidió un enlace para elegir otra contraseña.
letter-forgotten-unasked = Si no fuiste tú, deja este correo: tu contraseña sigue igual.
letter-holds-week = El enlace caduca en 7 días.
letter-holds-hours = El enlace caduca en 2 horas.

## El servidor
server = Servidor
server-lead = Todas las organizaciones de este servidor, y nada de lo que se dijo en ellas.
server-quarantine = { $count ->
    [0] No hay nada en cuarentena.
    [one] Hay { $count } entrada en cuarentena: wazapp quarantine list.
   *[other] Hay { $count } entradas en cuarentena: wazapp quarantine list.
}
organizations = Organizaciones
server-suspended = Suspendida
server-members = { $count ->
    [one] { $count } persona
   *[other] { $count } personas
}
server-conversations = { $count ->
    [one] { $count } conversación
   *[other] { $count } conversaciones
}
server-waiting = { $count ->
    [0] nada espera envío
    [one] { $count } mensaje espera
   *[other] { $count } mensajes esperan
}
server-media = { $count } MiB de archivos
server-since = Creada
server-number-rests = el envío descansa
server-resume = Reanudar
server-resume-which = Reanudar { $organization }
server-suspend = Suspender
server-suspend-which = Suspender { $organization }
server-enter = Mirar
server-enter-which = Mirar en { $organization }
server-enter-means = La ves durante una hora, sin cambiar nada. Quien trabaja ahí lee en su registro que miraste, y por qué.
server-enter-suspended = Está suspendida: nadie ve su interior. Reanúdala primero.
server-reason = Motivo
server-more = Más
server-new = Nueva organización
server-create = Crear la organización
notice-organization-made = La organización está creada. Dale su primer propietario con wazapp user create.

endpoints = Endpoints
endpoints-means = Tus programas, a los que se avisa de lo que pasa.
endpoints-lead = Direcciones tuyas a las que se llama cuando pasa algo: una función, un bot, un CRM. Una que falla no retrasa a ninguna otra.
endpoints-none = Todavía no hay endpoints.
endpoint-new = Nuevo endpoint
endpoint-url = URL
endpoint-url-wrong = Escribe una dirección completa de la Internet pública, como https://example.com/hook.
endpoint-format = Formato
endpoint-wazapp = wazapp
endpoint-wazapp-means = Cada evento como JSON, firmado según Standard Webhooks.
endpoint-meta = Meta
endpoint-meta-means = Lo que envía Meta, sin cambios, para programas escritos para la Cloud API.
endpoint-kinds = Tipos
endpoint-kinds-hint = Por ejemplo message.received o message.*, separados por comas; en el formato de Meta, sus campos, como messages. Vacío: mensajes recibidos; en el formato de Meta, todo.
endpoint-kinds-wrong = Ese tipo no existe en este formato.
endpoint-description = Para qué es (opcional)
endpoint-description-wrong = Una sola línea de 200 caracteres como mucho.
endpoint-too-many = Ya hay tantos endpoints como puede haber. Borra uno antes.
endpoint-make = Crear endpoint
endpoint-made-title = El secreto del endpoint
endpoint-made-lead = Cópialo ahora: no se vuelve a mostrar. Con él se firman las llamadas.
endpoint-secret-of = Secreto para { $host }
endpoint-go = Ir al endpoint
endpoint-look = Ver
endpoint-look-which = Ver { $host }
endpoint-all-kinds = todos los tipos
endpoint-taken = Último recibido
endpoint-untaken = Aún no ha recibido nada
inbox-endpoint-lost = { $host } ya no se entera de lo que pasa: mira por qué
endpoint-failing = falla
endpoint-off = apagado
endpoint-gone = ya no está
endpoint-turn-off = Apagar
endpoint-turn-on = Encender, con lo que le faltó
endpoint-turn-on-now = Encender, desde ahora
endpoint-test = Enviar una prueba
endpoint-secret-title = ¿Otro secreto para { $host }?
endpoint-secret-means = El que tiene ahora firma 24 horas más, junto al nuevo.
endpoint-secret-does = Crear otro secreto
endpoint-delete-title = ¿Borrar el endpoint en { $host }?
endpoint-delete-means = No se le llama más, y se olvida lo que le espera.
endpoint-delete-does = Borrar endpoint
deliveries = Qué se le avisó
deliveries-none = Nada todavía.
delivery-waiting = en espera
delivery-calling = avisando
delivery-delivered = recibido
delivery-failed = abandonado
delivery-skipped = omitido
delivery-tries = { $count ->
    [one] un intento
   *[other] { $count } intentos
  }
delivery-due = Próximo intento
delivery-answer = Su respuesta
delivery-retry = Avisar otra vez
notice-endpoint-told = Se le está avisando. Vuelve a cargar la página para ver el resultado.
notice-endpoint-deleted = El endpoint está borrado.
