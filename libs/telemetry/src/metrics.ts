/**
 * What a program counts and measures, as Prometheus reads it (text format 0.0.4). A metric is a function that is called when somebody asks: whoever has the number
 * keeps it, and nothing is counted twice.
 *
 * Road not taken: a client library with histograms and labels. What there is to say so far is a few numbers.
 */
export type Metric = Readonly<{
  /** With a prefix and, for a counter, `_total`. */
  name: string;
  type: 'counter' | 'gauge';
  help: string;
  read(): number;
}>;

export class Metrics {
  private readonly all: Metric[] = [];

  add(...metrics: readonly Metric[]): void {
    this.all.push(...metrics);
  }

  text(): string {
    return this.all
      .map(({ name, type, help, read }) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${read()}\n`)
      .join('');
  }
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
