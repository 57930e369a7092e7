/** How the simulated provider behaves for a token. */
export type SimulatedBehaviour = {
  /** Declines the authorization, for this reason. */
  decline?: string;
  /** Declines any single authorization above this amount. */
  declineAbove?: number;
  slow?: true;
  outage?: true;
};

const named: Record<string, SimulatedBehaviour> = {
  tok_approve: {},
  tok_decline: { decline: 'the card was declined' },
  // The provider's book knows these two by their token when it is asked to capture.
  tok_decline_capture: {},
  tok_decline_capture_once: {},
  tok_slow: { slow: true },
  tok_outage: { outage: true },
};

const above = /^tok_decline_above_(\d{1,12})$/;

/** Undefined for a token that the simulated provider has never issued. */
export function simulatedBehaviour(token: string): SimulatedBehaviour | undefined {
  if (Object.hasOwn(named, token)) return named[token];
  const limit = above.exec(token)?.[1];
  return limit === undefined ? undefined : { declineAbove: Number(limit) };
}
