//! The identity provider by which people may sign in: OpenID Connect, authorization code flow with PKCE.
//! <https://openid.net/specs/openid-connect-core-1_0.html>, <https://www.rfc-editor.org/rfc/rfc9700>
//!
//! It is asked when somebody needs it, and never before: a provider that is away keeps nobody from signing in otherwise. Its
//! tokens are read here and let go of; nothing of them is kept, logged or shown.

mod flow;
mod http;
mod join;
mod told;

use std::sync::Arc;

use ::http::Uri;
use chrono::DateTime;
use jiff::{SignedDuration, Timestamp};
use model::Clock;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, Client, ClientId, ClientSecret, CsrfToken, DiscoveryError,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenClaims, IdTokenFields, IssuerUrl,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

pub(crate) use flow::Flow;
pub use join::{JoinRule, NoRule};
pub(crate) use told::Told;

use self::http::Http;
use told::Others;

/// Where a browser comes back from the provider.
pub(crate) const CALLBACK: &str = "/login/provider/callback";

/// What a provider says of itself is asked again after this.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

/// Where a key is missing, it is asked again so often.
const KEPT_AT_LEAST: SignedDuration = SignedDuration::from_mins(1);

/// A provider that did not answer is not asked again within this: nobody waits for it behind others.
const LEFT_ALONE: SignedDuration = SignedDuration::from_secs(5);

/// Signatures that are taken: those that only the provider can make. A client's secret signs nothing.
const SIGNED_BY: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Fields = IdTokenFields<
    Others,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

type Tokens = StandardTokenResponse<Fields, CoreTokenType>;

/// What speaks with the provider, once it is known what it says of itself.
type Party = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What the operator says of the provider.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// As it names itself: `https://` and a host, perhaps with a path.
    pub issuer: String,
    /// As which this server is registered there.
    pub client_id: String,
    /// What proves it.
    pub client_secret: SecretString,
    /// What people call it.
    pub name: String,
    /// What it is asked to tell, beside who somebody is.
    pub scopes: Vec<String>,
    /// Who may come without an invitation.
    pub join: Vec<JoinRule>,
}

/// The provider did not say who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It does not answer, or not as a provider does.
    Away,
    /// It does not know the code, or what it says cannot be believed.
    Doubtful,
}

/// An identity provider. Clones share what is known of it.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    settings: ProviderSettings,
    issuer: IssuerUrl,
    callback: RedirectUrl,
    http: Http,
    clock: Clock,
    known: Mutex<Option<Known>>,
}

/// What a provider said of itself, or that it did not, and when.
struct Known {
    at: Timestamp,
    said: Option<Arc<Party>>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.0.settings.issuer).finish_non_exhaustive()
    }
}

impl Provider {
    /// This one, to which `public_url` is where people come back.
    pub fn new(settings: ProviderSettings, public_url: &str, clock: Clock) -> Result<Self, String> {
        let issuer = IssuerUrl::new(settings.issuer.clone()).map_err(|error| error.to_string())?;
        let callback = format!("{}{CALLBACK}", public_url.trim_end_matches('/'));
        let callback = RedirectUrl::new(callback).map_err(|error| error.to_string())?;
        let http = Http::new(settings.issuer.starts_with("https://")).map_err(|error| error.to_string())?;
        Ok(Self(Arc::new(Inner { settings, issuer, callback, http, clock, known: Mutex::new(None) })))
    }

    /// What people call it.
    pub(crate) fn name(&self) -> &str {
        &self.0.settings.name
    }

    /// As it names itself.
    pub(crate) fn issuer(&self) -> &str {
        &self.0.settings.issuer
    }

    /// Who may come without an invitation.
    pub(crate) fn rules(&self) -> &[JoinRule] {
        &self.0.settings.join
    }

