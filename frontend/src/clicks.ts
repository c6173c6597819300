/** The second click of a double click is not a second act. */

/** Runs an act for a click, unless it is the second of a double click by what the browser counts. */
export function onSingleClick({ detail }: { detail: number }, act: () => void): void {
  if (detail <= 1) act();
}
