"""The style sheet of a report: light, dark and print."""

from __future__ import annotations

STYLE = """\
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f6f7f9; --ink: #1c2128; --soft: #5b6470; --rule: #dfe3e8;
  --passed: #1a7f37; --passed-soft: #e3f5e7; --failed: #c5221f; --failed-soft: #fdeaea;
  --attention: #8a5a00; --attention-soft: #fdf3d7; --running: #0b5cad; --running-soft: #e4f0fc;
  --neutral: #5b6470; --neutral-soft: #eef0f3; --hatch: #b6bec8;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Noto Sans Mono", "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14181e; --panel: #1c2129; --ink: #e3e7ec; --soft: #98a2ae; --rule: #313843;
    --passed: #57c26f; --passed-soft: #16301d; --failed: #f47c76; --failed-soft: #3a1c1d;
    --attention: #dfb04a; --attention-soft: #352a11; --running: #6cb2f5; --running-soft: #14293e;
    --neutral: #98a2ae; --neutral-soft: #262c35; --hatch: #4c5663;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 var(--sans); }
main, header, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 2.5rem; }
h1 { font-size: 1.9rem; line-height: 1.25; margin: .2rem 0 .8rem; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .8rem; padding-bottom: .3rem; border-bottom: 1px solid var(--rule); }
h4 { font-size: .95rem; margin: .9rem 0 .3rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; overflow-wrap: anywhere; }
p { margin: .5rem 0; }
a { color: var(--running); text-decoration: none; }
a:hover { text-decoration: underline; }
code, pre { font-family: var(--mono); font-size: .86em; }
pre { margin: .5rem 0; padding: .7rem .9rem; background: var(--panel); border-radius: 6px; overflow-x: auto;
  line-height: 1.45; tab-size: 4; white-space: pre-wrap; overflow-wrap: anywhere; }
ul, ol { padding-left: 1.4rem; margin: .5rem 0; }
li { margin: .2rem 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
#tasks ~ .scroll > table { min-width: 38rem; }
th { white-space: nowrap; text-align: left; font-weight: 600; color: var(--soft); font-size: .82rem; }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--rule); vertical-align: top;
  overflow-wrap: anywhere; }
tbody tr:last-child td { border-bottom: 0; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.mark, th.mark { width: 1.8rem; }
.scroll { overflow-x: auto; margin: .6rem 0; }
.body .scroll { margin: .2rem 0; }
.where { color: var(--soft); font-size: .9rem; margin: 0; overflow-wrap: anywhere; }
.lead { color: var(--soft); margin: 0 0 1.4rem; }
.lead .badge { margin-right: .5rem; }
.note { color: var(--soft); font-size: .87rem; }
.soft { color: var(--soft); }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.badge { display: inline-block; padding: .05rem .6rem; border-radius: 1rem; font-weight: 600; font-size: .8rem;
  letter-spacing: .01em; border: 1px solid transparent; white-space: nowrap; }
header .badge { font-size: 1rem; padding: .15rem .8rem; }
.badge.passed, .gate.passed { background: var(--passed-soft); color: var(--passed); }
.badge.failed, .gate.failed { background: var(--failed-soft); color: var(--failed); }
.badge.attention, .gate.attention { background: var(--attention-soft); color: var(--attention); }
.badge.running, .gate.running { background: var(--running-soft); color: var(--running); }
.badge.neutral, .gate.neutral { background: var(--neutral-soft); color: var(--neutral); }
.gates { display: grid; grid-template-columns: repeat(4, 1fr); gap: .7rem; list-style: none; padding: 0; margin: 0; }
.gate { border-radius: 8px; padding: .7rem .9rem; margin: 0; border-top: 3px solid currentColor; }
.gate b { display: block; color: var(--ink); font-size: .82rem; letter-spacing: .04em; }
.gate strong { display: block; font-size: 1.02rem; }
.gate p { margin: .25rem 0 0; color: var(--soft); font-size: .84rem; line-height: 1.4; }
.callout { border-left: 4px solid var(--attention); background: var(--attention-soft); padding: .7rem 1rem;
  border-radius: 0 6px 6px 0; margin: 1.4rem 0 0; overflow-wrap: anywhere; }
.callout.failed { border-color: var(--failed); background: var(--failed-soft); }
.callout.running, .callout.neutral { border-color: var(--running); background: var(--running-soft); }
.figures { display: flex; flex-wrap: wrap; gap: .5rem 2.2rem; margin: 0 0 1.2rem; padding: 0; list-style: none; }
.figures b.neutral { color: var(--ink); }
.figures b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; line-height: 1.3; }
.figures span { color: var(--soft); font-size: .84rem; }
.criteria { list-style: none; padding: 0; }
.criteria li { display: grid; grid-template-columns: 1.6rem 1fr; margin: .35rem 0; }
.sign { font-weight: 700; }
.sign.passed { color: var(--passed); } .sign.failed { color: var(--failed); }
.sign.attention { color: var(--attention); } .sign.running { color: var(--running); }
.sign.neutral { color: var(--neutral); }
details > summary { cursor: pointer; overflow-wrap: anywhere; }
details > summary::marker { color: var(--soft); }
details.attempt { border: 1px solid var(--rule); border-radius: 8px; margin: .6rem 0; }
details.attempt > summary { padding: .55rem .9rem; }
details.attempt > .body { padding: .1rem .9rem .8rem; border-top: 1px solid var(--rule); }
details.output > summary { color: var(--soft); font-size: .87rem; }
.took, .counts { font-variant-numeric: tabular-nums; white-space: nowrap; }
.count { color: var(--soft); }
.file { border: 1px solid var(--rule); border-radius: 8px; margin: .5rem 0; overflow: hidden; }
p.file, .file > summary { padding: .4rem .9rem; }
.file > summary { background: var(--panel); }
.file pre { margin: 0; border-radius: 0; background: none; padding: .4rem 0; border-top: 1px solid var(--rule);
  font-size: .8rem; }
.file .note { padding: 0 .9rem; }
.file .path { margin: 0 .7rem 0 .5rem; overflow-wrap: anywhere; }
.letter { font: 700 .78rem var(--mono); color: var(--soft); }
.letter.added, .plus { color: var(--passed); } .letter.deleted, .minus { color: var(--failed); }
.letter.renamed { color: var(--running); }
.counts { font-size: .84rem; }
pre.diff { white-space: pre-wrap; padding-left: .9rem; padding-right: .9rem; }
pre.diff span { display: block; margin: 0 -.9rem; padding: 0 .9rem; }
.diff .add { background: var(--passed-soft); } .diff .del { background: var(--failed-soft); }
.diff .hunk { color: var(--soft); background: var(--panel); }
.timeline { display: grid; gap: .3rem; font-size: .88rem; }
.timeline .row { display: grid; grid-template-columns: 8rem 1fr 9.5rem; gap: .8rem; align-items: center; }
.timeline .label { overflow-wrap: anywhere; line-height: 1.3; }
.timeline .took { text-align: right; color: var(--soft); font-size: .82rem; }
.timeline svg { display: block; background: var(--panel); border-radius: 3px; }
.axis { display: flex; justify-content: space-between; margin: 0 10.3rem 0 8.8rem; color: var(--soft);
  font-size: .78rem; font-variant-numeric: tabular-nums; }
svg.defs { position: absolute; }
svg.progress .neutral { fill: var(--rule); }
svg.progress { display: block; border-radius: 5px; margin-bottom: 1rem; }
.bar.passed { fill: var(--passed); } .bar.failed { fill: var(--failed); } .bar.attention { fill: var(--attention); }
.bar.running { fill: var(--running); } .bar.neutral { fill: var(--neutral); }
.wait { fill: url(#hatch); } line.hatch { stroke: var(--hatch); stroke-width: 3; }
.task + .task { border-top: 1px solid var(--rule); padding-top: .4rem; margin-top: 1.6rem; }
footer { color: var(--soft); font-size: .84rem; padding-top: 2.5rem; padding-bottom: 3rem; }
@media (max-width: 640px) {
  main, header, footer { padding-left: 1rem; padding-right: 1rem; }
  header { padding-top: 1.4rem; }
  h1 { font-size: 1.5rem; }
  .gates { grid-template-columns: 1fr 1fr; }
  .timeline .row { grid-template-columns: 1fr auto; gap: .1rem .8rem; margin-bottom: .3rem; }
  .timeline svg { grid-row: 2; grid-column: 1 / 3; }
  .axis { margin: 0; }
  th, td { padding-right: .6rem; }
}
@media print {
  :root {
    --page: #ffffff; --panel: #f6f7f9; --ink: #000000; --soft: #444b55; --rule: #c9ced5;
    --passed: #1a7f37; --passed-soft: #e3f5e7; --failed: #c5221f; --failed-soft: #fdeaea;
    --attention: #8a5a00; --attention-soft: #fdf3d7; --running: #0b5cad; --running-soft: #e4f0fc;
    --neutral: #444b55; --neutral-soft: #eef0f3; --hatch: #b6bec8;
  }
  @page { margin: 16mm 14mm; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 10.5pt; }
  main, header, footer { max-width: none; padding: 0; }
  header { padding-top: 0; }
  h2, h3, summary, .file > summary { break-after: avoid; }
  tr, .gate, .callout, .row { break-inside: avoid; }
  .attempt::details-content, .output::details-content { content-visibility: visible; display: block; block-size: auto; }
  .attempt > summary, .output > summary { list-style: none; }
  a { color: inherit; }
}
"""
