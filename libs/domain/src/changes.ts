/** The requested fields that differ from the current ones; an event then says that these were set. Compared as JSON. */
export function changedFields<T extends object, W extends Partial<T>>(
  now: T,
  wanted: W,
): { [K in keyof W]?: Exclude<W[K], undefined> } {
  const entries = Object.entries(wanted).filter(
    ([field, value]) =>
      value !== undefined && JSON.stringify(value) !== JSON.stringify((now as Record<string, unknown>)[field]),
  );
  return Object.fromEntries(entries) as { [K in keyof W]?: Exclude<W[K], undefined> };
}

/** Without the fields that are undefined. */
export function definedOnly<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
