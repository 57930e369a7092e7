import { type Bus, receive, type Subscription } from './bus.ts';

/** The bus for worker roles that share one process: an event is published once it stands in every subscriber's inbox. */
export function createLocalBus(subscriptions: readonly Subscription[], wakeInbox: (service: string) => void): Bus {
  return {
    async publish(source, events) {
      await Promise.all(
        subscriptions.map(async (subscription) => {
          if ((await receive(subscription, source, events)) > 0) wakeInbox(subscription.service);
        }),
      );
    },
    async close() {},
  };
}
