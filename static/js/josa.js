// The particle that fits how a word is read, as civic/korean.py chooses it: josa("번호", "을/를") is "번호를".

const SILENT = /(?:\s*[([（][^()[\]（）]*[)\]）]|[^\p{L}\p{N}])+$/u;
const DIGITS = ["ㅇ", "ㄹ", "", "ㅁ", "", "", "ㄱ", "ㄹ", "ㄹ", ""];

// The final consonant that is heard: "ㄹ", another sign for any other, "" for none; null when unknown.
function final(word) {
  const text = word.normalize("NFC").replaceAll("%", "퍼센트");
  const read = text.replace(SILENT, "");
  const last = read.at(-1) ?? "";
  if (last >= "가" && last <= "힣") {
    const number = (last.charCodeAt(0) - 0xac00) % 28;
    return number === 0 ? "" : number === 8 ? "ㄹ" : "ㄱ";
  }
  if (/^[0-9]$/.test(last)) return DIGITS[Number(last)];
  if (!/^[A-Za-z]$/.test(last)) return null;
  if (/[lL]/.test(last)) return "ㄹ";
  if (/[mn]/i.test(last) || /ng$/i.test(read)) return "ㅇ";
  return last === "R" && !/[a-z]R$/.test(read) ? "ㄹ" : "";
}

export function josa(word, pair) {
  const [afterConsonant, afterVowel] = pair.split("/");
  const heard = final(word);
  if (heard === null) return `${word}${afterConsonant}(${afterVowel})`;
  if (afterConsonant === "으로" && heard === "ㄹ") return word + afterVowel;
  return word + (heard ? afterConsonant : afterVowel);
}
