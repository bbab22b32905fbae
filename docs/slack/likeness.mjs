// Messages and views of Slack as HTML: reads a list of {name, kind, payload} from shots.json and
// writes one page, gallery.html, with a <section id="name"> for each. Run by docs/write_slack_gallery.py.
import { readFileSync, writeFileSync } from "node:fs";
import { createElement as h } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { Message } from "slack-blocks-to-jsx";

const logo =
  "data:image/svg+xml;utf8," +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36"><rect width="36" height="36" rx="8" fill="#1f2937"/>' +
      '<path d="M9 12h18v12H9zM9 12l9 7 9-7" fill="none" stroke="#fff" stroke-width="2"/></svg>',
  );
const people = { users: [{ id: "U1", name: "ann" }, { id: "U2", name: "bob" }, { id: "U3", name: "eve" }] };
const shots = JSON.parse(readFileSync("shots.json", "utf8"));

const words = (text) => (typeof text === "string" ? text : (text?.text ?? ""));
const blocks = (payload) =>
  h(Message, {
    blocks: payload.blocks, logo, name: "Campaigns", time: new Date("2026-11-23T09:30:00"), data: people,
  });

function shown({ kind, payload }) {
  if (kind === "message") return h("div", { className: "message" }, blocks(payload));
  const bare = h("div", { className: "bare" }, blocks(payload));
  if (kind === "home") return h("div", { className: "home" }, bare);
  const foot = [payload.close && h("button", { key: "c" }, words(payload.close))];
  if (payload.submit) foot.push(h("button", { key: "s", className: "go" }, words(payload.submit)));
  return h("div", { className: "modal" },
    h("header", null, words(payload.title)), bare, h("footer", null, foot));
}

const emoji = readFileSync(
  new URL(import.meta.resolve("@fontsource/noto-color-emoji/emoji.css")), "utf8",
).replaceAll("url(./", `url(${new URL("files/..", import.meta.resolve("@fontsource/noto-color-emoji/package.json"))}`);
const css = readFileSync(new URL(import.meta.resolve("slack-blocks-to-jsx/dist/style.css")), "utf8");
const own = `
  body { margin: 0; background: #fff; font-family: Lato, "Helvetica Neue", Helvetica, Arial, "Noto Color Emoji", sans-serif; }
  .slack_blocks_to_jsx, .slack_blocks_to_jsx * { font-family: Lato, Helvetica, Arial, "Noto Color Emoji", sans-serif; }
  code, pre, pre * { font-family: Monaco, Menlo, monospace !important; }
  section { width: 720px; padding: 16px; box-sizing: border-box; background: #fff; }
  .modal { border: 1px solid #ddd; border-radius: 10px; box-shadow: 0 2px 12px #0002; width: 560px; }
  .modal header { font-weight: 800; font-size: 20px; padding: 16px 20px; border-bottom: 1px solid #eee; }
  .modal footer { padding: 14px 20px; border-top: 1px solid #eee; text-align: right; }
  .modal footer button { border: 1px solid #bbb; background: #fff; border-radius: 5px; margin-left: 8px;
    padding: 7px 14px; font-weight: 700; font-size: 15px; }
  .modal footer .go { background: #007a5a; border-color: #007a5a; color: #fff; }
  .modal .bare, .home .bare { padding: 10px 20px; }
  .bare img[src^="data:image/svg"], .bare [class*="blocks_to_jsx--header"] { display: none !important; }
  h3, h2, .slack_blocks_to_jsx a { text-decoration: none; }
  pre { white-space: pre-wrap; }
  img { max-width: 640px; height: auto; }`;
const body = shots.map((one) => `<section id="${one.name}">${renderToStaticMarkup(shown(one))}</section>`);
writeFileSync(
  "gallery.html",
  `<!doctype html><meta charset="utf-8"><style>${emoji}${css}${own}</style><body>${body.join("\n")}</body>`,
);
