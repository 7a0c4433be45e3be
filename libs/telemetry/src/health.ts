/** What one check found. Further fields are shown as they are. */
export interface CheckResult {
  readonly ok: boolean;
  /** True: this works, and something that it is about does not. It makes nobody take the program out of service. */
  readonly degraded?: boolean;
  /** For a person: what is wrong and what to do about it, or the state when all is well. */
  readonly detail?: string;
  readonly [field: string]: unknown;
}

/** One check. A rejection counts as failing, and so does no answer in time. */
export type Check = () => CheckResult | Promise<CheckResult>;

/** The whole: failing as soon as one check is, else degraded as soon as one is. */
export interface HealthReport {
  readonly status: 'ok' | 'degraded' | 'failing';
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** Named checks, run on request. */
export class Health {
  private readonly checks = new Map<string, Check>();

  constructor(private readonly options: { readonly timeoutMs?: number } = {}) {}

  /** Adds or replaces a check; the returned function removes it again. */
  add(name: string, check: Check): () => void {
    this.checks.set(name, check);
    return () => {
      if (this.checks.get(name) === check) this.checks.delete(name);
    };
  }

  /** Runs all checks at the same time. Never rejects, and takes no longer than the limit (default 2,000 ms). */
  async report(): Promise<HealthReport> {
    const names = [...this.checks.keys()].sort();
    const results = await Promise.all(names.map((name) => this.ask(this.checks.get(name) as Check)));
    const checks = Object.fromEntries(names.map((name, index) => [name, results[index] as CheckResult]));
    const degraded = results.some((result) => result.degraded === true);
    return { status: !results.every((result) => result.ok) ? 'failing' : degraded ? 'degraded' : 'ok', checks };
  }

  private async ask(check: Check): Promise<CheckResult> {
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
