import type { Operation } from './operations.js';

/** Any failure of talking to an OVSDB server. */
export class OvsdbError extends Error {
  override readonly name: string = 'OvsdbError';
}

/** There is no connection now. Nothing was sent. */
export class OvsdbUnreachable extends OvsdbError {
  override readonly name = 'OvsdbUnreachable';
  constructor(remote: string, why: string) {
    super(`no connection to ovsdb-server at ${remote} (${why}): is openvswitch-switch running?`);
  }
}

/** The connection broke, or time ran out, before the answer came. Whether the request was carried out is not known. */
export class OvsdbOutcomeUnknown extends OvsdbError {
  override readonly name = 'OvsdbOutcomeUnknown';
  constructor(remote: string, method: string, why: string) {
    super(`${method} at ovsdb-server ${remote}: ${why}; whether it was carried out is not known`);
  }
}

/** The server refused the request itself: an unknown database or method, or a malformed request. */
export class OvsdbRequestRefused extends OvsdbError {
  override readonly name = 'OvsdbRequestRefused';
  constructor(
    readonly method: string,
    readonly error: unknown,
  ) {
    super(`ovsdb-server refused ${method}: ${typeof error === 'string' ? error : JSON.stringify(error)}`);
  }
}

/** A transaction was refused; nothing of it was done. */
export class OvsdbTransactionFailed extends OvsdbError {
  override readonly name = 'OvsdbTransactionFailed';
  constructor(
    /** The index of the operation that failed; undefined when all passed and the commit failed. */
    readonly index: number | undefined,
    readonly operation: Operation | undefined,
    /** RFC 7047's error, such as `constraint violation`, `referential integrity violation`, `timed out`. */
    readonly error: string,
    readonly details: string,
  ) {
    super(describe(index, operation, error, details));
  }
}

/** The transaction is in the database, but ovs-vswitchd has not confirmed that it carried it out. */
export class OvsdbNotApplied extends OvsdbError {
  override readonly name = 'OvsdbNotApplied';
  constructor(nextCfg: number, timeoutMs: number, why: string) {
    super(`ovs-vswitchd did not carry out configuration ${nextCfg} within ${timeoutMs} ms (${why}): is it running?`);
  }
}

function describe(index: number | undefined, operation: Operation | undefined, error: string, details: string): string {
  if (operation?.op === 'wait' && error === 'timed out') {
    const names = operation.where.map((clause) => String(clause[2])).join(', ');
    const there = operation.until === '==' ? 'does not exist' : 'exists already';
    return `OVSDB transaction refused: ${operation.table} ${names} ${there}; nothing was changed`;
  }
  const table = operation && 'table' in operation ? ` ${operation.table}` : '';
  const where = operation && 'where' in operation ? ` where ${JSON.stringify(operation.where)}` : '';
  const what = operation ? `operation ${index} (${operation.op}${table}${where})` : 'the commit';
  return `OVSDB transaction refused at ${what}: ${error}${details ? `: ${details}` : ''}; nothing was changed`;
}
