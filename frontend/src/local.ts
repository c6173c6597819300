/** What this browser remembers. Where storage is blocked, full or corrupt, nothing is remembered. */

export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** A remembered JSON value, or null if there is none that can be read. */
export function rememberedJson<T>(key: string): T | null {
  try {
    return JSON.parse(remembered(key) ?? "null") as T | null;
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

const USER = "tutelage.user";
const PERSONAL = ["tutelage.draft.", "tutelage.branches.", "tutelage.demonstration."];

/** Forget what the last user wrote or looked at; the theme stays. */
export function forgetPerson(): void {
  try {
    const keys = Object.keys(localStorage).filter((key) => PERSONAL.some((prefix) => key.startsWith(prefix)));
    keys.forEach(forget);
  } catch {
    // blocked
  }
}

/** A shared computer: forget what somebody else left here, for example when their session expired. */
export function forgetOthers(user: string): void {
  if (remembered(USER) !== user) forgetPerson();
  remember(USER, user);
}
