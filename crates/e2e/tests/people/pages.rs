//! Pages as a browser asks for them, and as nobody should.

mod browser;
mod doors;
pub(super) mod guessing;
mod inbox;
mod inbox_kinds;
mod inbox_messages;
mod provider;
mod rooms;
pub(super) mod second_factor;

use std::collections::HashMap;

use e2e::{Organization, Person, World};
use model::act::Role;
use reqwest::header::{HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, StatusCode};

/// A password that is taken.
pub(super) const PASSWORD: &str = "una frase de prueba";

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    /// A header as text; empty where it is not there.
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Where it leads.
    pub(super) fn leads_to(&self) -> &str {
        self.header(LOCATION.as_str())
    }

    /// The value of the link or key that is shown once.
    fn shown_once(&self) -> &str {
        let input =
            self.text.split("<input").find(|input| input.contains("data-once")).expect("something is shown once");
        input.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a value")
    }
}

/// A browser without JavaScript that keeps its cookies, and follows nothing by itself.
#[derive(Clone)]
pub(super) struct Browser {
    url: String,
    client: Client,
    cookies: HashMap<String, String>,
    headers: Vec<(&'static str, String)>,
}

impl Browser {
    pub(super) fn new(world: &World) -> Self {
        Self::at(world.url())
    }

    /// Of a server that is no world's.
    fn at(url: &str) -> Self {
        let client = e2e::outside::http().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        Self { url: url.to_owned(), client, cookies: HashMap::new(), headers: Vec::new() }
    }

    /// In which somebody is signed in.
    pub(super) fn of(world: &World, person: &Person) -> Self {
        let mut browser = Self::new(world);
        let (name, value) = person.cookie.split_once('=').expect("a cookie");
        browser.cookies.insert(name.to_owned(), value.to_owned());
        browser
    }

    /// The same, which also says this of itself.
    pub(super) fn saying(&self, name: &'static str, value: &str) -> Self {
        let mut browser = self.clone();
        browser.headers.push((name, value.to_owned()));
        browser
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }

    pub(super) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.ask(Method::POST, path, fields).await
    }

    async fn ask(&mut self, method: Method, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = String::new();
        for (name, value) in fields {
            let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
            body += &format!("{}={}&", encode(name), encode(value));
        }
        self.send(method, path, ("application/x-www-form-urlencoded", body.into_bytes())).await
    }

    /// A form with a file in it: its name, its type and its bytes.
    pub(super) async fn post_file(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        (name, mime_type, bytes): (&str, &str, &[u8]),
    ) -> Answer {
        let mut form = String::new();
        for (name, value) in fields {
            form += &format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        form += &format!("--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n");
        form += &format!("content-type: {mime_type}\r\n\r\n");
        let body = [form.as_bytes(), bytes, b"\r\n--b--\r\n"].concat();
        self.send(Method::POST, path, ("multipart/form-data; boundary=b", body)).await
    }

    async fn send(&mut self, method: Method, path: &str, (content_type, body): (&str, Vec<u8>)) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url));
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if method == Method::POST {
            request = request.header("content-type", content_type).body(body);
        }
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        for cookie in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let (name, rest) = cookie.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Answer { status, headers, text: answer.text().await.expect("a text") }
    }
}

/// Sets a world's server up; answers the browser of its first owner.
pub(super) async fn set_up(world: &World) -> Browser {
    let mut browser = Browser::new(world);
    let answer = browser.post("/setup", &first("lucia@example.com", e2e::SET_UP_CODE)).await;
    assert_eq!((answer.status, answer.leads_to()), (StatusCode::SEE_OTHER, "/welcome"), "{}", answer.text);
    browser
}

/// What the first person enters.
fn first<'a>(email: &'a str, code: &'a str) -> [(&'a str, &'a str); 7] {
    [
        ("code", code),
        ("name", "Lucía Pérez"),
        ("email", email),
        ("password", PASSWORD),
        ("organization", "Panadería La Espiga"),
        ("language", "es"),
        ("zone", "America/Mexico_City"),
    ]
}

/// Makes an invitation; answers its path.
pub(super) async fn invite(browser: &mut Browser, email: &str, role: Role) -> String {
    let answer = browser.post("/settings/members/invite", &[("email", email), ("role", role.word())]).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let link = answer.shown_once();
    link.strip_prefix(&browser.url).unwrap_or_else(|| panic!("{link} is made of the public address")).to_owned()
}

/// Two organizations, and somebody of each.
pub(super) async fn two(world: &World, role: Role) -> ((Organization, Person), (Organization, Person)) {
    let (acme, other) = (world.organization("Acme").await, world.organization("Other").await);
    let (marta, luis) = (world.member(&acme, role).await, world.member(&other, role).await);
    ((acme, marta), (other, luis))
}
