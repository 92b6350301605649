/**
 * Work of which one run at a time is enough, whoever asks for it: a call during a run waits for one more run after it, since it may
 * have come too late for the one under way; all such calls share that one.
 *
 * Guarantees: what `run` answers settles as a run that began after the call; a run that failed stops none of the following.
 */
export type OneAtATime = {
  readonly run: () => Promise<void>;
  /** Resolves when nothing runs or waits. */
  readonly idle: () => Promise<void>;
};

export function oneAtATime(work: () => Promise<void>): OneAtATime {
  let last: Promise<void> = Promise.resolve();
  let waiting: Promise<void> | null = null;
  return {
    run() {
      if (waiting !== null) return waiting;
      const mine = last.then(() => {
        waiting = null;
        return work();
      });
      waiting = mine;
      last = mine.catch(() => undefined); // it is those who asked who hear of it; the next run starts all the same
      return mine;
    },
    async idle() {
      for (let before: Promise<void> | null = null; before !== last; ) {
        before = last;
        await before;
      }
    },
  };
}
