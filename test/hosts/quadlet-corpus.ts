// Quadlets with the shapes of `Secret=` that public ones have: renames, one secret for several variables, one variable's name in two units,
// absolute targets, owners and modes, mounts without a target, templates, containers of a pod. Names and values are made up here.

export type CorpusQuadlet = {
  /** File name. */
  readonly file: string;
  /** Lines of [Container] that have to do with secrets, in their order. */
  readonly secrets: readonly string[];
  /** Beside them. */
  readonly more?: readonly string[];
  /** Drop-ins of the unit, by file name: lines of [Container]. */
  readonly dropIns?: Readonly<Record<string, readonly string[]>>;
};

const DATABASES: readonly CorpusQuadlet[] = ['postgres', 'mariadb', 'mongo', 'redis', 'influx', 'clickhouse'].map(
  (db, index) => ({
    file: `${db}.container`,
    secrets: [
      `Secret=${db}-root-password,type=env,target=${db.toUpperCase()}_ROOT_PASSWORD`,
      `Secret=${db}-password,type=env,target=${db.toUpperCase()}_PASSWORD`,
      `Secret=${db}-user,type=env,target=${db.toUpperCase()}_USER`,
      `Secret=${db}-tls-key,type=mount,target=/etc/${db}/server.key,uid=${String(70 + index)},gid=70,mode=0400`,
      `Secret=${db}-tls-cert,type=mount,target=/etc/${db}/server.crt,mode=0444`,
    ],
  }),
);

/** The same secret as what two programs call it, and one variable's name from two secrets in different units. */
const WEB: readonly CorpusQuadlet[] = ['blog', 'wiki', 'shop', 'photos', 'feeds', 'mail', 'git', 'chat'].map((app) => ({
  file: `${app}.container`,
  more: [`Environment=APP_NAME=${app}`],
  secrets: [
    `Secret=${app}_db_password,type=env,target=DB_PASSWORD`,
    `Secret=${app}_db_password,type=env,target=DATABASE_PASSWORD`,
    `Secret=${app}_secret_key,type=env,target=SECRET_KEY_BASE`,
    `Secret=smtp-password,type=env,target=SMTP_PASSWORD`,
    `Secret=${app}-oidc,type=env,target=OIDC_CLIENT_SECRET`,
    `Secret=${app}-license`,
  ],
}));

const OWNERS: readonly CorpusQuadlet[] = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'].map((app, index) => ({
  file: `${app}.container`,
  secrets: [
    `Secret=${app}.conf,target=/usr/local/etc/${app}/${app}.conf,uid=${String(1000 + index)}`,
    `Secret=${app}.key,type=mount,target=${app}.key,mode=440,GID=${String(2000 + index)}`,
    `Secret=${app}.pem,type=mount,UID=33,mode=0400`,
    `Secret=source=${app}-token,type=env,target=TOKEN`,
    `Secret="${app}-spaced,type=mount,target=/etc/my ${app}/file"`,
  ],
}));

const SEVERAL_ON_A_LINE: readonly CorpusQuadlet[] = ['one', 'two', 'three', 'four'].map((app) => ({
  file: `${app}.container`,
  secrets: [
    `Secret=${app}-a,type=env,target=A ${app}-b,type=env,target=B ${app}-c,type=env,target=C`,
    `Secret=${app}-a,type=mount,target=/run/${app}/a,mode=0400 ${app}-d`,
    `Secret=${app}-d,type=env,target=D_ONE ${app}-d,type=env,target=D_TWO`,
  ],
  dropIns: {
    '10-more.conf': [`Secret=${app}-late,type=env,target=LATE`, `Secret=${app}-a,type=env,target=AGAIN`],
  },
}));

const TEMPLATES: readonly CorpusQuadlet[] = ['worker@', 'queue@', 'sync@'].map((app) => ({
  file: `${app}.container`,
  secrets: [
    `Secret=${app.slice(0, -1)}-api-key,type=env,target=API_KEY`,
    `Secret=${app.slice(0, -1)}-webhook,type=env,target=WEBHOOK_SECRET`,
    `Secret=shared-signing-key,type=mount,target=/etc/signing.key,mode=0444`,
  ],
}));

/** Containers of one pod; the pod itself has none. */
const POD: readonly CorpusQuadlet[] = ['front', 'back', 'cron'].map((part) => ({
  file: `suite-${part}.container`,
  more: ['Pod=suite.pod'],
  secrets: [
    `Secret=suite-db,type=env,target=${part.toUpperCase()}_DB`,
    `Secret=suite-db,type=env,target=PGPASSWORD`,
    `Secret=suite-${part},type=env`,
    `Secret=suite-ca.pem,target=/etc/ssl/suite-ca.pem`,
  ],
}));

/** The last of two counts, an empty line takes back, and what only Podman can be told. */
const ODD: readonly CorpusQuadlet[] = [
  {
    file: 'odd.container',
    more: ['Environment=TWICE=hidden PLAIN=kept'],
    secrets: [
      'Secret=never,type=env,target=NEVER',
      'Secret=',
      'Secret=odd-old,type=env,target=TWICE',
      'Secret=odd-new,type=env,target=TWICE',
      'Secret=odd-first,target=/etc/odd',
      'Secret=odd-second,target=/etc/odd,mode=0440',
      'Secret=odd-dots,type=env,target=discovery.password',
      'Secret=odd-dash,type=env,target=ODD-NAME',
      'Secret=odd_percent,type=mount,target=/etc/100%%,mode=0400',
      'Secret=odd_dollar,type=mount,target=/etc/a$$b',
    ],
  },
  {
    // Podman keeps one file of a secret: its last line says whose it is.
    file: 'rights.container',
    secrets: [
      'Secret=rights-key,target=/etc/first,mode=0400,uid=33',
      'Secret=rights-key,target=/etc/last,mode=0440,gid=70',
      'Secret=rights-lost,target=/etc/kept,mode=0444',
      'Secret=rights-lost,target=/etc/taken,mode=0400',
      'Secret=rights-over,target=/etc/taken',
      'Secret=rights-paths,target=/etc//odd/./paths/../key',
      'Secret=rights-paths,target=../above',
      'Secret=rights-paths,target=below//key',
    ],
  },
  {
    file: 'clash.container',
    more: ['Environment=clash=of a variable and a name'],
    secrets: ['Secret=clash', 'Secret=clash-2,type=env,target=clash_2', 'Secret=clash_2,target=/etc/clash'],
  },
];

export const QUADLET_CORPUS: readonly CorpusQuadlet[] = [
  ...DATABASES,
  ...WEB,
  ...OWNERS,
  ...SEVERAL_ON_A_LINE,
  ...TEMPLATES,
  ...POD,
  ...ODD,
];

export function corpusText({ secrets, more = [] }: CorpusQuadlet): string {
  return ['[Container]', 'Image=localhost/corpus', ...more, ...secrets, ''].join('\n');
}

/** What Podman's secret of this name holds: what a shell, systemd, YAML and JSON each have a meaning for; a file's last newline. */
export function corpusValue(secret: string): string {
  const end = /\.|-(?:key|cert)$/.test(secret) ? '\n' : '';
  return `value of ${secret}\n\n"two" 'one' $HOME \`x\` \\n\t%h 100% {{.}} ünïcode 🔑 #=,;${end}`;
}
