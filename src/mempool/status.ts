/** What the pool says of a transaction: pending, or why it was dropped. The shapes are those of the node's public face. */

export type PendingStatus = { readonly state: 'pending'; readonly queue: 'ready' | 'waiting' };

export type DropReason = 'replaced' | 'expired' | 'invalid' | 'evicted';

export type DroppedStatus = {
  readonly state: 'dropped';
  readonly reason: DropReason;
  readonly detail: string;
};

export type PoolStatus = PendingStatus | DroppedStatus;
