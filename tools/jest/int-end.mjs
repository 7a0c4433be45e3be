/** jest's end after integration specs: removes what int-setup.mjs made. */
import { rm } from 'node:fs/promises';

export default async function end() {
  await rm(process.env.PLUMB_TEST_SHARED, { recursive: true, force: true });
}
