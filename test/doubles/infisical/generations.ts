// What differs between the servers that the double can be: one table of traits, one column for each of them. Code elsewhere asks for a
// trait and never for a generation. Each trait names where it was seen:
//   2024     read in the source of a server of July 2024; what later servers were seen to do and is taken for this one is marked "inferred"
//   2025     seen on Infisical of June 2025 (ef4ae958), run with PostgreSQL 15 and Redis 7
//   2025-v4  the same with v4/secrets and v2/folders made from its own routes, as upstream did in September 2025; run
//   v4       a current server: read in Infisical's source of 2026; the 404 of a list and its refused references were run
import type { Generation } from './model.ts';

export type ReferenceWords = 'brief' | '2025' | '2026';

export interface Traits {
  /** `/api/v4/secrets` and `/api/v2/folders`: September 2025. */
  readonly v4Routes: boolean;
  /** The certificate manager: December 2025. */
  readonly certificates: boolean;
  /** `/api/v1/projects/slug/:slug`: September 2025. */
  readonly projectsBySlug: boolean;
  /** Seen on June 2025: it has no such route. */
  readonly tlsCertLogin: boolean;
  /** July 2024 swaps 401 and 403, answers 403 to what its schema refuses, and gives no `reqId`. */
  readonly invertedStatuses: boolean;
  /** After failed logins: August 2025. */
  readonly lockout: boolean;
  /** Of a login with an unknown client id (row 13). */
  readonly unknownClient: 'invalid credentials' | 'not found';
  readonly tokens: '2024' | '2025' | '2026';
  /** How an unknown project, and one without this identity, are answered (rows 15, 16). */
  readonly membership: '2024' | '2025' | '2026';
  /** Defaults of 9 February 2026: imports and references on, `includeImports` in v4. */
  readonly v4Defaults: '2025' | '2026';
  /** Of `expandSecretReferences` in v3. */
  readonly v3Expands: boolean;
  /** `viewSecretValue` and values that are hidden: March 2025. */
  readonly hiddenValues: boolean;
  readonly tagFilter: boolean;
  /** Machine identities get personal secrets; June 2025 was seen not to do it. */
  readonly personalToIdentities: boolean;
  /** What a list without the folder answers (row 2). */
  readonly missingFolderList: 'empty' | 'not found';
  /** Whether a list names `imports` although they were not asked for; read in the sources of June 2025 and of 2026. */
  readonly alwaysListsImports: boolean;
  /** Without it a list is refused (row 1). */
  readonly listNeeds: 'describe on the folder' | 'describe anywhere';
  readonly listOrder: 'id' | 'key';
  /** An own value in a list with a reference to what may not be read (row 3). */
  readonly unreadableReference: 'stays text' | 'refused';
  /** The same of an imported value, in list and get (row 4). */
  readonly unreadableImportedReference: 'stays text' | 'refused';
  /** The sentence of that refusal, of a single value and in the details of a list (rows 3, 5); `brief` names the reference alone. */
  readonly referenceWords: ReferenceWords;
  readonly references: '2025' | '2026';
  /** An imported secret whose value may not be read, asked for singly (row 6). */
  readonly hiddenImport: 'passed over' | 'refused';
  /** How deep imports of imports go (row 7). */
  readonly imports: 'ten levels of first groups' | 'direct and one level';
  /** What a value refers to must be there when it is written (row 11). */
  readonly referencesMustExist: boolean;
  /** Rows 18 and 19. */
  readonly nameRules: 'none' | 'no blanks' | 'no colon, no slash';
  /** Secret paths are checked for their characters, and get no leading slash (rows 20, 21). */
  readonly strictPaths: boolean;
  /** Names of two secrets in one batch may be the same (row 24). */
  readonly keepsDuplicates: boolean;
  /** Words and statuses of refused writes (rows 17, 25). */
  readonly writeWords: '2024' | '2025' | '2026';
  readonly upserts: boolean;
  /** How a batch in v3 names its project (row 23). */
  readonly v3Batch: 'slug' | 'slug or id';
  /** Which fields an answer has (row 31). */
  readonly shapes: '2024' | '2025' | '2026';
  /** Right on folders: its own subject (row 28). July 2024 asked for one on secrets. */
  readonly folderSubject: 'secrets' | 'secret-folders';
  /** July 2024 checked the names of folders nowhere. */
  readonly folderNames: boolean;
  /** The words of row 29: what a right is called, and which rules `details` holds. */
  readonly rights: 'brief' | 'rules';
  /** Logins take the slug of an organization: November 2025. */
  readonly organizations: boolean;
}

