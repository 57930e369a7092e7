import { PassThrough } from 'node:stream';
import type { FastifyReply } from 'fastify';

export type StreamEvent = { id?: string; event?: string; data: unknown };

/** A response of server-sent events that is still open. */
export type EventStream = {
  /** Aborted when the reader has gone, was too slow, or the process drains. */
  signal: AbortSignal;
  send(event: StreamEvent): void;
  close(): void;
};

const heartbeatMs = 15_000;
/** A reader that leaves this much unread is cut off; it reconnects with Last-Event-ID and misses nothing. */
const maxBufferedBytes = 1_048_576;

type Closable = { close(): void };

const open = new WeakMap<object, Set<Closable>>();

/** Makes a stream end when its listener drains. Returns how to forget it. */
export function trackStream(server: object, stream: Closable): () => void {
  const streams = open.get(server) ?? new Set();
  open.set(server, streams);
  streams.add(stream);
  return () => void streams.delete(stream);
}

/** Ends every stream of a listener, so that it can close. */
export function closeEventStreams(server: object): void {
  for (const stream of open.get(server) ?? []) stream.close();
}

const oneLine = (text: string): string => text.replaceAll(/[\r\n]/g, ' ');

/**
 * Answers a request with server-sent events; the handler returns the reply it gave. Comments every 15 s keep proxies from
 * closing an idle stream and find readers that have gone.
 */
export function openEventStream(reply: FastifyReply): EventStream {
  const body = new PassThrough();
  const ended = new AbortController();

  let pending = '';
  const flush = (): void => {
    const text = pending;
    pending = '';
    if (text === '' || body.writableEnded || body.destroyed) return;
    body.write(text);
    if (body.writableLength + body.readableLength > maxBufferedBytes) end(true);
  };
  // Events sent in the same breath leave in one write: a system call for each would cost more than making them.
  const write = (text: string): void => {
    if (ended.signal.aborted) return;
    if (pending === '') queueMicrotask(flush);
    pending += text;
  };
  const heartbeat = setInterval(() => write(': still here\n\n'), heartbeatMs);
  const end = (cut: boolean): void => {
    if (ended.signal.aborted) return;
    clearInterval(heartbeat);
    forget();
    ended.abort();
    if (cut) {
      body.destroy();
      return;
    }
    flush();
    body.end();
  };
  const stream: EventStream = {
    signal: ended.signal,
    send({ id, event, data }) {
      const head = `${id === undefined ? '' : `id: ${oneLine(id)}\n`}${event === undefined ? '' : `event: ${oneLine(event)}\n`}`;
      write(`${head}data: ${JSON.stringify(data)}\n\n`); // JSON has no raw line breaks
    },
    close: () => end(false),
  };
  const forget = trackStream(reply.server.server, stream);
  body.on('close', () => end(true));
  body.on('error', () => end(true));
  void reply
    .code(200)
    .header('content-type', 'text/event-stream')
    .header('cache-control', 'no-cache, no-transform')
    .header('x-accel-buffering', 'no')
    .send(body);
  write(': open\n\n'); // sends the headers now
  return stream;
}
