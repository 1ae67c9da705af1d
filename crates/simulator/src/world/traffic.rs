//! Messages on their way: from a business to a phone and back, and what Meta tells of them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::customer::Reads;
use super::media::DISGUISED;
use super::{Direction, Message, Task, World};
use crate::error::GraphError;
use crate::faults::{Case, Kind};
use crate::webhook::Update;

/// A customer's last word opens the window for this long (§11).
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// A phone behind a username is shown to a business for this long after it dialed it (§6).
const PHONE_SHOWN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Messages take reactions for this long (§11).
const REACTABLE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A message of the business that Meta accepted.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) phone_number_id: String,
    /// The customer's key.
    pub(crate) customer: String,
    /// Whether the send named a phone, else a user id.
    pub(crate) to_phone: bool,
    /// Meta's type.
    pub(crate) kind: String,
    /// Meta's object below it.
    pub(crate) content: Value,
    pub(crate) reply_to: Option<String>,
    pub(crate) opaque: Option<String>,
    /// `marketing`, `utility`, `authentication` or `service`.
    pub(crate) category: String,
    /// A template as the customer sees it.
    pub(crate) rendered: Option<Value>,
    /// A medium that Meta has yet to fetch.
    pub(crate) link: Option<String>,
    /// Sent with `category` (Direct Send): may leave outside the window (§8.5).
    pub(crate) direct: bool,
}

impl World {
    /// Whether the customer's window is open (§11).
    pub(crate) fn window_open(&self, phone_number_id: &str, customer: &str, now: Timestamp) -> bool {
        self.threads.get(&(phone_number_id.into(), customer.into())).is_some_and(|thread| {
            thread.last_inbound.is_some_and(|at| now.duration_since(at) < WINDOW)
                || thread.entry_point_until.is_some_and(|until| now < until)
        })
    }

    /// Takes a message of the business and sets out what becomes of it; answers its wamid.
    pub(crate) fn business_sends(&mut self, sent: Sent, now: Timestamp) -> String {
        let customer = &self.customers[&sent.customer];
        let digits = customer.wa_id.clone().unwrap_or_else(|| "0".into());
        let wamid = self.chance.wamid(&digits);
        let fate = self.fate(&sent, now);
        let thread = self.threads.entry((sent.phone_number_id.clone(), sent.customer.clone())).or_default();
        thread.typing_until = None;
        if sent.to_phone {
            thread.last_touch = Some(now);
        }
        if sent.kind == "reaction" {
            if fate.is_ok() {
                self.react(&sent.phone_number_id, &sent.customer, Direction::FromBusiness, &sent.content);
            }
        } else {
            thread.wamids.push(wamid.clone());
        }
        let (link, phone_number_id, customer) = (sent.link, sent.phone_number_id, sent.customer);
        let between = (phone_number_id.as_str(), customer.as_str());
        let message = Message {
            reply_to: sent.reply_to,
            opaque: sent.opaque,
            to_phone: sent.to_phone,
            category: sent.category,
            rendered: sent.rendered,
            ..Message::said(Direction::FromBusiness, between, &wamid, &sent.kind, sent.content, now)
        };
        self.messages.insert(wamid.clone(), message);
        match (fate, link) {
            (Err(error), _) => self.within(now, 30, 120, Task::Fail { wamid: wamid.clone(), error }),
            (Ok(()), Some(url)) => self.at(now, Task::Fetch { wamid: wamid.clone(), url }),
            (Ok(()), None) => self.goes_out(&wamid, now),
        }
        self.changed(&customer, &phone_number_id, "message");
        wamid
    }

    /// Puts the first step of a message on the agenda.
    pub(crate) fn goes_out(&mut self, wamid: &str, now: Timestamp) {
        self.within(now, 30, 120, Task::Status { wamid: wamid.into(), status: "sent" });
    }