const JULY_2024: Traits = {
  v4Routes: false,
  certificates: false,
  projectsBySlug: false,
  tlsCertLogin: true,
  invertedStatuses: true,
  lockout: false,
  unknownClient: 'invalid credentials',
  tokens: '2024',
  membership: '2024',
  v4Defaults: '2025',
  v3Expands: false,
  hiddenValues: false,
  tagFilter: false,
  personalToIdentities: true,
  missingFolderList: 'empty',
  alwaysListsImports: false,
  listNeeds: 'describe on the folder',
  listOrder: 'key',
  unreadableReference: 'refused',
  unreadableImportedReference: 'refused',
  referenceWords: 'brief',
  // Inferred from the current server.
  references: '2026',
  hiddenImport: 'passed over',
  imports: 'ten levels of first groups',
  referencesMustExist: false,
  nameRules: 'none',
  strictPaths: false,
  keepsDuplicates: false,
  writeWords: '2024',
  upserts: false,
  v3Batch: 'slug',
  shapes: '2024',
  folderSubject: 'secrets',
  folderNames: false,
  rights: 'brief',
  organizations: false,
};

const JUNE_2025: Traits = {
  v4Routes: false,
  certificates: false,
  projectsBySlug: false,
  tlsCertLogin: false,
  invertedStatuses: false,
  lockout: false,
  unknownClient: 'not found',
  tokens: '2025',
  membership: '2025',
  v4Defaults: '2025',
  v3Expands: false,
  hiddenValues: true,
  tagFilter: true,
  personalToIdentities: false,
  missingFolderList: 'empty',
  alwaysListsImports: true,
  listNeeds: 'describe anywhere',
  listOrder: 'id',
  unreadableReference: 'stays text',
  unreadableImportedReference: 'stays text',
  referenceWords: '2025',
  references: '2025',
  hiddenImport: 'refused',
  imports: 'direct and one level',
  referencesMustExist: true,
  nameRules: 'no blanks',
  strictPaths: true,
  keepsDuplicates: true,
  writeWords: '2025',
  upserts: true,
  v3Batch: 'slug or id',
  shapes: '2025',
  folderSubject: 'secret-folders',
  folderNames: true,
  rights: 'rules',
  organizations: false,
};

const CURRENT: Traits = {
  ...JUNE_2025,
  v4Routes: true,
  certificates: true,
  projectsBySlug: true,
  tlsCertLogin: true,
  lockout: true,
  unknownClient: 'invalid credentials',
  tokens: '2026',
  membership: '2026',
  v4Defaults: '2026',
  v3Expands: true,
  missingFolderList: 'not found',
  listOrder: 'key',
  unreadableReference: 'refused',
  referenceWords: '2026',
  references: '2026',
  referencesMustExist: false,
  nameRules: 'no colon, no slash',
  writeWords: '2026',
  shapes: '2026',
  organizations: true,
};

export const TRAITS: Readonly<Record<Generation, Traits>> = {
  v4: CURRENT,
  '2025-v4': { ...JUNE_2025, v4Routes: true },
  '2025': JUNE_2025,
  '2024': JULY_2024,
};

export const GENERATIONS = { v4: null, '2025-v4': null, '2025': null, '2024': null } as const;
