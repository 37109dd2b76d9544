// The parts of a campaign, in the order in which they run.

import type { Part } from './campaign.ts';
import { CUTS } from './cuts.ts';
import { FUZZ } from './fuzz.ts';
import { HELPER } from './helper.ts';
import { HOSTILE_ANSWERS } from './hostile.ts';
import { IMAGE_ARM64 } from './image-arm64.ts';
import { KILLS } from './kills.ts';

export const PARTS: readonly Part[] = [KILLS, CUTS, FUZZ, HOSTILE_ANSWERS, HELPER, IMAGE_ARM64];
