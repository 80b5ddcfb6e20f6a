/** Sets this process's clock FAULTS_CLOCK_MS ahead, or back. Time that is only measured passes as ever. */
const aheadMs = Number(process.env.FAULTS_CLOCK_MS);
const trueNow = Date.now;

globalThis.Date = class extends Date {
  constructor(...given: readonly unknown[]) {
    super(...((given.length === 0 ? [Date.now()] : given) as [number]));
  }

  static override now(): number {
    return trueNow() + aheadMs;
  }
} as DateConstructor;