    /// What only a `failed` status tells (§8.1).
    fn fate(&mut self, sent: &Sent, now: Timestamp) -> Result<(), GraphError> {
        let customer = &self.customers[&sent.customer];
        if !customer.on_whatsapp || customer.blocks.contains(&sent.phone_number_id) {
            return Err(GraphError::of(131026).details("Message Undeliverable."));
        }
        if sent.kind == "reaction" && !self.may_react(sent, now) {
            return Err(GraphError::of(131009)
                .details("message_id: not in this chat, deleted, a reaction itself, or older than 30 days."));
        }
        if self.shows_in_disguise(&sent.kind, &sent.content) {
            return Err(GraphError::of(131053).details(DISGUISED));
        }
        if sent.category == "marketing" && customer.stopped_marketing.contains(&sent.phone_number_id) {
            return Err(GraphError::of(131050)
                .details("User has stopped receiving marketing messages on WhatsApp from this business"));
        }
        if self.window_open(&sent.phone_number_id, &sent.customer, now) {
            return Ok(());
        }
        if sent.kind != "template" && !sent.direct {
            return Err(GraphError::of(131047).details(
                "Message failed to send because more than 24 hours have passed since the customer last replied to \
                 this number.",
            ));
        }
        let business = self.business_of(&sent.phone_number_id).map(|business| business.id.clone());
        let business = business.and_then(|id| self.businesses.get_mut(&id)).expect("a number has a business");
        business.begun.retain(|_, at| now.duration_since(*at) < WINDOW);
        let many = business.begun.len() as u32;
        if !business.begun.contains_key(&sent.customer) && business.messaging_limit.is_some_and(|limit| many >= limit) {
            return Err(GraphError::of(131048)
                .details("Message failed to send because the messaging limit of the business has been reached."));
        }
        business.begun.insert(sent.customer.clone(), now);
        Ok(())
    }

    /// Whether the message that a reaction names can have one (§8.2, §11).
    fn may_react(&self, sent: &Sent, now: Timestamp) -> bool {
        let target = sent.content["message_id"].as_str().and_then(|wamid| self.messages.get(wamid));
        target.is_some_and(|target| {
            target.phone_number_id == sent.phone_number_id
                && target.customer == sent.customer
                && target.kind != "reaction"
                && !target.deleted
                && now.duration_since(target.at) < REACTABLE
        })
    }

    /// A message gets a status; tells the Apps, and sets out the next.
    pub(crate) fn step(&mut self, wamid: &str, status: &'static str, now: Timestamp) {
        let Some(message) = self.messages.get_mut(wamid) else { return };
        if message.has(status) || message.error.is_some() {
            return;
        }
        message.statuses.push((status, now));
        let (customer, number) = (message.customer.clone(), message.phone_number_id.clone());
        let kind = message.kind.clone();
        self.changed(&customer, &number, "status");
        self.tell_status(wamid, status, None, now);
        // Of a reaction only `sent` comes back (§8.2).
        if kind == "reaction" {
            return;
        }
        let reads = self.customers[&customer].reads;
        let next = match status {
            "sent" if reads != Reads::Off => Some(("delivered", 50, 250)),
            "delivered" if reads == Reads::Soon => Some(("read", 400, 1500)),
            _ => None,
        };
        if let Some((next, from, to)) = next {
            self.within(now, from, to, Task::Status { wamid: wamid.into(), status: next });
        }
        if status == "delivered" {
            self.script_answers(wamid, now);
        }
    }

    /// A message fails; tells the Apps.
    pub(crate) fn fail(&mut self, wamid: &str, error: &GraphError, now: Timestamp) {
        let Some(message) = self.messages.get_mut(wamid) else { return };
        if message.error.is_some() {
            return;
        }
        message.error = Some(error.in_webhook());
        message.statuses.push(("failed", now));
        let (customer, number) = (message.customer.clone(), message.phone_number_id.clone());
        self.changed(&customer, &number, "status");
        self.tell_status(wamid, "failed", Some(error), now);
    }

    fn tell_status(&mut self, wamid: &str, status: &'static str, error: Option<&GraphError>, now: Timestamp) {
        let number = self.messages[wamid].phone_number_id.clone();
        let Some(waba) = self.waba_of(&number).map(|waba| waba.id.clone()) else { return };
        let case = Case { phone_number_id: Some(&number), status: Some(status), ..Case::default() };
        let Self { faults, chance, .. } = self;
        if faults.strike(Kind::SkipStatus, case, chance).is_some() {
            return;
        }
        let times = if faults.strike(Kind::RepeatStatus, case, chance).is_some() { 2 } else { 1 };
        let value = self.status_value(wamid, status, error, now);
        for _ in 0..times {
            self.emit(Update::messages(&waba, &number, wamid, value.clone()));
        }
    }

