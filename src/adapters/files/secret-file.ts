// Secrets as files of their own. Users and groups are looked up where this process runs: in the container that is the container's list, and
// numbers are what both sides agree on.

import { stat } from 'node:fs/promises';
import { PsiError } from '../../core/error.ts';
import type { FileOwner, SecretFiles } from '../../transfer/secret-files.ts';
import { writeFileAtomic } from './atomic-write.ts';
import { readBounded } from './file-calls.ts';
import { withFolderOf } from './held-folder.ts';
import { errnoOf, fileError } from './host-error.ts';

const NUMBER = /^\d{1,10}$/;
const LARGEST_ID = 4_294_967_294;

export function createSecretFiles({ etc }: { readonly etc: string }): SecretFiles {
  const idOf = async (file: 'passwd' | 'group', name: string): Promise<number> => {
    if (NUMBER.test(name) && Number(name) <= LARGEST_ID) return Number(name);
    const text = await readBounded(`${etc}/${file}`).catch(() => undefined);
    const fields = (text?.toString('utf8') ?? '').split('\n').map((line) => line.split(':'));
    const id = fields.find(([known]) => known === name)?.[2];
    if (name !== '' && id !== undefined && NUMBER.test(id)) return Number(id);
    throw new PsiError('USAGE', `there is no ${file === 'passwd' ? 'user' : 'group'} ${name} in ${etc}/${file}`, {
      hint: 'the container has users of its own: give numbers, as `id USER` prints them on the host',
    });
  };
  return {
    ownerOf: async (text): Promise<FileOwner> => {
      const [user = '', group, more] = text.split(':');
      if (text === '' || text === ':' || more !== undefined) {
        throw new PsiError('USAGE', 'an owner is USER, USER:GROUP or UID:GID', {
          hint: 'for example `--owner 999:999`',
        });
      }
      return {
        uid: user === '' ? -1 : await idOf('passwd', user),
        gid: group === undefined || group === '' ? -1 : await idOf('group', group),
      };
    },
    write: async (path, value, options) => {
      try {
        await withFolderOf(path, {}, async (at) => {
          // A rename would end in EISDIR only after the value has been on the disk.
          const there = await stat(at).catch(() => undefined);
          if (there?.isDirectory()) {
            throw new PsiError('USAGE', `${path} is a folder`, { hint: 'name the file that is to be written in it' });
          }
          await writeFileAtomic(at, value.expose(), options);
        });
      } catch (thrown) {
        if (errnoOf(thrown) !== 'ENOENT') throw fileError('write', path, thrown);
        throw new PsiError('HOST', `cannot write ${path}: its folder is not there`, {
          hint: 'create it; in the container only mounted folders outlive it',
        });
      }
    },
  };
}
