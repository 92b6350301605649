/** Runs `work` on each, in their order, at most `width` at once. Throws the first fault, after all have ended. */
export async function sideBySide<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  const run = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, run));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