    /// The `value` of a status (§5).
    fn status_value(&mut self, wamid: &str, status: &str, error: Option<&GraphError>, now: Timestamp) -> Value {
        let message = self.messages[wamid].clone();
        let contact = self.contact(&message.phone_number_id, &message.customer, now);
        let mut row = Map::new();
        row.insert("id".into(), wamid.into());
        row.insert("status".into(), status.into());
        row.insert("timestamp".into(), now.as_second().to_string().into());
        let wa_id = &contact["wa_id"];
        if message.to_phone || !wa_id.is_null() {
            row.insert("recipient_id".into(), self.customers[&message.customer].wa_id.clone().into());
        }
        row.insert("recipient_user_id".into(), contact["user_id"].clone());
        if let Some(opaque) = &message.opaque {
            row.insert("biz_opaque_callback_data".into(), opaque.clone().into());
        }
        if let Some(error) = error {
            row.insert("errors".into(), json!([error.in_webhook()]));
        } else if status == "sent" || status == "delivered" {
            row.insert("pricing".into(), self.pricing(&message));
        }
        let mut value = json!({
            "messaging_product": "whatsapp",
            "metadata": self.metadata(&message.phone_number_id),
        });
        // Of a message that failed, Meta does not promise the person; what it sends has one (§5).
        let mut contact = contact;
        if status == "sent"
            && let Some(profile) = contact["profile"].as_object_mut()
        {
            profile.remove("username");
        }
        value["contacts"] = json!([contact]);
        value["statuses"] = json!([row]);
        value
    }

    /// What a message costs (§5): inside the window, replies and utility templates are free.
    fn pricing(&self, message: &Message) -> Value {
        let free = message.category == "service"
            || (message.category == "utility"
                && self.window_open(&message.phone_number_id, &message.customer, message.at));
        let kind = if free { "free_customer_service" } else { "regular" };
        json!({ "billable": !free, "pricing_model": "PMP", "category": message.category, "type": kind })
    }

    /// A person in `contacts[]` (§4.1, §6).
    pub(crate) fn contact(&mut self, phone_number_id: &str, customer: &str, now: Timestamp) -> Value {
        let business = self.business_of(phone_number_id).map(|business| business.id.clone()).unwrap_or_default();
        let user_id = self.user_id(customer, &business);
        let shown = self.phone_shown(phone_number_id, customer, now);
        let customer = &self.customers[customer];
        let mut profile = Map::new();
        if let Some(name) = &customer.name {
            profile.insert("name".into(), name.clone().into());
        }
        if let Some(username) = &customer.username {
            profile.insert("username".into(), username.clone().into());
        }
        let mut contact = json!({ "profile": profile });
        if let Some(wa_id) = customer.wa_id.as_ref().filter(|_| shown) {
            contact["wa_id"] = wa_id.clone().into();
        }
        contact["user_id"] = user_id.into();
        contact
    }

    /// Whether the business is shown this customer's phone (§6).
    pub(super) fn phone_shown(&self, phone_number_id: &str, customer: &str, now: Timestamp) -> bool {
        let known = &self.customers[customer];
        let touched = || {
            let thread = self.threads.get(&(phone_number_id.into(), customer.into()));
            thread.and_then(|thread| thread.last_touch).is_some_and(|at| now.duration_since(at) < PHONE_SHOWN)
        };
        known.wa_id.is_some() && (!known.hides_phone || touched())
    }

