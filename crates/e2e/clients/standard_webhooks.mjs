// Whether npm's standardwebhooks takes a call as signed, and another one not. On standard input: secret, headers and body.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secret, headers, body } = JSON.parse(readFileSync(0, "utf8"));
const hook = new Webhook(secret);
console.log(JSON.stringify(hook.verify(body, headers)));
try {
  hook.verify(`${body} `, headers);
} catch {
  process.exit(0);
}
throw new Error("it takes another body as signed too");
