/** `http://host:port`, as the client named us or as the operator says: clients follow the links we give. */
import type { FastifyRequest } from 'fastify';

/** `publicUrl`: PLUMB_PUBLIC_URL, no slash at its end. */
export const originOf = (request: FastifyRequest, publicUrl: string | undefined): string =>
  publicUrl ?? `${request.protocol}://${request.host}`;
