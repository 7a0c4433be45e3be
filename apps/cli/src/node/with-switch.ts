/** A connection to the database of this machine's Open vSwitch, for one command. */
import { OvsdbClient, OvsdbMirror } from '@plumbline/ovsdb';

/** `ovsdb`: `unix:<socket>` or `tcp:<host>:<port>`. Rejects when the database does not answer. */
export async function withSwitch<T>(ovsdb: string, act: (mirror: OvsdbMirror) => Promise<T>): Promise<T> {
  const client = await OvsdbClient.connect(ovsdb);
  try {
    const mirror = await OvsdbMirror.open(client);
    try {
      return await act(mirror);
    } finally {
      mirror.close();
    }
  } finally {
    client.close();
  }
}
