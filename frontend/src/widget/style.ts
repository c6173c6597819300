/** The widget's own style, inside its shadow root; a constructed sheet needs no style-src of the page. */

const LIGHT = `
  --canvas: #faf9f7; --surface: #fff; --line: #e5e2db; --line-strong: #8b857a; --ink: #1d1c1a; --muted: #5f5b54;
  --accent: #0f766e; --accent-soft: #e2f1ee; --on-accent: #fff; --danger: #b42318; color-scheme: light;`;
const DARK = `
  --canvas: #171716; --surface: #232321; --line: #33322f; --line-strong: #8a857b; --ink: #eceae5; --muted: #b1ada4;
  --accent: #2dbfae; --accent-soft: #16332f; --on-accent: #06231f; --danger: #ff8a7a; color-scheme: dark;`;

export const STYLE = `
:host { all: initial; ${LIGHT} font: 15px/1.5 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) { ${DARK} } }
:host([theme="dark"]) { ${DARK} }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
button, textarea { font: inherit; color: inherit; }
button { cursor: pointer; background: none; border: 1px solid transparent; border-radius: 8px; }
button:disabled { opacity: .5; cursor: not-allowed; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
svg { width: 18px; height: 18px; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; display: block; }
.launcher { position: fixed; inset: auto 20px 20px auto; z-index: 2147483000; width: 56px; height: 56px; border-radius: 50%;
  background: var(--accent); color: var(--on-accent); box-shadow: 0 4px 16px rgb(0 0 0 / .25); display: grid; place-items: center; }
.launcher svg { width: 26px; height: 26px; }
.panel { position: fixed; inset: auto 20px 20px auto; z-index: 2147483001; width: 400px; height: min(640px, calc(100dvh - 40px));
  display: flex; flex-direction: column; background: var(--canvas); color: var(--ink); border: 1px solid var(--line);
  border-radius: 16px; box-shadow: 0 8px 40px rgb(0 0 0 / .25); overflow: hidden; }
@media (max-width: 480px) { .panel { inset: 0; width: auto; height: auto; border: 0; border-radius: 0; } }
header { display: flex; align-items: center; gap: 4px; padding: 10px 10px 10px 16px; border-bottom: 1px solid var(--line); background: var(--surface); }
h2 { margin: 0; flex: 1; min-width: 0; font-size: 16px; font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.icon { width: 36px; height: 36px; display: grid; place-items: center; color: var(--muted); }
.icon:hover { background: var(--accent-soft); color: var(--ink); }
.log { flex: 1; overflow-y: auto; padding: 16px; display: flex; flex-direction: column; gap: 12px; overscroll-behavior: contain; }
.text { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.prompt { align-self: flex-end; max-width: 85%; padding: 8px 12px; border-radius: 14px; background: var(--accent-soft); }
.answer { display: flex; flex-direction: column; gap: 6px; }
.choice { padding: 10px 12px; border: 1px solid var(--line); border-radius: 12px; background: var(--surface); display: flex; flex-direction: column; gap: 8px; }
.choice.better { border-color: var(--accent); }
.note, .hint { margin: 0; font-size: 13px; color: var(--muted); }
.row { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }
.pick { padding: 4px 10px; font-size: 13px; border-color: var(--line-strong); }
.pick[aria-pressed="true"], .icon[aria-pressed="true"] { background: var(--accent-soft); color: var(--accent); border-color: var(--accent); }
.error { margin: 0; padding: 8px 16px; font-size: 13px; color: var(--danger); }
form { padding: 10px 12px 12px; border-top: 1px solid var(--line); background: var(--surface); }
.box { display: flex; gap: 8px; align-items: flex-end; }
textarea { flex: 1; min-width: 0; resize: none; max-height: 140px; padding: 8px 12px; font-size: 16px; background: var(--canvas); border: 1px solid var(--line-strong); border-radius: 12px; }
.send { width: 40px; height: 40px; flex: none; display: grid; place-items: center; border-radius: 50%; background: var(--accent); color: var(--on-accent); }
label { display: flex; gap: 8px; align-items: flex-start; margin-top: 8px; font-size: 13px; color: var(--muted); }
input { margin: 3px 0 0; accent-color: var(--accent); }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.dots::after { content: "…"; }
`;
