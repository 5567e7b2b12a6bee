// Does with the npm package age-encryption what one job file asks for, and prints the results as JSON.
//
//   node age_interop.mjs JOB.json
//
// A job holds any of
//   "recipients": [identity, …]                      → recipients in age's text form
//   "decrypt":    [{identity, from, to}, …]          → lengths of the plaintext written to `to`
//   "refuse":     [{identity, from}, …]              → for each, the message of the error, or null if it opened
//   "encrypt":    [{recipient, from, to}, …]         → lengths of the age files written to `to`
//   "generate":   n                                  → n fresh hybrid identities
//   "vectors":    true                               → the test vectors of C2SP's CCTV, base64
import { readFileSync, writeFileSync } from "node:fs";
import * as age from "age-encryption";
import * as cctv from "cctv-age";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const result = { recipients: [], decrypt: [], refuse: [], encrypt: [], generate: [], vectors: {} };

async function open({ identity, from }) {
  const decrypter = new age.Decrypter();
  decrypter.addIdentity(identity);
  return await decrypter.decrypt(readFileSync(from));
}

for (const identity of job.recipients ?? []) {
  result.recipients.push(await age.identityToRecipient(identity));
}
for (const item of job.decrypt ?? []) {
  const plaintext = await open(item);
  writeFileSync(item.to, plaintext);
  result.decrypt.push(plaintext.length);
}
for (const item of job.refuse ?? []) {
  result.refuse.push(await open(item).then(() => null, (error) => error.message));
}
for (const { recipient, from, to } of job.encrypt ?? []) {
  const encrypter = new age.Encrypter();
  encrypter.addRecipient(recipient);
  const sealed = await encrypter.encrypt(readFileSync(from));
  writeFileSync(to, sealed);
  result.encrypt.push(sealed.length);
}
for (let i = 0; i < (job.generate ?? 0); i++) {
  result.generate.push(await age.generateHybridIdentity());
}
if (job.vectors) {
  for (const [name, bytes] of Object.entries(cctv)) {
    result.vectors[name] = Buffer.from(bytes).toString("base64");
  }
}
console.log(JSON.stringify(result));
