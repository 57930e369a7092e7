// Types only: contracts import this file, and contracts are loaded inside the workflow sandbox.

/** What one service offers to the others: names to async functions of one JSON value. */
export type Calls = Record<string, (input: never) => Promise<unknown>>;

/** A service's calls as data, beside its message types in `contract.ts`. The same names are its activities. */
export type CallsDefinition<C extends Calls> = { service: string; names: readonly (keyof C & string)[] };
