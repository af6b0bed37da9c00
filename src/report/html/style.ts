/** Everything of the page that is no word: no font, image or script is fetched. */
export const style = `
:root{--ink:#1b2430;--dim:#5d6b7c;--paper:#f6f7f9;--card:#fff;--line:#e2e6eb;--rail:#edf0f4;--good:#2f9e6e;--warn:#d99a1c;--bad:#cf4646;--off:#b6bfca;
--c0:#2f6fb5;--c1:#3aa6a0;--c2:#8d6cc0;--c3:#d98a3d;--c4:#5b8c3a;--c5:#c25f8e;--c6:#6f7f95;--c7:#b0a03a;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--ink:#e4e9ef;--dim:#94a1b1;--paper:#12171d;--card:#1a2129;--line:#2b343f;--rail:#252e38;--good:#45bd8a;--warn:#e2ae45;--bad:#e56b6b;--off:#4d5966;
--c0:#5b9be0;--c1:#54c2bb;--c2:#ab8ddb;--c3:#e8a463;--c4:#86b863;--c5:#dd86ad;--c6:#93a4ba;--c7:#cfc05e}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1120px;margin:0 auto;padding:32px 24px 64px}
header{display:flex;flex-wrap:wrap;gap:4px 24px;align-items:baseline;justify-content:space-between;margin-bottom:20px}
h1{font-size:27px;line-height:1.2;margin:0;letter-spacing:-.02em}
header p{margin:0;color:var(--dim)}
h2{font-size:17px;margin:0 0 4px;letter-spacing:-.01em}
h3{font-size:13px;margin:20px 0 6px;color:var(--dim);font-weight:600}
section,.tile{background:var(--card);border:1px solid var(--line);border-radius:10px}
section{padding:20px 22px;margin-top:18px}
section>p{margin:0 0 12px;color:var(--dim);max-width:80ch}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px}
.tile{padding:14px 16px;border-left:4px solid var(--off)}
.tile.good{border-left-color:var(--good)}.tile.warn{border-left-color:var(--warn)}.tile.bad{border-left-color:var(--bad)}
.tile b{display:block;font-size:23px;line-height:1.2;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tile span{color:var(--dim);font-size:13px}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th{text-align:left;color:var(--dim);font-weight:600;font-size:12.5px;white-space:nowrap}
th,td{padding:7px 14px 7px 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
td.n,th.n{text-align:right;white-space:nowrap}
td.w{white-space:nowrap}
td small{color:var(--dim)}
code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.chart{margin:10px 0 0}
.plot{display:flex;gap:8px;height:230px}
.low .plot{height:110px}
.plot svg{flex:1;min-width:0;width:100%;height:100%;overflow:visible}
.axis{display:flex;flex-direction:column;justify-content:space-between;text-align:right;font-size:11.5px;color:var(--dim);min-width:56px;margin:-.7em 0;white-space:nowrap}
.days{display:flex;justify-content:space-between;font-size:11.5px;color:var(--dim);padding-left:64px;margin-top:8px}
.grid{stroke:var(--line);stroke-width:1;vector-effect:non-scaling-stroke}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;margin-top:10px}
.legend i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px}
.bar{display:block;width:100%;min-width:70px;height:8px;border-radius:4px;margin-top:7px}
.share{display:block;width:100%;height:14px;border-radius:7px;margin:10px 0}
.strip{display:block;width:100%;height:20px;margin-top:2px}
.rail{fill:var(--rail)}
.c0{fill:var(--c0);background:var(--c0)}.c1{fill:var(--c1);background:var(--c1)}.c2{fill:var(--c2);background:var(--c2)}.c3{fill:var(--c3);background:var(--c3)}
.c4{fill:var(--c4);background:var(--c4)}.c5{fill:var(--c5);background:var(--c5)}.c6{fill:var(--c6);background:var(--c6)}.c7{fill:var(--c7);background:var(--c7)}
svg .good{fill:var(--good)}svg .warn{fill:var(--warn)}svg .bad{fill:var(--bad)}svg .off{fill:var(--off)}svg .now{fill:var(--c0)}
.mark{font-weight:700}.mark.good{color:var(--good)}.mark.warn{color:var(--warn)}.mark.bad{color:var(--bad)}.mark.off{color:var(--dim)}
.pill{display:inline-block;padding:0 8px;border-radius:9px;font-size:12.5px;background:var(--rail);white-space:nowrap}
.pill.bad{background:var(--bad);color:#fff}.pill.warn{background:var(--warn);color:#1b1400}
.alerts{list-style:none;margin:0;padding:0}.alerts li{padding:6px 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}.alerts li:last-child{border:0}
details{margin-top:12px}summary{cursor:pointer;color:var(--dim)}
pre{margin:4px 0 0;padding:8px 10px;background:var(--rail);border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere}
footer{color:var(--dim);font-size:13px;margin-top:22px}
@media (max-width:640px){main{padding:20px 12px 40px}section{padding:16px 14px}.plot{height:180px}h1{font-size:22px}
.wide{display:none}td,th{padding-right:10px}.tiles{grid-template-columns:1fr 1fr}.tile{padding:10px 12px}.tile b{font-size:19px}}
@media print{:root{--paper:#fff;--card:#fff;--ink:#000;--dim:#444;--line:#ccc;--rail:#eee;--good:#2f9e6e;--warn:#d99a1c;--bad:#cf4646;--off:#b6bfca;color-scheme:light}
body{font-size:11px;-webkit-print-color-adjust:exact;print-color-adjust:exact}main{padding:0;max-width:none}section,.tile{break-inside:avoid;border-radius:0}
details:not([open])>*{display:revert}.scroll{overflow:visible}}
`
