/** Stored with every batch: which decide made it. Raise it when the same input would be decided otherwise. */
export const CORE_VERSION = 2;
