import { isIP } from 'node:net';

/** True of a host that a certificate authority could vouch for: no address, and not this machine's own name. */
export const isPublicName = (host: string): boolean => isIP(host) === 0 && host !== 'localhost' && !host.endsWith('.localhost');