    /// A customer writes: `message` is Meta's object without id and timestamp, its media known to Meta. Answers the
    /// wamid; `None` where nobody hears it, because the number blocks the customer.
    pub(crate) fn customer_sends(
        &mut self,
        phone_number_id: &str,
        customer: &str,
        message: Map<String, Value>,
        now: Timestamp,
    ) -> Option<String> {
        if self.numbers[phone_number_id].blocked.contains(customer) {
            return None;
        }
        let waba = self.waba_of(phone_number_id).map(|waba| waba.id.clone())?;
        let digits = self.numbers[phone_number_id].digits.clone();
        let wamid = self.chance.wamid(&digits);
        let shown = self.phone_shown(phone_number_id, customer, now);
        let contact = self.contact(phone_number_id, customer, now);
        let kind = message.get("type").and_then(Value::as_str).unwrap_or("text").to_owned();
        let content = message.get(&kind).cloned().unwrap_or(Value::Null);
        let reply_to = message.get("context").and_then(|context| context["id"].as_str()).map(str::to_owned);

        let mut row = Map::new();
        if shown {
            row.insert("from".into(), self.customers[customer].wa_id.clone().into());
        }
        row.insert("from_user_id".into(), contact["user_id"].clone());
        row.insert("id".into(), wamid.clone().into());
        row.insert("timestamp".into(), now.as_second().to_string().into());
        let referred = message.contains_key("referral");
        row.extend(message);
        if let Some(context) = row.get_mut("context").and_then(Value::as_object_mut)
            && context.contains_key("id")
        {
            context.entry("from").or_insert_with(|| digits.into());
        }
        row.insert("type".into(), kind.clone().into());
        let mut value = json!({ "messaging_product": "whatsapp", "metadata": self.metadata(phone_number_id) });
        // A system message comes without the person (§4.5).
        if kind != "system" {
            value["contacts"] = json!([contact]);
        }
        value["messages"] = json!([row]);

        let thread = self.threads.entry((phone_number_id.into(), customer.into())).or_default();
        if kind != "system" {
            thread.last_inbound = Some(now);
        }
        if referred {
            thread.entry_point_until = Some(now + SignedDuration::from_hours(72));
        }
        match kind.as_str() {
            "reaction" => self.react(phone_number_id, customer, Direction::FromCustomer, &content),
            "edit" => self.edit(&content),
            "revoke" => self.revoke(&content),
            _ => thread.wamids.push(wamid.clone()),
        }
        let between = (phone_number_id, customer);
        let message = Message {
            reply_to,
            statuses: vec![("sent", now)],
            ..Message::said(Direction::FromCustomer, between, &wamid, &kind, content, now)
        };
        self.messages.insert(wamid.clone(), message);
        self.changed(customer, phone_number_id, "message");
        self.emit(Update::messages(&waba, phone_number_id, &wamid, value));
        Some(wamid)
    }

    /// Sets or takes away the emoji of one side; an empty one takes it away.
    pub(crate) fn react(&mut self, phone_number_id: &str, customer: &str, by: Direction, content: &Value) {
        let Some(target) = content["message_id"].as_str().and_then(|wamid| self.messages.get_mut(wamid)) else {
            return;
        };
        if target.phone_number_id != phone_number_id || target.customer != customer {
            return;
        }
        target.reactions.retain(|(side, _)| *side != by);
        if let Some(emoji) = content["emoji"].as_str().filter(|emoji| !emoji.is_empty()) {
            target.reactions.push((by, emoji.to_owned()));
        }
    }

    fn edit(&mut self, content: &Value) {
        let Some(target) = content["original_message_id"].as_str().and_then(|wamid| self.messages.get_mut(wamid))
        else {
            return;
        };
        if let Some(kind) = content["message"]["type"].as_str() {
            target.content = content["message"][kind].clone();
            target.edited = true;
        }
    }

    fn revoke(&mut self, content: &Value) {
        if let Some(target) = content["original_message_id"].as_str().and_then(|wamid| self.messages.get_mut(wamid)) {
            target.deleted = true;
        }
    }

    /// The customer opens the chat: what came is read.
    pub(crate) fn customer_opens(&mut self, phone_number_id: &str, customer: &str, now: Timestamp) {
        let key = (phone_number_id.to_owned(), customer.to_owned());
        let Some(thread) = self.threads.get(&key) else { return };
        let came = |wamid: &&String| {
            let message = &self.messages[*wamid];
            message.direction == Direction::FromBusiness && message.has("delivered") && !message.has("read")
        };
        let wamids: Vec<String> = thread.wamids.iter().filter(came).cloned().collect();
        for wamid in wamids {
            self.step(&wamid, "read", now);
        }
    }

    /// The business read a message and all before it (§8.2); answers whether there is such a message.
    pub(crate) fn business_reads(&mut self, phone_number_id: &str, wamid: &str, typing: bool, now: Timestamp) -> bool {
        let Some(message) = self.messages.get(wamid) else { return false };
        if message.phone_number_id != phone_number_id || message.direction != Direction::FromCustomer {
            return false;
        }
        let (customer, at) = (message.customer.clone(), message.at);
        let thread = self.threads.entry((phone_number_id.into(), customer.clone())).or_default();
        if typing {
            thread.typing_until = Some(now + SignedDuration::from_secs(25));
        }
        for wamid in thread.wamids.clone() {
            let Some(message) = self.messages.get_mut(&wamid) else { continue };
            if message.direction == Direction::FromCustomer && message.at <= at && !message.has("read") {
                message.statuses.push(("read", now));
            }
        }
        self.changed(&customer, phone_number_id, if typing { "typing" } else { "status" });
        true
    }
}
