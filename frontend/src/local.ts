/** Browser storage. Where it is blocked, full or corrupt, nothing is remembered. */

export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** A remembered JSON value, or null if there is none that can be read. */
export function rememberedJson(key: string): unknown {
  try {
    return JSON.parse(remembered(key) ?? "null");
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // blocked or full
  }
}

export function forget(key: string): void {
  try {
    localStorage.removeItem(key);
  } catch {
    // blocked
  }
}

function forgetWhere(condition: (key: string) => boolean): void {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith("tutelage."));
    keys.filter(condition).forEach(forget);
  } catch {
    // blocked
  }
}

const THEME = "tutelage.theme";
export const LANGUAGE = "tutelage.language";
const MEMBER = "tutelage.member"; // the last account here that was not a guest's
const prefix = (user: string) => `tutelage.${user}.`;

let person = "";

/** The key of something that belongs to the current account. */
export const personalKey = (name: string): string => prefix(person) + name;

/**
 * From now on the drafts of this account are read and written. Those of other accounts are deleted, except
 * that a guest leaves those of the last member: their session may only have expired.
 */
export function setPerson(user: string, guest: boolean): void {
  person = user;
  if (!guest) remember(MEMBER, user);
  const kept = [THEME, LANGUAGE, MEMBER, prefix(user), prefix(remembered(MEMBER) ?? "")];
  forgetWhere((key) => !kept.some((start) => key.startsWith(start)));
}

/** Deletes the drafts of the current account; the theme and the language stay. */
export function forgetPerson(): void {
  forgetWhere((key) => key.startsWith(prefix(person)));
}
