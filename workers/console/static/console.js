/* What a page does in the browser beyond htmx: tells whether it is live, falls back to asking now and then, and draws the charts. */
(() => {
  const POLL_MS = 15_000;
  const says = document.querySelector('#live-says');
  const pause = document.querySelector('#live-pause');
  const stream = document.querySelector('#stream');
  let isPaused = false;
  let poll = null;

  const tell = (text) => {
    if (says !== null && says.textContent !== text) says.textContent = text;
  };
  const startPolling = (text) => {
    tell(text);
    poll ??= setInterval(() => {
      if (!document.hidden && !isPaused) document.body.dispatchEvent(new CustomEvent('live-poll'));
    }, POLL_MS);
  };
  const stopPolling = () => {
    clearInterval(poll);
    poll = null;
  };

  if (stream !== null) {
    stream.addEventListener('live-open', () => {
      stopPolling();
      tell(isPaused ? 'paused' : 'live');
    });
    stream.addEventListener('live-full', () => startPolling('too many pages are open: looked at every 15 s'));
    for (const name of ['htmx:sse:error', 'htmx:sse:close', 'htmx:error', 'htmx:response:error'])
      stream.addEventListener(name, () => startPolling('no live line: looked at every 15 s'));
    // Until the line stands.
    startPolling('looked at every 15 s');
    pause.hidden = false;
    pause.addEventListener('click', () => {
      isPaused = !isPaused;
      pause.setAttribute('aria-pressed', String(isPaused));
      pause.textContent = isPaused ? 'Go on' : 'Pause';
      tell(isPaused ? 'paused' : 'live');
      if (!isPaused) document.body.dispatchEvent(new CustomEvent('live-poll'));
    });
  }
  // What moves while a person has paused the page does not reach it.
  for (const topic of ['stock', 'sync', 'alerts', 'channels', 'work', 'trail'])
    document.addEventListener(`live-${topic}`, (event) => isPaused && event.stopImmediatePropagation(), true);

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const drawn = new WeakMap();

  const optionsOf = (chart, width) => {
    const axis = {
      stroke: style('--soft'),
      grid: { stroke: style('--line'), width: 1 },
      ticks: { stroke: style('--line') },
    };
    return {
      width,
      height: 220,
      tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
      cursor: { drag: { x: true, y: false } },
      scales: { y: { range: (_, low, high) => [Math.min(0, low), high === low ? high + 1 : high * 1.05] } },
      axes: [axis, { ...axis, size: 56, values: (_, values) => values.map((value) => `${value}${chart.unit}`) }],
      series: [
        { label: 'UTC' },
        ...chart.lines.map((line, index) => ({
          label: line.label,
          stroke: style(`--shade-${index % 6}`),
          width: 2,
          dash: index >= 6 ? [6, 3] : undefined,
          spanGaps: true,
          points: { show: chart.times.length < 60 },
          ...(line.isStep ? { paths: window.uPlot.paths.stepped({ align: 1 }) } : {}),
        })),
      ],
    };
  };

  const draw = (figure) => {
    const text = figure.dataset.chart;
    const before = drawn.get(figure);
    if (before?.text === text) return;
    const box = figure.querySelector('.plot');
    const chart = JSON.parse(text);
    before?.plot.destroy();
    before?.watch.disconnect();
    const data = [chart.times, ...chart.lines.map((line) => line.values)];
    const plot = new window.uPlot(optionsOf(chart, Math.max(200, box.clientWidth)), data, box);
    const watch = new ResizeObserver(() => plot.setSize({ width: Math.max(200, box.clientWidth), height: 220 }));
    watch.observe(box);
    drawn.set(figure, { text, plot, watch });
  };
  const drawAll = () => document.querySelectorAll('figure[data-chart]').forEach(draw);

  document.addEventListener('htmx:after:swap', drawAll);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const figure of document.querySelectorAll('figure[data-chart]')) {
      const before = drawn.get(figure);
      if (before === undefined) continue;
      before.text = '';
      draw(figure);
    }
  });
  // What a link leads to inside something folded is unfolded, where the browser does not do so by itself.
  const unfold = () => {
    if (location.hash.length > 1)
      document.getElementById(location.hash.slice(1))?.closest('details')?.setAttribute('open', '');
  };
  addEventListener('hashchange', unfold);
  unfold();

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', drawAll);
  else drawAll();
})();
