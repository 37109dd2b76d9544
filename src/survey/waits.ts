// How long a survey waits for a provider: it is no driver request, and nobody's lock is held.

/** Pauses between the tries of one question: about two minutes in all, so that a network or a server that comes up late is met. */
export const SETUP_PAUSES_MS: readonly number[] = [5_000, 10_000, 20_000, 40_000, 60_000];

/** A server that wants to be left alone for longer is not waited for: whoever runs setup is told the time. */
export const LONGEST_ASKED_MS = 5 * 60_000;
