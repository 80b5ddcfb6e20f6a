/** One that slept has only a liar to ask, which gives it blocks with certificates that do not hold. */
import { encodeFrame, FrameReader, MAX_FRAME_BYTES } from '../../../src/protocol/frame.js';
import { decodeBody } from '../../../src/protocol/messages.js';
import { frameType, type Outgoing } from '../internet.js';
import type { Deceit } from '../machine.js';
import type { Scenario, Story } from './scenario.js';
import { HEIGHT, type Stage, until } from './stage.js';

/** Serves true blocks, with the last signature of each certificate spoilt. */
class FalseCertificates implements Deceit {
  readonly counts = { served: 0 };

  outgoing(frame: Uint8Array): readonly Outgoing[] {
    return [{ frame: this.#altered(frame), delayMs: 0 }];
  }

  #altered(frame: Uint8Array): Uint8Array {
    if (!['ABL', 'BLK'].includes(frameType(frame))) return frame;
    const reader = new FrameReader();
    reader.maxFrameBytes = MAX_FRAME_BYTES;
    reader.push(frame);
    const read = reader.next();
    const message = read && decodeBody(read.type, read.body);
    if (message?.type === 'BLK')
      return encodeFrame({ ...message, certificate: this.#spoilt(message.certificate) });
    if (message?.type !== 'ABL') return frame;
    const blocks = message.blocks.map(([block, certificate]): [Uint8Array, Uint8Array | null] => [
      block,
      certificate && this.#spoilt(certificate),
    ]);
    return encodeFrame({ ...message, blocks });
  }

  #spoilt(certificate: Uint8Array): Uint8Array {
    this.counts.served++;
    const copy = certificate.slice();
    copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
    return copy;
  }
}

function* falseCertificates(stage: Stage): Story {
  const [a, b, c, x] = [stage.leader(0), stage.leader(1), stage.leader(2), stage.leader(3)];
  const liar = new FalseCertificates();
  stage.lies(x);
  x.liar = liar;
  for (const said of ['proposal', 'prevote', 'precommit'] as const) stage.post.lose({ said, to: [c] });
  yield until('C is there, and has only X', () => c.finalNumber === HEIGHT - 1);
  stage.separate(c, a);
  stage.separate(c, b);
  yield until('the block is final elsewhere', () => stage.isFinal(a, b));
  yield until('X has served false certificates', () => liar.counts.served > 0);
  const servedMs = stage.simulation.agenda.nowMs;
  yield until('C has had the time to look', () => stage.simulation.agenda.nowMs > servedMs + 1_000);
}

export const FALSE_BLOCKS: readonly Scenario[] = [
  {
    name: 'false-certificates',
    what: 'one that slept has only a liar to ask, whose certificates do not hold',
    authorities: 4,
    tell: falseCertificates,
    parts: {
      'sync checks the certificate': {
        file: 'src/node/block-import.ts',
        from: 'if (!(await worker.verify(proofs)).every(Boolean))',
        to: 'if (proofs.length < 0)',
        noticed: /does not hold|two final blocks/,
      },
    },
  },
];
