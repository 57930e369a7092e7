import type { Meter } from '@opentelemetry/api';
import { withBreaker } from '@waybill/kernel/breaker';
import type { Calls, CallsDefinition } from '@waybill/kernel/calls';
import type { Logger } from '@waybill/kernel/log';
import { remoteCalls } from '@waybill/kernel/remote-calls';
import type { Tokens } from '@waybill/kernel/tokens';
import { type ServiceName, serviceNames } from './roles.ts';
import { type ServerSettings, serviceUrlOf } from './settings.ts';

/** As long as a near attempt of a step may take: a call that is slower has failed for its caller. */
const nearTimeoutMs = 1_000;

export type CallsDirectory = {
  /** The calls of another service, as one of ours (`from`) sees them. */
  forService(from: string): <C extends Calls>(definition: CallsDefinition<C>) => C;
  /** A service of this process says what it offers. */
  offer(service: ServiceName, calls: Calls): void;
  /** Throws when something asked for is offered by nobody: a contract without its implementation. */
  check(): void;
};

/**
 * Finds the other side of a call: a service that has a role in this process is called as a function, any other over HTTP. Both
 * sides of a process share one implementation object, so which way a call goes changes nothing but its speed.
 */
export function createCallsDirectory(options: {
  local: readonly ServiceName[];
  settings: ServerSettings;
  tokens: () => Tokens;
  meter: Meter;
  log: Logger;
}): CallsDirectory {
  const offers = new Map<string, Calls>();
  const asked: { service: string; name: string }[] = [];
  const missing = (service: string, name: string) =>
    new Error(`the service ${service} offers no call ${name}, although its contract names it`);

  function local<C extends Calls>({ service, names }: CallsDefinition<C>): C {
    const entries = names.map((name) => {
      asked.push({ service, name });
      // Looked up late: services are created one after the other, and may call in both directions.
      const call = async (input: never): Promise<unknown> => {
        const found = offers.get(service)?.[name];
        if (!found) throw missing(service, name);
        return found(input);
      };
      return [name, call];
    });
    return Object.fromEntries(entries) as C; // one function per name of the definition
  }

  return {
    forService: (from) => (definition) => {
      const name = serviceNames.find((known) => known === definition.service);
      if (!name) throw new Error(`the contract of ${definition.service} names a service that is not in the role table`);
      const calls = options.local.includes(name)
        ? local(definition)
        : remoteCalls(definition, {
            baseUrl: serviceUrlOf(options.settings, name, `the ${from} service calls the ${name} service`),
            token: () => options.tokens().mintService(from),
            timeoutMs: options.settings.CALL_TIMEOUT,
          });
      return withBreaker(calls, { name, log: options.log, measure: { meter: options.meter, caller: from }, slowMs: nearTimeoutMs });
    },
    offer(service, calls) {
      offers.set(service, calls);
    },
    check() {
      const lost = asked.find(({ service, name }) => !offers.get(service)?.[name]);
      if (lost) throw missing(lost.service, lost.name);
    },
  };
}
