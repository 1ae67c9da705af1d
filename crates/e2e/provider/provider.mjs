// An identity provider of the tests: `oidc-provider` as it is, on a free port of loopback. The first line of standard output
// tells its issuer. What PUT /control sends is kept in `told`: who signs in next, what is known of people, whom it serves, and
// how it misbehaves. Standard input's end ends it.
import { createHmac, createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const told = { people: {}, who: null, denies: false, inToken: false, lie: null, discovery: null, redirectUris: [], keys: 1 };
let issuer, provider, answer, keys, tokens;

function newKey() {
  const jwk = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
  return { ...jwk, kid: randomUUID(), use: "sig", alg: "RS256" };
}

const client = (client_id) => ({ client_id, client_secret: `secret of ${client_id}`, redirect_uris: told.redirectUris });

async function loadExistingGrant(ctx) {
  const { client: { clientId }, session: { accountId } } = ctx.oidc;
  const grant = new ctx.oidc.provider.Grant({ clientId, accountId });
  grant.addOIDCScope("openid email profile groups");
  await grant.save();
  return grant;
}

function build() {
  if (keys?.length !== told.keys) keys = Array.from({ length: told.keys }, newKey).slice(-1);
  provider = new Provider(issuer, {
    clients: [client("wazapp"), client("another")],
    jwks: { keys },
    cookies: { keys: ["of tests alone"] },
    scopes: ["openid", "email", "profile", "groups"],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "zoneinfo"], groups: ["groups"] },
    conformIdTokenClaims: !told.inToken,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...told.people[sub] }) }),
    loadExistingGrant,
    pkce: { required: () => true },
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === "/token") tokens = ctx.body;
    if (ctx.path === "/token" && ctx.body?.id_token && told.lie) ctx.body.id_token = lie(ctx.body.id_token);
  });
  answer = provider.callback();
}

const encode = (json) => Buffer.from(JSON.stringify(json)).toString("base64url");

// An ID token as no provider of good faith would make it for this flow.
function lie(token) {
  const [header, claims] = token.split(".").slice(0, 2).map((part) => JSON.parse(Buffer.from(part, "base64url")));
  const changes = {
    audience: { aud: "another" },
    issuer: { iss: "https://elsewhere.example" },
    expired: { exp: claims.iat - 60 },
    nonce: { nonce: "of another flow" },
    "no-nonce": { nonce: undefined },
  };
  const signed = (alg, sign) => {
    const text = `${encode({ ...header, alg })}.${encode({ ...claims, ...changes[told.lie] })}`;
    return `${text}.${sign(text)}`;
  };
  const rsa = (jwk) => (text) => createSign("sha256").update(text).sign({ key: jwk, format: "jwk" }, "base64url");
  switch (told.lie) {
    case "unsigned": return signed("none", () => "");
    case "secret": return signed("HS256", (text) => createHmac("sha256", "secret of wazapp").update(text).digest("base64url"));
    case "key": return signed("RS256", rsa(newKey()));
    default: return signed("RS256", rsa(keys.at(-1)));
  }
}

const LONG = "x".repeat(1 << 20);

// What stands where a provider says what it is.
function discover(response) {
  switch (told.discovery) {
    case "page": response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>"); break;
    case "long": response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ issuer, LONG })); break;
    case "redirect": response.writeHead(302, { location: `${issuer}/.well-known/openid-configuration?moved` }).end(); break;
    case "error": response.writeHead(500).end("secret of wazapp"); break;
    case "other": response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({
      issuer: "https://elsewhere.example", authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`, response_types_supported: ["code"], subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
    })); break;
  }
}

async function control(request, response) {
  if (request.method === "GET") return response.end(JSON.stringify(tokens));
  let text = "";
  for await (const piece of request) text += piece;
  const wish = JSON.parse(text);
  Object.assign(told, wish, { people: { ...told.people, ...wish.people } });
  if (["redirectUris", "inToken", "keys"].some((name) => name in wish)) build();
  response.writeHead(204).end();
}

const server = createServer(async (request, response) => {
  if (request.url === "/control") return control(request, response);
  if (told.discovery && request.url === "/.well-known/openid-configuration") return discover(response);
  if (!request.url.startsWith("/interaction/")) return answer(request, response);
  const outcome = told.denies ? { error: "access_denied" } : { login: { accountId: told.who } };
  return provider.interactionFinished(request, response, outcome, { mergeWithLastSubmission: false });
});

server.listen(0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  build();
  console.log(issuer);
});
process.stdin.on("end", () => process.exit(0)).resume();
