// What the board says, in the page's language: the catalogue comes with the page, numbers and times from Intl.

export function makeWords({ language, texts, plurals }, zone) {
  const locale = language === "en" ? "en-GB" : language;
  const numbers = new Map();
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone, hour: "2-digit", minute: "2-digit", year: "numeric", month: "2-digit", day: "2-digit", hourCycle: "h23",
  });
  const weekday = new Intl.DateTimeFormat(locale, { timeZone: zone, weekday: "long" });
  const date = new Intl.DateTimeFormat(locale, { timeZone: zone, weekday: "long", day: "numeric", month: "long" });
  const mark = language === "en" ? ":" : ".";

  const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => String(values[name]));
  const _ = (text, values = {}) => fill(texts[text] ?? text, values);
  const ngettext = (one, many, count, values = {}) => {
    const forms = plurals[one] ?? [one, many];
    return fill(forms[count === 1 ? 0 : 1], { n: count, ...values });
  };

  const moment = (at) => {
    const found = {};
    for (const { type, value } of parts.formatToParts(new Date(at))) found[type] = Number(value);
    return found;
  };
  const dayNumber = (at) => {
    const { year, month, day } = moment(at);
    return Math.round(Date.UTC(year, month - 1, day) / 86_400_000);
  };
  const clock = (at) => {
    const { hour, minute } = moment(at);
    return `${hour}${mark}${String(minute).padStart(2, "0")}`;
  };

  return {
    _, ngettext, clock,
    hour: (at) => (moment(at).minute === 0 ? String(moment(at).hour) : clock(at)),
    hourAndMinute: (at) => moment(at),
    days: (from, to) => dayNumber(to) - dayNumber(from),
    weekday: (at) => weekday.format(new Date(at)),
    date: (at) => date.format(new Date(at)),
    share(share, decimals) {
      if (share === null) return "–";
      const key = `share${decimals}`;
      if (!numbers.has(key)) {
        numbers.set(key, new Intl.NumberFormat(locale, {
          style: "percent", minimumFractionDigits: decimals, maximumFractionDigits: decimals }));
      }
      return numbers.get(key).format(share);
    },
    percent(share) {
      if (!numbers.has("percent")) {
        numbers.set("percent", new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 }));
      }
      return numbers.get("percent").format(share);
    },
    number: (share) => String(Math.round(share * 1000) / 10).replace(".", language === "en" ? "." : ","),
    lasting: (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`,
    capital: (text) => text.charAt(0).toLocaleUpperCase(language) + text.slice(1),
  };
}
