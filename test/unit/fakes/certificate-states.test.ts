// The fake keeps the contract of the files, else tests on it prove nothing.

import { certificateStatesContract } from '../../contract/certificate-states.contract.ts';
import { FakeCertificateStates } from '../../fakes/certificate-states.fake.ts';

certificateStatesContract('the fake', () => Promise.resolve(new FakeCertificateStates()));
