// Quadlets that Podman gives no secrets: with a `Secret=` line it makes no unit of them at all.

/** What to do instead, by the suffix. */
export const WITHOUT_SECRETS = {
  pod: 'a pod takes no Secret=, its containers do: name their .container files, each as a workload of its own',
  kube: 'a .kube takes no Secret=: write its containers as .container files (with one .pod, if they share it) and name those, or mount files that `write-file` writes into it',
} as const;
