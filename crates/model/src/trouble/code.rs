//! What troubles are told apart by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// wazapp's own words, each with what it is stored and told by.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)+) => {
        /// A word of wazapp's for what went wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Word {
            $($(#[$doc])* #[serde(rename = $word)] $name,)+
        }

        impl Word {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// As it is stored and told.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            fn of(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// A number's token is not here, or does not open.
    NoToken = "no_token",
    /// It was sealed with another master key.
    Unopenable = "unopenable",
    /// It has ended.
    TokenExpired = "token_expired",
    /// It ends soon.
    TokenExpires = "token_expires",
    /// Meta refuses it.
    TokenRefused = "token_refused",
    /// Meta says that it is not valid.
    TokenInvalid = "token_invalid",
    /// It may not do what is needed.
    TokenLacksPermission = "token_lacks_permission",
    /// It opens another account.
    TokenOfAnotherAccount = "token_of_another_account",
    /// It belongs to another App.
    TokenOfAnotherApp = "token_of_another_app",

    /// Meta could not be reached, or asked like this.
    NotSent = "not_sent",
    /// Meta gave no complete answer.
    NoAnswer = "no_answer",
    /// Meta cannot be asked like this.
    Malformed = "malformed",

    /// People, or whoever waited for it, took a message back.
    Cancelled = "cancelled",
    /// The time for it is over.
    Deadline = "deadline",
    /// A message's file was deleted here.
    MediaGone = "media_gone",
    /// A message's file did not reach Meta yet.
    NotUploaded = "not_uploaded",

    /// The number is not connected.
    NotConnected = "not_connected",
    /// Meta named no file.
    Nameless = "nameless",
    /// Meta does not have a file any more.
    Gone = "gone",
    /// A file's bytes are others than announced.
    WrongHash = "wrong_hash",
    /// A file comes too slowly.
    Slow = "slow",
    /// The organization has taken all that it may.
    OverQuota = "over_quota",
    /// An address that is not Meta's.
    ForeignUrl = "foreign_url",
    /// A file is larger than this server keeps.
    TooLarge = "too_large",
    /// A file did not come whole.
    Broken = "broken",
    /// A file could not be stored.
    Store = "store",
    /// A file could not be noted.
    Busy = "busy",
    /// A file is past its retention.
    Expired = "expired",

    /// Meta names another account for a number.
    OtherAccount = "other_account",
    /// Meta does not show a number.
    NotShown = "not_shown",
    /// Meta refused something beside sending, until the number was looked at.
    RefusedAside = "refused_aside",
    /// A look found that to be so.
    MetaRefuses = "meta_refuses",
    /// Messages fail for their account's sake.
    SendsFail = "sends_fail",
    /// Meta's list does not end.
    Endless = "endless",

    /// A mail server refuses a mail for good.
    MailRefused = "mail_refused",
    /// A mail was not sent yet.
    MailNotSent = "mail_not_sent",

    /// An endpoint takes nothing.
    EndpointFailing = "endpoint_failing",
    /// An endpoint wants to hear nothing any more.
    EndpointGone = "endpoint_gone",

    /// No number is named, or there is none.
    NoNumber = "no_number",
    /// There are several.
    SeveralNumbers = "several_numbers",
    /// A number is in another account.
    NumberOfAnotherAccount = "number_of_another_account",
    /// A number is another organization's.
    Taken = "taken",
    /// A token was not tried with a number.
    Unproved = "unproved",
    /// No account is named.
    NoAccount = "no_account",
    /// There are several.
    SeveralAccounts = "several_accounts",
    /// Meta names other accounts than the one that a token opens.
    AccountNotNamed = "account_not_named",
    /// An App is not known here.
    NoApp = "no_app",
    /// It is on no server of ours.
    UnknownApp = "unknown_app",
    /// A sign-up has no code any more.
    NoCode = "no_code",
    /// Registering takes a PIN.
    PinNeeded = "pin_needed",
    /// No verify token is configured.
    NoVerifyToken = "no_verify_token",
    /// The App has no subscription.
    NoSubscription = "no_subscription",
    /// Webhooks go elsewhere.
    WebhooksGoElsewhere = "webhooks_go_elsewhere",
    /// The App hears of no messages.
    MessagesMissing = "messages_missing",
    /// The App does not hear of everything.
    FieldsMissing = "fields_missing",
    /// Our own callback does not answer.
    CallbackFails = "callback_fails",
    /// Meta cannot reach it.
    CallbackNotPublic = "callback_not_public",
}

/// What to tell troubles apart by: Meta's number, or a word of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged, try_from = "Written")]
pub enum Code {
    /// Meta's code.
    Meta(i64),
    /// Ours.
    #[schema(value_type = String)]
    Ours(Word),
}

/// A code as it is written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(i64),
    Text(String),
}

impl TryFrom<Written> for Code {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(code) => Ok(Self::Meta(code)),
            Written::Text(word) => Word::of(&word).map(Self::Ours).ok_or_else(|| format!("`{word}` is no known code")),
        }
    }
}

impl Code {
    /// As they are written: what rests for one of these is tried again with another token, as a message would be refused like
    /// the last one.
    pub(crate) const OF_TOKEN: [&str; 4] = ["0", "104", "190", Word::NoToken.word()];

    /// Whether what rests for it goes on with another token.
    pub fn is_of_token(self) -> bool {
        Self::OF_TOKEN.contains(&self.to_string().as_str())
    }

    /// Meta's.
    pub fn of_meta(self) -> Option<i64> {
        match self {
            Self::Meta(code) => Some(code),
            Self::Ours(_) => None,
        }
    }
}

impl From<i64> for Code {
    fn from(code: i64) -> Self {
        Self::Meta(code)
    }
}

impl From<Word> for Code {
    fn from(word: Word) -> Self {
        Self::Ours(word)
    }
}

impl PartialEq<Word> for Code {
    fn eq(&self, word: &Word) -> bool {
        *self == Self::Ours(*word)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meta(code) => code.fmt(f),
            Self::Ours(word) => f.write_str(word.word()),
        }
    }
}
