// The page's texts in the language of the browser: a file each in texts/, all of one shape.

const LANGUAGES = ["en", "de", "es"];

export const language = navigator.languages
  .map((tag) => tag.slice(0, 2).toLowerCase())
  .find((tag) => LANGUAGES.includes(tag)) ?? "en";

const { default: texts } = await import(`./texts/${language}.js`);

/** What the page says; `t.start.title`. */
export const t = texts;

document.documentElement.lang = language;

/** A time within a week. */
export const soon = (iso) =>
  new Date(iso).toLocaleString(localeOf(), { weekday: "long", hour: "numeric", minute: "2-digit" });

export const when = (iso) =>
  new Date(iso).toLocaleString(localeOf(), { dateStyle: "medium", timeStyle: "short" });

// A German in Austria reads dates as there; who reads the page in English, in their own English.
const localeOf = () => navigator.languages.find((tag) => tag.toLowerCase().startsWith(language)) ?? language;

/** The title and the description of a style: the service says them in English. */
export function styleTitle(style) {
  return t.styles[style.name]?.[0] ?? style.title;
}
export function styleSentence(style) {
  return t.styles[style.name]?.[1] ?? style.description;
}
