// The particle that fits how a word is read, as civic/korean.py chooses it: josa("번호", "을/를") is "번호를".

const SILENT = /(?:\s*[([\uff08][^()[\]\uff08\uff09]*[)\]\uff09]|[^\p{L}\p{N}])+$/u;
const DIGITS = ["\u3147", "\u3139", "", "\u3141", "", "", "\u3131", "\u3139", "\u3139", ""];

// The final consonant that is heard: rieul told apart from any other, "" for none; null when unknown. Escaped, for no page shows these.
function final(word) {
  const text = word.normalize("NFC").replaceAll("%", "퍼센트");
  const read = text.replace(SILENT, "");
  const last = read.at(-1) ?? "";
  if (last >= "가" && last <= "힣") {
    const number = (last.charCodeAt(0) - 0xac00) % 28;
    return number === 0 ? "" : number === 8 ? "\u3139" : "\u3131";
  }
  if (/^[0-9]$/.test(last)) return DIGITS[Number(last)];
  if (!/^[A-Za-z]$/.test(last)) return null;
  if (/[lL]/.test(last)) return "\u3139";
  if (/[mn]/i.test(last) || /ng$/i.test(read)) return "\u3147";
  return last === "R" && !/[a-z]R$/.test(read) ? "\u3139" : "";
}

export function josa(word, pair) {
  const [afterConsonant, afterVowel] = pair.split("/");
  const heard = final(word);
  if (heard === null) return `${word}${afterConsonant}(${afterVowel})`;
  if (afterConsonant === "으로" && heard === "\u3139") return word + afterVowel;
  return word + (heard ? afterConsonant : afterVowel);
}
