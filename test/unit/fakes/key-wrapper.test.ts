// The fake key wrapper keeps the contract of the real ones, else tests on it prove nothing.

import { FakeKeyWrapper } from '../../fakes/key-wrapper.fake.ts';
import { keyWrapperContract } from '../../contract/key-wrapper.contract.ts';

keyWrapperContract('the fake', () => {
  const wrapper = new FakeKeyWrapper();
  return Promise.resolve({
    wrapper,
    stranger: new FakeKeyWrapper(),
    detach: () => {
      wrapper.failure = 'absent';
      return Promise.resolve();
    },
    attach: () => {
      wrapper.failure = undefined;
      return Promise.resolve();
    },
    dispose: () => Promise.resolve(),
    wrapNeedsDevice: true,
  });
});
