// How a PSI says which one it is: its version, and the revision that its image was built from.

/** What git prints, or any word that a build names its tree by. */
const REVISION = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;
/** Enough of a commit's name to find it. */
const SHORT = 12;

/** A tree without git, or an image that was built without saying, has no revision. */
export function versionText(version: string, revision: string | undefined): string {
  if (revision === undefined || !REVISION.test(revision)) return version;
  return `${version} (${/^[0-9a-f]{40,64}$/.test(revision) ? revision.slice(0, SHORT) : revision})`;
}
