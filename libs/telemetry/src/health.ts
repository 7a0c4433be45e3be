/** What one check found. Further fields are shown as they are. */
export interface CheckResult {
  readonly ok: boolean;
  /** For a person: what is wrong and what to do, or how well it is. */
  readonly detail?: string;
  readonly [field: string]: unknown;
}

/** Looks at one thing. A rejection counts as failing, and so does no answer in time. */
export type Check = () => CheckResult | Promise<CheckResult>;

/** The whole: failing as soon as one check is. */
export interface HealthReport {
  readonly status: 'ok' | 'failing';
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** Named checks, asked when someone asks. */
export class Health {
  readonly #checks = new Map<string, Check>();

  constructor(private readonly options: { readonly timeoutMs?: number } = {}) {}

  /** Adds a check, or puts another in its place; the answer takes it away again. */
  add(name: string, check: Check): () => void {
    this.#checks.set(name, check);
    return () => {
      if (this.#checks.get(name) === check) this.#checks.delete(name);
    };
  }

  /** Asks all checks side by side. Never rejects, and takes no longer than the limit (default 2,000 ms). */
  async report(): Promise<HealthReport> {
    const names = [...this.#checks.keys()].sort();
    const results = await Promise.all(names.map((name) => this.#ask(this.#checks.get(name) as Check)));
    const checks = Object.fromEntries(names.map((name, index) => [name, results[index] as CheckResult]));
    return { status: results.every((result) => result.ok) ? 'ok' : 'failing', checks };
  }

  async #ask(check: Check): Promise<CheckResult> {
    const timeoutMs = this.options.timeoutMs ?? 2000;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<CheckResult>((resolve) => {
      timer = setTimeout(() => resolve({ ok: false, detail: `no answer within ${timeoutMs} ms` }), timeoutMs);
    });
    try {
      return await Promise.race([(async () => check())(), late]);
    } catch (error) {
      return { ok: false, detail: error instanceof Error ? error.message : String(error) };
    } finally {
      clearTimeout(timer);
    }
  }
}
