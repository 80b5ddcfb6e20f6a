/** What a block says of itself, read without decoding its transactions. It proves nothing about the block. */
import { decodeHeader, type Header } from '../protocol/block.js';
import { malformed } from '../protocol/errors.js';

/** The block's wire form starts as an array of four, then the header as a byte string (PROTOCOL section 5). */
const ARRAY_OF_FOUR = 0x94;
const BYTES_8 = 0xc4;
const BYTES_16 = 0xc5;
const BYTES_32 = 0xc6;

/** @throws ProtocolError MALFORMED if there is no header at the beginning */
export function numberOfBlock(wire: Uint8Array): number {
  return headerOfBlock(wire).number;
}

/** @throws ProtocolError MALFORMED if there is no header at the beginning */
export function headerOfBlock(wire: Uint8Array): Header {
  const view = new DataView(wire.buffer, wire.byteOffset, wire.byteLength);
  if (wire.length < 7 || wire[0] !== ARRAY_OF_FOUR) throw malformed('this is no block');
  const { start, length } = headerPlace(view);
  if (start + length > wire.length) throw malformed('the block ends within its header');
  return decodeHeader(wire.subarray(start, start + length));
}

function headerPlace(view: DataView): { start: number; length: number } {
  switch (view.getUint8(1)) {
    case BYTES_8:
      return { start: 3, length: view.getUint8(2) };
    case BYTES_16:
      return { start: 4, length: view.getUint16(2) };
    case BYTES_32:
      return { start: 6, length: view.getUint32(2) };
    default:
      throw malformed('the block does not start with its header');
  }
}
