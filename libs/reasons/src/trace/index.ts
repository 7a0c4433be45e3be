export { parseTraffic, type TraceTraffic } from './asked.js';
export { BadEnd, type End } from './ends.js';
export { traceForMember } from './members.js';
export { linesOfTrace } from './text.js';
export type { EndTold, Hop, HopKind, HopTold, PacketTold, Trace, Verdict, Walked, Way, WayTold } from './told.js';
export { between, trace, type Between, type TraceAsked } from './trace.js';
