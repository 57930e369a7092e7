import { isIP } from 'node:net';
import type { Configuration } from '../configuration.ts';
import { CommandError } from '../failure.ts';
import { isPublicName } from '../public-name.ts';

/** How callers reach Caddy: by a name, with certificates of its own on 80 and 443; or at an address of this machine, in plain HTTP. */
export type Entrance = { tls: true; host: string } | { tls: false; address: string; port: number };

const hostName = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$/i;

export function entranceOf(configuration: Configuration): Entrance {
  const host = configuration.text('HOST') ?? '127.0.0.1';
  if (!isPublicName(host)) return { tls: false, address: isIP(host) ? host : '127.0.0.1', port: Number(configuration.text('PORT')) };
  if (hostName.test(host)) return { tls: true, host };
  throw new CommandError('invalid', `HOST is ${host}, which is neither a public name nor an address, so no certificate can be had for it`, {
    fix: 'waybill config save -s HOST=shop.example.com, or HOST=127.0.0.1 for this machine alone',
  });
}

/** Caddy's own file. Ports inside the container are above 1024: it needs no right to bind lower ones. */
export function caddyfile(entrance: Entrance): string {
  return `{
	admin off
	persist_config off
	http_port 8080
	https_port 8443${entrance.tls ? '' : '\n\tauto_https off'}
}
http://:8081 {
	respond /healthz 200
}
${entrance.tls ? entrance.host : 'http://:8080'} {
	encode
	reverse_proxy waybill:3000 {
		# Event streams go out as they come.
		flush_interval -1
	}
}
`;
}