    /// Where a flow begins.
    pub(crate) async fn authorization_url(&self, flow: &Flow) -> Result<String, Silence> {
        let party = self.party(KEPT).await?;
        let (state, nonce) = (CsrfToken::new(flow.state()), Nonce::new(flow.nonce()));
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(flow.verifier()));
        let asked = party
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, || state, || nonce)
            .add_scopes(self.0.settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        Ok(asked.url().0.into())
    }

    /// Who came back with this code.
    pub(crate) async fn who(&self, flow: &Flow, code: &str) -> Result<Told, Silence> {
        let party = self.party(KEPT).await?;
        let tokens = self.tokens(&party, flow, code).await?;
        let nonce = Nonce::new(flow.nonce());
        let claims = match self.claims(&party, &tokens, &nonce) {
            // Its keys may have changed since it was asked.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                self.claims(&*self.party(KEPT_AT_LEAST).await?, &tokens, &nonce)
            }
            claims => claims,
        };
        let claims = claims.map_err(|error| doubtful("its ID token is not believed", &error))?;
        let told = Told::read(self.issuer(), &claims);
        if told.is_enough(self.rules()) {
            return Ok(told);
        }
        self.more(&party, &tokens, told).await
    }

    /// What the code is worth.
    async fn tokens(&self, party: &Party, flow: &Flow, code: &str) -> Result<Tokens, Silence> {
        let asked = party
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| away("it names no token endpoint"))?;
        let asked = asked.set_pkce_verifier(PkceCodeVerifier::new(flow.verifier()));
        asked.request_async(&self.0.http).await.map_err(|error| match error {
            RequestTokenError::ServerResponse(said) => doubtful("it refuses the code", said.error()),
            RequestTokenError::Request(error) => away(error),
            // What it answered may hold tokens: nothing of it is told.
            RequestTokenError::Parse(..) => away("its tokens cannot be read"),
            RequestTokenError::Other(_) => away("it answered neither tokens nor an error"),
        })
    }

    /// What the ID token says: of this provider, for this server, in this flow, in force now.
    fn claims(
        &self,
        party: &Party,
        tokens: &Tokens,
        nonce: &Nonce,
    ) -> Result<IdTokenClaims<Others, CoreGenderClaim>, ClaimsVerificationError> {
        let now = self.0.clock.now();
        let verifier = party.id_token_verifier().set_allowed_algs(SIGNED_BY).set_time_fn(move || {
            DateTime::from_timestamp_nanos(i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX))
        });
        let token = tokens.id_token().ok_or_else(|| ClaimsVerificationError::Other("there is none".into()))?;
        token.claims(&verifier, nonce).cloned()
    }

    /// What it says beside the ID token, of the same person.
    async fn more(&self, party: &Party, tokens: &Tokens, told: Told) -> Result<Told, Silence> {
        let subject = openidconnect::SubjectIdentifier::new(told.subject.clone());
        let Ok(asked) = party.user_info(tokens.access_token().clone(), Some(subject)) else { return Ok(told) };
        let more: UserInfoClaims<Others, CoreGenderClaim> = asked
            .request_async(&self.0.http)
            .await
            .map_err(|_| away("it does not say more of them than who they are"))?;
        Ok(told.with(&more))
    }

    /// What speaks with it, made of what it said of itself not longer ago than this.
    async fn party(&self, longest_ago: SignedDuration) -> Result<Arc<Party>, Silence> {
        let mut known = self.0.known.lock().await;
        let now = self.0.clock.now();
        if let Some(Known { at, said }) = &*known {
            let ago = now.duration_since(*at);
            match said {
                Some(party) if ago < longest_ago => return Ok(party.clone()),
                None if ago < LEFT_ALONE => return Err(Silence::Away),
                _ => {}
            }
        }
        let said = self.discover().await;
        *known = Some(Known { at: now, said: said.as_ref().ok().cloned() });
        said
    }

    async fn discover(&self) -> Result<Arc<Party>, Silence> {
        let asked = CoreProviderMetadata::discover_async(self.0.issuer.clone(), &self.0.http).await;
        let said = asked.map_err(|error| match error {
            DiscoveryError::Request(error) => away(error),
            DiscoveryError::Validation(said) => away(format_args!("it is another provider than was asked: {said}")),
            DiscoveryError::Response(status, ..) => away(format_args!("it answered {status}")),
            error => away(error),
        })?;
        let is_https = |url: &str| url.parse::<Uri>().is_ok_and(|url| url.scheme_str() == Some("https"));
        if is_https(self.issuer()) && !is_https(said.authorization_endpoint()) {
            return Err(away("people would be sent to it without HTTPS"));
        }
        let settings = &self.0.settings;
        let in_body = said.token_endpoint_auth_methods_supported().is_some_and(|methods| {
            !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
                && methods.contains(&CoreClientAuthMethod::ClientSecretPost)
        });
        let secret = ClientSecret::new(settings.client_secret.expose_secret().to_owned());
        let party = Party::from_provider_metadata(said, ClientId::new(settings.client_id.clone()), Some(secret))
            .set_redirect_uri(self.0.callback.clone())
            .set_auth_type(if in_body { AuthType::RequestBody } else { AuthType::BasicAuth });
        Ok(Arc::new(party))
    }
}

fn away(reason: impl std::fmt::Display) -> Silence {
    tracing::warn!(%reason, "the identity provider does not answer as one");
    Silence::Away
}

fn doubtful(what: &str, reason: &dyn std::fmt::Display) -> Silence {
    tracing::warn!(%reason, "a sign-in by the identity provider is refused: {what}");
    Silence::Doubtful
}
