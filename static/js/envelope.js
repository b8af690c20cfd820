// Seals a ballot in the browser, so that the server never sees the choices. The format, with a test vector,
// is in docs/voting.md; civic/votes/envelope.py is its other half. Needs nothing but WebCrypto.

const VERSION = 2;
const INFO = new TextEncoder().encode("madang ballot 2");
const WRAP = new TextEncoder().encode("madang wrap 2");
const SIGNS = "34679ACDEFGHJKMNPQRTUWXY"; // no look-alikes
const CURVE = { name: "ECDH", namedCurve: "P-256" };

export function toText(bytes) {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function fromText(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (sign) => sign.charCodeAt(0));
}

function join(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

const inFours = (signs) => signs.match(/.{4}/g).join("-");

// A tracker: sixteen signs, each equally likely (bytes from 240 on are drawn again: 240 is 10 x 24).
export function newTracker() {
  let signs = "";
  while (signs.length < 16) {
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) {
      if (byte < 240 && signs.length < 16) signs += SIGNS[byte % 24];
    }
  }
  return inFours(signs);
}

// The receipt code of an envelope (bytes): SHA-256 as a number, its sixteen lowest digits in base 24.
export async function receiptOf(envelope) {
  const hex = Array.from(await sha256(envelope), (byte) => byte.toString(16).padStart(2, "0")).join("");
  let number = BigInt(`0x${hex}`);
  let signs = "";
  for (let place = 0; place < 16; place += 1) {
    signs += SIGNS[Number(number % 24n)];
    number /= 24n;
  }
  return inFours(signs);
}

// Every set of `size` of the numbers from `first` to `end` - 1, in the order of the alphabet.
function sets(end, size, first = 0) {
  if (!size) return [[]];
  const found = [];
  for (let one = first; one <= end - size; one += 1) {
    for (const rest of sets(end, size - 1, one + 1)) found.push([one, ...rest]);
  }
  return found;
}

// choices: slugs. slot: {poll, rules (hex), keys: [base64url], needed, room}. Answers {envelope, receipt, tracker}.
// `tracker` and `ephemeral` are given only by the test of the vector.
export async function seal(choices, slot, { tracker = newTracker(), ephemeral = null } = {}) {
  if (!(slot.keys.length >= slot.needed)) throw new Error("poll has not enough keys");
  const own = ephemeral ?? (await crypto.subtle.generateKey(CURVE, true, ["deriveBits"]));
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", own.publicKey));
  const scalar = fromText((await crypto.subtle.exportKey("jwk", own.privateKey)).d);
  const poll = new TextEncoder().encode(slot.poll);
  const rules = Uint8Array.from(slot.rules.match(/../g), (pair) => parseInt(pair, 16));
  const head = join([VERSION], (await sha256(poll)).slice(0, 16), rules, point);

  const content = new TextEncoder().encode(JSON.stringify({ choices: [...choices].sort(), tracker }));
  if (content.length + 2 > slot.room) throw new Error("choices do not fit");
  const padded = new Uint8Array(slot.room);
  padded.set([content.length >> 8, content.length & 255]);
  padded.set(content, 2);

  const keys = slot.keys.map(fromText);
  const salt = join(head, ...keys);
  async function derive(secret, info, bits) {
    const key = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
    return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, bits));
  }

  const shared = [];
  for (const raw of keys) {
    const key = await crypto.subtle.importKey("raw", raw, CURVE, false, []);
    shared.push(new Uint8Array(await crypto.subtle.deriveBits({ name: "ECDH", public: key }, own.privateKey, 256)));
  }
  const wraps = [];
  for (const set of sets(keys.length, slot.needed)) {
    const pad = await derive(join(...set.map((holder) => shared[holder])), join(WRAP, set), 256);
    wraps.push(scalar.map((byte, at) => byte ^ pad[at]));
  }
  const derived = await derive(scalar, INFO, 352);
  const key = await crypto.subtle.importKey("raw", derived.slice(0, 32), "AES-GCM", false, ["encrypt"]);
  const cipher = { name: "AES-GCM", iv: derived.slice(32), additionalData: join(head, poll) };
  const envelope = join(head, ...wraps, new Uint8Array(await crypto.subtle.encrypt(cipher, key, padded)));
  return { envelope: toText(envelope), receipt: await receiptOf(envelope), tracker };
}

// Is it the Ed25519 signature of these words by this key, both base64url in its one spelling? null where the browser cannot tell.
export async function isGiven(key, signature, words) {
  try {
    if ([key, signature].some((text) => toText(fromText(text)) !== text)) return false;
    const known = await crypto.subtle.importKey("raw", fromText(key), "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", known, fromText(signature), new TextEncoder().encode(words));
  } catch (wrong) {
    return wrong.name === "NotSupportedError" || !globalThis.crypto?.subtle ? null : false;
  }
}
