import { billing } from '@waybill/billing/service';
import { catalog } from '@waybill/catalog/service';
import { inventory } from '@waybill/inventory/service';
import { nearest } from '@waybill/kernel/config';
import { WaybillError } from '@waybill/kernel/errors';
import type { Service } from '@waybill/kernel/service';
import { orders } from '@waybill/orders/service';
import { shipping } from '@waybill/shipping/service';

/** Every service with a database of its own. Each has two roles: its API and its worker. */
export const services = { catalog, inventory, orders, billing, shipping } satisfies Record<string, Service>;

export type ServiceName = keyof typeof services;
export type Role = 'gateway' | 'codec-server' | `${ServiceName}-${'api' | 'worker'}`;

export const serviceNames = Object.keys(services) as ServiceName[]; // Object.keys forgets the literal keys

export const allRoles: readonly Role[] = [
  'gateway',
  ...serviceNames.flatMap((name): Role[] => [`${name}-api`, `${name}-worker`]),
  'codec-server',
];

/** Reads role names as a person wrote them; `all` is every role. Every name that is not a role is reported at once. */
export function parseRoles(names: readonly string[]): Role[] {
  if (names.length === 0) throw new WaybillError('invalid', `name the roles to run: all, or some of ${allRoles.join(', ')}`);
  const known = new Set<string>(allRoles);
  const problems = names
    .filter((name) => name !== 'all' && !known.has(name))
    .map((name) => {
      const near = nearest(name, ['all', ...allRoles]);
      return `${name} is not a role${near ? `; did you mean ${near}?` : ''}`;
    });
  if (problems.length > 0) throw new WaybillError('invalid', `${problems.join('\n')}\nroles are: all, ${allRoles.join(', ')}`);
  return allRoles.filter((role) => names.includes('all') || names.includes(role));
}

/** Which of a service's two roles a process has. */
export const rolesOf = (roles: readonly Role[], name: ServiceName): { api: boolean; worker: boolean } => ({
  api: roles.includes(`${name}-api`),
  worker: roles.includes(`${name}-worker`),
});

/** The services of which a process has a role, in the order of the table. */
export const servicesOf = (roles: readonly Role[]): ServiceName[] =>
  serviceNames.filter((name) => rolesOf(roles, name).api || rolesOf(roles, name).worker);
