import { playDay } from './day.ts';
for (let seed = 1; seed <= Number(process.argv[2]); seed++) {
  const { story } = playDay(seed);
  story.forEach(({ at, says }, i) => {
    if (!says.includes('OVERSOLD')) return;
    const sku = /SKU-\d+/.exec(says)?.[0] ?? '';
    console.log(`--- seed ${seed}`);
    const near = story.slice(0, i + 1).filter((s) => (new RegExp(`${sku}\\b`).test(s.says)) && s.at > at - 900_000);
    for (const s of near.slice(-9)) console.log(new Date(s.at).toISOString().slice(11, 23), s.says.slice(0, 150));
  });
}
