import { playDay } from './day.ts';
const [seed, pat] = [Number(process.argv[2]), new RegExp(process.argv[3] ?? '.')];
const { story, naiveStory } = playDay(seed);
for (const { at, says } of process.argv[4] ? naiveStory : story) if (pat.test(says)) console.log(new Date(at).toISOString().slice(11, 23), says);
