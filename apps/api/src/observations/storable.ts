/** Characters that JSON can say and PostgreSQL's jsonb cannot keep: NUL, and halves of a surrogate pair. */
const UNSTORABLE = /\0|\p{Surrogate}/gu;

/**
 * JSON that PostgreSQL can keep, whatever text a program on a node wrote into a reason: each character that it cannot keep becomes U+FFFD. One such character
 * would otherwise cost the whole report.
 */
export const storableJson = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'string' ? inner.replace(UNSTORABLE, '\uFFFD') : inner,
  );
