//! What a visitor reads in the first minute: links and a line to copy, in English or Spanish.

use std::path::PathBuf;

use model::scope::Scope;
use serde::Serialize;
use uuid::Uuid;

use crate::print::Print;

/// All that is shown once the demo is ready.
#[derive(Debug, Serialize)]
pub(super) struct Welcome {
    /// Where wazapp listens.
    pub(super) url: String,
    /// Where the simulated Meta listens.
    pub(super) simulator: String,
    #[serde(skip)]
    pub(super) data_dir: PathBuf,
    #[serde(skip)]
    pub(super) person: Person,
    /// With which the visitor signs in.
    pub(super) sign_in: SignIn,
    pub(super) organizations: Vec<Furnished>,
}

/// An account of the demo.
#[derive(Debug, Serialize)]
pub(super) struct SignIn {
    pub(super) email: String,
    pub(super) password: String,
    /// Signs in without a password, once.
    pub(super) link: String,
}

/// A customer of the simulated Meta.
#[derive(Debug)]
pub(super) struct Person {
    /// As the phone page's address names them.
    pub(super) key: String,
    pub(super) name: String,
}

/// An organization with its key and numbers.
#[derive(Debug, Serialize)]
pub(super) struct Furnished {
    #[serde(skip)]
    pub(super) scope: Scope,
    pub(super) id: Uuid,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) key: String,
    pub(super) numbers: Vec<Number>,
}

#[derive(Debug, Serialize)]
pub(super) struct Number {
    pub(super) phone_number_id: String,
    pub(super) display_phone_number: String,
    pub(super) name: String,
}

impl Welcome {
    /// Prints it.
    pub(super) fn show(&self, print: &Print) {
        print.answer(self, || self.words(speaks_spanish(|name| std::env::var(name).ok())));
    }

    fn words(&self, spanish: bool) -> String {
        let (url, name) = (&self.url, &self.person.name);
        let [first, second, ..] = self.organizations.as_slice() else { return format!("wazapp: {url}") };
        let (phone, curl, answer) = (self.phone(), self.curl(first), self.answer(first, spanish));
        let (one, two, other) = (&first.name, &second.name, &second.key);
        let directory = self.data_dir.display();
        let SignIn { email, password, link } = &self.sign_in;
        if spanish {
            format!(
                "\n\
                 {one} y {two} ya están abiertos, con cuatro semanas de conversaciones.\n\
                 Meta es simulada; nada sale de esta máquina.\n\
                 \n\
                 1  Abre la bandeja; este enlace entra por ti, una vez:\n\
                 \n\
                 \x20    {link}\n\
                 \n\
                 \x20  Después, en {url}, con {email} y {password}.\n\
                 \n\
                 2  Al lado, toma el teléfono de una clienta, {name}, y escríbele al café:\n\
                 \n\
                 \x20    {phone}\n\
                 \n\
                 3  Un instante después está en la bandeja, y por la API. Lo que espera respuesta en {one}:\n\
                 \n\
                 \x20    {curl}\n\
                 \n\
                 4  Contesta en la bandeja, o con el id de una de esas conversaciones, y mira llegar la respuesta al teléfono:\n\
                 \n\
                 \x20    {answer}\n\
                 \n\
                 5  Todas las rutas de la API, para probarlas con la misma clave:\n\
                 \n\
                 \x20    {url}/docs\n\
                 \n\
                 {two} es otro inquilino del mismo servidor. Su clave no ve nada del café:\n\
                 \x20    {other}\n\
                 \n\
                 Ctrl-C lo termina; lo que entró a wazapp se queda. Para empezar de nuevo: rm -r {directory}\n"
            )
        } else {
            format!(
                "\n\
                 {one} and {two} are open, with four weeks of conversations.\n\
                 Meta is simulated; nothing leaves this machine.\n\
                 \n\
                 1  Open the inbox; this link signs you in, once:\n\
                 \n\
                 \x20    {link}\n\
                 \n\
                 \x20  Later, at {url}, with {email} and {password}.\n\
                 \n\
                 2  Beside it, take a customer's phone, {name}'s, and write to the café:\n\
                 \n\
                 \x20    {phone}\n\
                 \n\
                 3  A moment later it is in the inbox, and in the API. What waits for an answer at {one}:\n\
                 \n\
                 \x20    {curl}\n\
                 \n\
                 4  Answer in the inbox, or with the id of one of those conversations, and see it arrive on the phone:\n\
                 \n\
                 \x20    {answer}\n\
                 \n\
                 5  Every path of the API, to try with the same key:\n\
                 \n\
                 \x20    {url}/docs\n\
                 \n\
                 {two} is another tenant of the same server. Its key sees nothing of the café:\n\
                 \x20    {other}\n\
                 \n\
                 Ctrl-C ends it; what came into wazapp stays. To begin afresh: rm -r {directory}\n"
            )
        }
    }

    /// The person's chat with the first number.
    fn phone(&self) -> String {
        let number = self.organizations.first().and_then(|own| own.numbers.first());
        let number = number.map_or("", |number| number.phone_number_id.as_str());
        format!("{}/?customer={}&number={number}", self.simulator, self.person.key)
    }

    fn curl(&self, own: &Furnished) -> String {
        format!(
            "curl -s -H 'Authorization: Bearer {}' '{}/api/v1/conversations?unread=true' | python3 -m json.tool --no-ensure-ascii",
            own.key, self.url
        )
    }

    fn answer(&self, own: &Furnished, spanish: bool) -> String {
        let words = if spanish { "¡Claro que sí! 😊" } else { "Of course! 😊" };
        format!(
            "curl -s -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' -d \
             '{{\"type\":\"text\",\"text\":{{\"body\":\"{words}\"}}}}' {}/api/v1/conversations/ID/messages",
            own.key, self.url
        )
    }
}

/// Whether the environment asks for Spanish: the first of the usual variables that says something.
fn speaks_spanish(variable: impl Fn(&str) -> Option<String>) -> bool {
    let said = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(|name| variable(name)).find(|said| !said.is_empty());
    said.is_some_and(|said| said.starts_with("es"))
}

#[cfg(test)]
mod tests {
    use super::speaks_spanish;

    #[test]
    fn the_language_is_the_environments() {
        let of = |said: &'static [(&str, &str)]| {
            speaks_spanish(|name| said.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
        };
        assert!(of(&[("LANG", "es_MX.UTF-8")]));
        assert!(of(&[("LC_ALL", ""), ("LANG", "es")]));
        assert!(!of(&[("LC_ALL", "C.UTF-8"), ("LANG", "es_MX.UTF-8")]));
        assert!(!of(&[]));
    }
}
