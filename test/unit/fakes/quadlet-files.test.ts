// The fake keeps the contract of the folder, else tests on it prove nothing.

import { quadletFilesContract } from '../../contract/quadlet-files.contract.ts';
import { FakeQuadletFiles } from '../../fakes/quadlet-files.fake.ts';

quadletFilesContract('the fake', () => {
  const files = new FakeQuadletFiles();
  const put = (name: string, content: string | Uint8Array): Promise<string> => {
    const path = `/etc/containers/systemd/${name}`;
    files.texts.set(path, content);
    return Promise.resolve(path);
  };
  return Promise.resolve({ files, put });
});
