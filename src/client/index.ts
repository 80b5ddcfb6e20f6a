export { type SignedTransfer, signTransfer, type Transfer } from './transfer.js';
