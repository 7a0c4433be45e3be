/** Errors of router scheduling, zones and routes, with the reference implementation's names and texts. */
import { DomainError } from '../errors.js';

export const availabilityZoneNotFound = (zone: string) =>
  new DomainError('AvailabilityZoneNotFound', 'not-found', `AvailabilityZone ${zone} could not be found.`);
export const routesExhausted = (router: string, most: number) =>
  new DomainError(
    'RoutesExhausted',
    'bad-request',
    `Unable to complete operation for ${router}. The number of routes exceeds the maximum ${most}.`,
  );

export const agentNotFound = (id: string) =>
  new DomainError('AgentNotFound', 'not-found', `Agent ${id} could not be found.`);
export const invalidL3Agent = (id: string) =>
  new DomainError('InvalidL3Agent', 'not-found', `Agent ${id} is not a L3 Agent or has been disabled`);
export const routerHostedByL3Agent = (router: string, agent: string) =>
  new DomainError(
    'RouterHostedByL3Agent',
    'conflict',
    `The router ${router} has been already hosted by the L3 Agent ${agent}.`,
  );
export const routerNotHostedByL3Agent = (router: string, agent: string) =>
  new DomainError('RouterNotHostedByL3Agent', 'conflict', `The router ${router} is not hosted by L3 agent ${agent}.`);
/** `reason`: what the host lacks. It goes to `detail`, since clients know the text. */
export const routerSchedulingFailed = (router: string, agent: string, reason: string) =>
  new DomainError(
    'RouterSchedulingFailed',
    'conflict',
    `Failed scheduling router ${router} to the L3 Agent ${agent}.`,
    reason,
  );
