/** A node's bridges for `--dry-run`: what was printed counts as done for the next steps. */
import { afterFilterSteps, type FilterDriver, type FilterStep, type FoundFilter } from '@plumbline/ovs-core';

export class PrintingBridges implements FilterDriver {
  private found: FoundFilter | null = null;

  /** `printer`: prints what it is to apply, and reads the node. */
  constructor(private readonly printer: FilterDriver) {}

  async observe(): Promise<FoundFilter> {
    this.found ??= await this.printer.observe();
    return this.found;
  }

  async apply(steps: readonly FilterStep[]): Promise<void> {
    await this.printer.apply(steps);
    this.found = afterFilterSteps(await this.observe(), steps);
  }
}
