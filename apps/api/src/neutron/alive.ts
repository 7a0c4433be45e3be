/** An agent that has not reported for this long is not alive (it reports every 5 s at the latest). */
export const ALIVE_SECONDS = 15;
/** Of a row of the table of agents. */
export const IS_ALIVE = `heartbeat_at > now() - interval '${ALIVE_SECONDS} seconds'`;
